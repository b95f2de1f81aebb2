"""Namespaces: each that apps have exists, and our account may do there what the stages do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster.errors import ClusterError, Forbidden, NotFound
from cluster.kinds import KINDS
from cluster.permissions import find_missing, rights_on
from cluster.survey import has_namespace
from release.model import Color
from tasks.rights import WRITTEN, needed_rights, rights_to_see
from worker.checkup.lines import failed, ok, unseen, warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cluster.connection import Cluster
    from cluster.permissions import Right
    from release.config import App
    from worker.checkup.clusters import Context
    from worker.checkup.lines import Line


@dataclass(frozen=True, slots=True)
class Rights:
    """``useful`` ones are needed by some apps, or let sanity see more."""

    needed: list[Right]
    useful: list[Right]


def rights_of(apps: Mapping[str, App]) -> Rights:
    """What apps of one namespace need together; the stages' own list says it."""
    colors = ((name, app, color) for name, app in apps.items() for color in Color)
    needed = dict.fromkeys(right for one in colors for right in needed_rights(*one))
    kinds = {"Gateway", *(kind for app in apps.values() for kind in app.manifests.allowed_kinds)}
    brought = [right for kind in sorted(kinds & KINDS.keys()) for right in rights_on(kind, *WRITTEN)]
    seen = [*rights_to_see([]), *rights_on("Secret", "get")]
    useful = dict.fromkeys(right for right in (*brought, *seen) if right not in needed)
    return Rights(list(needed), list(useful))


def look_at_namespace(
    context: Context, cluster: Cluster, namespace: str, apps: Mapping[str, App]
) -> list[Line]:
    """The namespace itself, then the rights in it."""
    where = context.place(f"namespace {namespace}")
    try:
        is_there = has_namespace(cluster, namespace)
        if is_there is False:
            return [_tell_absence(context, where, namespace, apps)]
        wanted = rights_of(apps)
        missing = find_missing(cluster, namespace, [*wanted.needed, *wanted.useful])
    except (Forbidden, NotFound) as refusal:
        return [unseen(where, refusal.message, fix=_see(context, namespace))]
    except ClusterError as error:
        return [failed(where, error.message, fix=_see(context, namespace))]
    rights = _judge_rights(context, namespace, wanted, missing)
    if is_there:
        return [ok(where, "exists"), *rights]
    if set(wanted.needed) <= set(missing):
        return [_tell_nothing(context, where, namespace)]
    return [ok(where, "our rights are bound in it"), *rights]


def _tell_absence(context: Context, where: str, namespace: str, apps: Mapping[str, App]) -> Line:
    fix = f"`{context.kubectl} create namespace {namespace}`, then `{_bind(context, namespace)}`"
    return failed(where, f"does not exist; {_of(apps)} can't be released", fix=fix)


def _of(apps: Mapping[str, App]) -> str:
    return ", ".join(apps)


def _tell_nothing(context: Context, where: str, namespace: str) -> Line:
    """Of a namespace that is not there, and of one without our Role, we see the same."""
    fix = f"`{context.kubectl} get namespace {namespace}`; where it exists, `{_bind(context, namespace)}`"
    return failed(
        where, "our account has no right there: it does not exist, or our Role is not bound", fix=fix
    )


def _judge_rights(context: Context, namespace: str, wanted: Rights, missing: Sequence[Right]) -> list[Line]:
    about, lacking = context.place(f"rights in {namespace}"), frozenset(missing)
    needed = [right for right in wanted.needed if right in lacking]
    useful = [right for right in wanted.useful if right in lacking]
    lines = []
    if needed:
        fix = f"`{_bind(context, namespace)}`"
        lines.append(failed(about, f"the worker's account may not {words(needed)}", fix=fix))
    if useful:
        found = f"the worker's account may not {words(useful)}: some manifests need it, or sanity sees less"
        fix = f"`{_bind(context, namespace)}`; add kinds of `manifests.allowed_kinds` to that Role"
        lines.append(warning(about, found, fix=fix))
    return lines or [ok(about, "all that the stages need")]


def words(rights: Sequence[Right]) -> str:
    """Rights as people say them: ``get, patch deployments.apps; list pods``."""
    verbs: dict[str, list[str]] = {}
    for right in rights:
        verbs.setdefault(right.place, []).append(right.verb)
    return "; ".join(f"{', '.join(dict.fromkeys(found))} {place}" for place, found in verbs.items())


def _bind(context: Context, namespace: str) -> str:
    return f"{context.kubectl} apply -k deploy/app-role -n {namespace}"


def _see(context: Context, namespace: str) -> str:
    return f"`{context.kubectl} auth can-i --list -n {namespace}`"
