"""From the templates of one app to the objects that a cluster gets: found, rendered, parsed, stamped.

Vetting is a step of its own (``vetting.check_manifests``), and nothing goes to a cluster before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from release.image import is_pinned
from release.model import Color
from release.problems import Problem
from source.documents import Object, Unusable, parse_documents
from source.pinning import check_pinned, pin_image
from source.placeholders import MisplacedValue, Placeholders
from source.stamping import (
    check_no_user_comes,
    stamp_default_entry,
    stamp_deployment,
    stamp_migration,
    stamp_namespace,
    stamp_pull_secrets,
    stamp_subsets,
    stamp_test_entry,
)
from source.templates import ROLES, Templates, read_templates, render_envsubst, render_jinja
from source.values import names_by_color, variables_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from release.config import App

MIGRATION: Final = "migration"
"""The role of the file that ``migrate_job`` names."""

_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:@-]*")


@dataclass(frozen=True, slots=True)
class Context:
    """What a template may know. ``values`` (see ``values.values_for``) may hold secrets.

    ``live_color``: the color that the default route names, or the other one on a first deploy. ``image`` has
    its digest where the release waited for it.

    Raises:
        ValueError: a name has characters that could change the meaning of a manifest.
    """

    app: str
    namespace: str
    color: Color
    live_color: Color
    tag: str
    commit: str
    release: str
    image: str
    values: Mapping[str, object] = field(repr=False)

    def __post_init__(self) -> None:
        for name, value in self._names().items():
            if not _WORD.fullmatch(value):
                raise ValueError(f"the {name} {value[:80]!r} can't stand in a manifest")

    def variables(self, placeholders: Placeholders) -> dict[str, object]:
        """The variables of a Jinja2 template."""
        return {**self._names(), "values": placeholders.without_secrets(dict(self.values))}

    def _names(self) -> dict[str, str]:
        fields = ("app", "namespace", "color", "live_color", "tag", "commit", "release", "image")
        return {name: str(getattr(self, name)) for name in fields}


@dataclass(frozen=True, slots=True)
class Manifests:
    """One app's objects for one release. Printing it shows no content: there may be secrets inside.

    ``extras`` are further objects of the files, in their order; ``origin`` says whose templates these are.
    ``migration`` is the Job of ``migrate_job``: it is no part of what a deploy applies.
    """

    service: Object = field(repr=False)
    deployment: Object = field(repr=False)
    gateway: Object | None = field(repr=False)
    destination_rule_steady: Object = field(repr=False)
    destination_rule_test: Object = field(repr=False)
    virtual_service_steady: Object = field(repr=False)
    virtual_service_test: Object = field(repr=False)
    extras: tuple[Object, ...] = field(repr=False)
    origin: str
    migration: Object | None = field(repr=False, default=None)


def render(app: App, tree: Path, context: Context) -> Manifests:
    """The app's objects for this release.

    Raises:
        Problem: ``manifests-invalid``, ``manifest-missing`` or ``secret-missing``, with file and line.
    """
    origin = f"{app.manifests.path}/"
    try:
        templates = read_templates(app, tree)
        origin = templates.origin
        placeholders = Placeholders()
        places = _places(app, templates)
        texts = _render(app, templates, context, placeholders, [file for file in places.values() if file])
        files = _parse(places, texts, placeholders)
        manifests = _assemble(files, templates, places.get(MIGRATION))
        _stamp(manifests, app, context, templates)
    except Unusable as error:
        raise _invalid(error, context, origin) from None
    except _Missing as error:
        raise _missing(error, context, origin) from None
    return manifests


class _Missing(Exception):
    """A file that every app needs is not there, or lacks its object."""


def _places(app: App, templates: Templates) -> dict[str, str | None]:
    """The file of each role, the Job that migrates among them."""
    places = {role: templates.find(role) for role in ROLES}
    if app.migrate_job is None:
        return places
    if app.migrate_job not in templates.texts:
        raise _Missing(f"{app.migrate_job} is not there, and the app's migrate_job names it")
    return {**places, MIGRATION: app.migrate_job}


def _render(
    app: App, templates: Templates, context: Context, placeholders: Placeholders, files: list[str]
) -> dict[str, str]:
    if templates.syntax == "jinja2":
        secrets = {
            "env_from": list(app.env_from.get(context.color, [])),
            "image_pull_secrets": list(app.image_pull_secrets),
        }
        return render_jinja(templates, files, {**context.variables(placeholders), **secrets})
    variables = {
        **variables_for(app, context.color),
        "COLOR_TEST": context.color.value,
        "COLOR_ACTIVE": context.live_color.value,
        "SEMAPHORE_WORKFLOW_ID": _image_tag(context),
    }
    return render_envsubst(templates, files, variables, placeholders, declared=names_by_color(app))


def _image_tag(context: Context) -> str:
    """What stands behind the image's name: its tag, with the digest where the release waited for it."""
    _, colon, tag = context.image.rpartition("/")[2].partition(":")
    return tag if colon else context.tag


def _parse(
    places: Mapping[str, str | None], texts: Mapping[str, str], placeholders: Placeholders
) -> dict[str, list[Object]]:
    """The objects of each role's file, values in place."""
    documents: dict[str, list[Object]] = {}
    for role, file in places.items():
        try:
            parsed = parse_documents(texts[file], file=file) if file else []
            documents[role] = [placeholders.fill(document) for document in parsed]
        except MisplacedValue as error:
            raise Unusable(str(error), file=file or role) from None
    return documents


