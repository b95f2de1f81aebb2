"""What rendered manifests may not be: other kinds, another namespace, or shapes that blue-green can't move.

All findings are told at once. What a pod may do on its node is the business of the cluster's admission.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from release.model import Color
from release.names import COLOR_LABEL, WORKFLOW_LABEL
from release.problems import Problem
from source.documents import Object, Unusable, find_mapping, mappings_at
from source.manifests import objects_of
from source.routes import cookie_matches, cookie_pattern, destinations, http_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.config import App
    from source.manifests import Manifests

_ISTIO: Final = re.compile(r"networking\.istio\.io/v1(alpha3|beta1)?")
API_VERSIONS: Final = {
    "Service": re.compile("v1"),
    "Deployment": re.compile("apps/v1"),
    "Gateway": _ISTIO,
    "VirtualService": _ISTIO,
    "DestinationRule": _ISTIO,
}
"""The kinds of the five files, and which API each must come from."""

_SINGLE: Final = ("Deployment", "VirtualService", "DestinationRule")
_FILE: Final = "the manifests"


def check_manifests(manifests: Manifests, app: App, namespace: str) -> None:
    """Refuse manifests that must not reach the cluster.

    Raises:
        Problem: ``manifests-refused``, with every finding.
    """
    if findings := find_violations(manifests, app, namespace):
        raise Problem(
            "manifests-refused",
            "the manifests are refused",
            detail=f"{manifests.origin}: {'; '.join(findings)}",
            next_step="correct the manifests and push a new tag; further kinds go to manifests.allowed_kinds",
            status=422,
        )


def find_violations(manifests: Manifests, app: App, namespace: str) -> list[str]:
    """Everything that is wrong, one sentence each, in the order of the rules."""
    rules: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: _find_foreign(manifests, set(app.manifests.allowed_kinds), namespace),
        lambda: _find_repeated(manifests),
        lambda: _find_in_deployment(manifests.deployment),
        lambda: _find_in_service(manifests.service, manifests.deployment),
        lambda: _find_in_routes(manifests, app.test_cookie),
        lambda: _find_in_rules(manifests),
    )
    return [finding for rule in rules for finding in _collect(rule)]


def _collect(rule: Callable[[], Iterator[str]]) -> list[str]:
    """A shape that a rule can't read is a finding too; what it found before that is kept."""
    findings: list[str] = []
    try:
        for finding in rule():
            findings.append(finding)  # noqa: PERF402 -- what was found before an error is kept
    except Unusable as error:
        findings.append(str(error))
    return findings


def _find_foreign(manifests: Manifests, allowed: set[str], namespace: str) -> Iterator[str]:
    for document in objects_of(manifests):
        kind, version = document["kind"], document["apiVersion"]
        if kind not in API_VERSIONS and kind not in allowed:
            yield f"{_name(document)}: this kind is not allowed for the app"
        elif kind in API_VERSIONS and not API_VERSIONS[kind].fullmatch(version):
            yield f"{_name(document)}: {version} is not the API of this kind"
        found = document["metadata"].get("namespace")
        if found != namespace:
            yield f"{_name(document)}: names the namespace {found}, the app's is {namespace}"


def _find_repeated(manifests: Manifests) -> Iterator[str]:
    for document in manifests.extras:
        if document["kind"] in _SINGLE:
            yield f"{_name(document)}: a second {document['kind']} would not move with the colors"
    objects = [
        document
        for document in objects_of(manifests)
        if document is not manifests.virtual_service_test and document is not manifests.destination_rule_test
    ]
    for name, count in Counter(map(_name, objects)).items():
        if count > 1:
            yield f"{name}: stands there {count} times"


def _find_in_deployment(deployment: Object) -> Iterator[str]:
    color = find_mapping(deployment, "metadata", "labels", file=_FILE).get(COLOR_LABEL)
    if color not in re.split(r"[-.]", deployment["metadata"]["name"]):
        yield f"{_name(deployment)}: the name must contain the color, or both colors share one Deployment"
    labels = find_mapping(deployment, "spec", "template", "metadata", "labels", file=_FILE)
    for label, value in find_mapping(deployment, "spec", "selector", "matchLabels", file=_FILE).items():
        if labels.get(label) != value:
            yield f"{_name(deployment)}: its selector asks for {label}={value}, its pods do not have it"


def _find_in_service(service: Object, deployment: Object) -> Iterator[str]:
    selector = find_mapping(service, "spec", "selector", file=_FILE)
    labels = find_mapping(deployment, "spec", "template", "metadata", "labels", file=_FILE)
    if not selector:
        yield f"{_name(service)}: has no selector"
    for label, value in selector.items():
        if label in {COLOR_LABEL, WORKFLOW_LABEL}:
            yield f"{_name(service)}: selects by {label}, but must select both colors: only the subset moves"
        elif labels.get(label) != value:
            yield f"{_name(service)}: selects {label}={value}, the Deployment's pods do not have it"


def _find_in_routes(manifests: Manifests, cookie: str) -> Iterator[str]:
    steady, test = manifests.virtual_service_steady, manifests.virtual_service_test
    if _name(steady) != _name(test):
        yield f"{_name(steady)} and {_name(test)}: the two forms must be one object"
    yield from _find_in_entries(steady, None, manifests.service)
    entries = http_entries(test, file=_FILE)
    test_entry = next((entry for entry in entries[:-1] if _has_pattern(entry, cookie)), None)
    if test_entry is None:
        yield f"{_name(test)}: no entry of the test form matches the test cookie"
    elif None in cookie_matches(test_entry, file=_FILE):
        yield f"{_name(test)}: the test entry also matches requests without the cookie: users would see it"
    yield from _find_in_entries(test, test_entry, manifests.service)


def _has_pattern(entry: Object, cookie: str) -> bool:
    wanted = {"regex": cookie_pattern(cookie)}
    matches = cookie_matches(entry, file=_FILE)
    return any(headers is not None and headers["cookie"] == wanted for headers in matches)


def _find_in_entries(virtual_service: Object, test_entry: Object | None, service: Object) -> Iterator[str]:
    """The default and the test entry lead to the service; no other may, as a switch would not move it."""
    entries = http_entries(virtual_service, file=_FILE)
    for entry in entries:
        name = f"{_name(virtual_service)}, entry {entry.get('name', 'without a name')}"
        found = destinations(entry, file=_FILE)
        hosts = [destination.get("host") for destination in found]
        if entry is entries[-1] or entry is test_entry:
            if len(found) != 1:
                yield f"{name}: must lead to one destination, has {len(found)}"
            elif not _is_host(hosts[0], service):
                yield f"{name}: leads to {hosts[0]}, not to the Service {service['metadata']['name']}"
        elif any(_is_host(host, service) for host in hosts):
            yield f"{name}: leads to the app's Service, but a switch only moves the default entry"


def _find_in_rules(manifests: Manifests) -> Iterator[str]:
    steady, test = manifests.destination_rule_steady, manifests.destination_rule_test
    if _name(steady) != _name(test):
        yield f"{_name(steady)} and {_name(test)}: the two forms must be one object"
    for rule in (steady, test):
        host = find_mapping(rule, "spec", file=_FILE).get("host")
        if not _is_host(host, manifests.service):
            yield f"{_name(rule)}: is for {host}, not for the Service {manifests.service['metadata']['name']}"
    yield from _find_in_subsets(test)


def _find_in_subsets(rule: Object) -> Iterator[str]:
    names = Counter(subset.get("name") for subset in mappings_at(rule, "spec", "subsets", file=_FILE))
    for color in Color:
        if names[color.value] != 1:
            yield f"{_name(rule)}: the test form needs one subset {color}, has {names[color.value]}"


def _is_host(host: object, service: Object) -> bool:
    """Whether a host is the service, by its short name or a longer one."""
    name, namespace = service["metadata"]["name"], service["metadata"].get("namespace")
    if not isinstance(host, str):
        return False
    longer = f"{name}.{namespace}"
    return host in {name, longer, f"{longer}.svc"} or host.startswith(f"{longer}.svc.")


def _name(document: Object) -> str:
    return f"{document['kind']} {document['metadata']['name']}"