def _assemble(files: Mapping[str, list[Object]], templates: Templates, file: str | None) -> Manifests:
    """Each object to its place: routes come from their own files, the others from wherever they stand.

    ``file``: the one with the Job that migrates, if there is one.
    """
    steady, test = list(files["route"]), list(files["route-test"])
    routes = {
        "virtual_service_steady": _take(steady, "VirtualService", "route", templates),
        "virtual_service_test": _take(test, "VirtualService", "route-test", templates),
        "destination_rule_steady": _take(steady, "DestinationRule", "route", templates),
        "destination_rule_test": _take(test, "DestinationRule", "route-test", templates),
    }
    others = [*files["service"], *files["deployment"], *files["gateway"], *steady]
    others += [document for document in test if document not in steady]
    return Manifests(
        service=_take(others, "Service", "service", templates),
        deployment=_take(others, "Deployment", "deployment", templates),
        gateway=_find(others, "Gateway"),
        **routes,
        extras=tuple(others),
        origin=templates.origin,
        migration=_take_migration(files[MIGRATION], file) if file else None,
    )


def _take_migration(documents: list[Object], file: str) -> Object:
    """The one Job of its file. What else it needs stands in the other files, which are applied before."""
    kinds = [f"{document['apiVersion']} {document['kind']}" for document in documents]
    if kinds != ["batch/v1 Job"]:
        found = ", ".join(kinds) or "nothing"
        what = f"as the app's migrate_job it must hold one Job of batch/v1 and nothing else; it holds {found}"
        raise Unusable(what, file=file)
    return documents[0]


def _find(documents: list[Object], kind: str) -> Object | None:
    """Take the first of a kind out of the list."""
    for index, document in enumerate(documents):
        if document["kind"] == kind:
            return documents.pop(index)
    return None


def _take(documents: list[Object], kind: str, role: str, templates: Templates) -> Object:
    found = _find(documents, kind)
    if found is None:
        file = templates.find(role)
        raise _Missing(f"{file} holds no {kind}" if file else f"{role}.yml is not there")
    return found


def _stamp(manifests: Manifests, app: App, context: Context, templates: Templates) -> None:
    stamp_deployment(
        manifests.deployment,
        color=context.color,
        release=context.release,
        tag=context.tag,
        commit=context.commit,
        file=templates.name_of("deployment"),
    )
    steady, test = templates.name_of("route"), templates.name_of("route-test")
    name, live = context.app, context.live_color
    stamp_default_entry(manifests.virtual_service_steady, app=name, live=live, file=steady)
    stamp_default_entry(manifests.virtual_service_test, app=name, live=live, file=test)
    stamp_test_entry(
        manifests.virtual_service_test, app=name, color=context.color, cookie=app.test_cookie, file=test
    )
    stamp_subsets(manifests.destination_rule_steady, {live}, file=steady)
    stamp_subsets(manifests.destination_rule_test, Color, file=test)
    stamp_pull_secrets(manifests.deployment, app.image_pull_secrets, file=templates.name_of("deployment"))
    if is_pinned(context.image):
        check_pinned(manifests.deployment, context.image, file=templates.name_of("deployment"))
    for document in objects_of(manifests):
        stamp_namespace(document, context.namespace, file="(any)")
    if manifests.migration and app.migrate_job:
        _stamp_job(manifests, manifests.migration, app, context, file=app.migrate_job)


def _stamp_job(manifests: Manifests, job: Object, app: App, context: Context, *, file: str) -> None:
    """What the Job gets, and what it may not be; vetting knows only what a deploy applies."""
    stamp_namespace(job, context.namespace, file=file)
    if job["metadata"]["namespace"] != context.namespace:
        raise Unusable(f"the Job names another namespace than {context.namespace}, the app's", file=file)
    check_no_user_comes(job, manifests.service, file=file)
    stamp_pull_secrets(job, app.image_pull_secrets, file=file)
    if is_pinned(context.image):
        pin_image(job, context.image, file=file)
    stamp_migration(
        job,
        color=context.color,
        release=context.release,
        tag=context.tag,
        commit=context.commit,
        file=file,
    )


def objects_of(manifests: Manifests) -> tuple[Object, ...]:
    """All objects; the two forms of a route are two."""
    return (
        manifests.service,
        manifests.deployment,
        *([manifests.gateway] if manifests.gateway else []),
        manifests.destination_rule_steady,
        manifests.destination_rule_test,
        manifests.virtual_service_steady,
        manifests.virtual_service_test,
        *manifests.extras,
    )


def _whose(context: Context, origin: str) -> str:
    return f"{context.app} {context.tag} ({context.commit[:12]}), {origin}"


def _invalid(error: Unusable, context: Context, origin: str) -> Problem:
    place = f"{error.file}:{error.line}" if error.line else error.file
    what = "".join(char if char.isprintable() else " " for char in str(error))
    return Problem(
        "manifests-invalid",
        "the manifests can't be used",
        detail=f"{_whose(context, origin)}: {place}: {what}",
        next_step="correct the file (or the app's values in the configuration) and push a new tag",
        status=422,
    )


def _missing(error: _Missing, context: Context, origin: str) -> Problem:
    return Problem(
        "manifest-missing",
        "a manifest is missing",
        detail=f"{_whose(context, origin)}: {error}",
        next_step="add it, or remove the whole folder to use Verdigris' own templates; then push a new tag",
        status=422,
    )
