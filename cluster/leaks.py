"""Ways by which users would reach the pods of a release that nobody has tested yet. Pure.

The umbrella Service selects both colors, as it must: only the route's subset tells them apart. Whoever asks
for it past such a route reaches both. Callers in the mesh do, unless a VirtualService names the gateway
``mesh`` and the Service's own name; so do routes that lead to the Service without a subset.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster.podspec import mapping, mappings, texts
from release.names import COLOR_LABEL, WORKFLOW_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluster.kinds import Object
    from release.model import Color

MESH: Final = "mesh"
PROTOCOLS: Final = ("http", "tcp", "tls")


@dataclass(frozen=True, slots=True)
class Leak:
    """A way past the tests: what it is, and the exact fix."""

    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class Routing:
    """What leads requests while the release comes up.

    ``services`` and ``routes``: of the namespace, the app's own among them. ``app_route``: the app's
    VirtualService, which ``stands`` in the cluster or only in the manifests. ``own_entries``: those that
    Verdigris moves, by name; the last one of ``app_route`` is moved as well.
    """

    namespace: str
    color: Color
    pod_labels: Object
    services: Sequence[Object]
    routes: Sequence[Object]
    app_route: Object
    stands: bool
    own_entries: frozenset[str]


def find_leaks(routing: Routing) -> list[Leak]:
    """Every way by which untested pods would get users' requests."""
    umbrellas = [_name(service) for service in routing.services if _selects_both(service, routing)]
    found = [_past_the_mesh(name, routing) for name in umbrellas if not _is_led(name, routing)]
    return [*found, *(leak for route in routing.routes for leak in _find_open(route, umbrellas, routing))]


def _selects_both(service: Object, routing: Routing) -> bool:
    """Whether a Service selects the release's pods, and those of the other color as well."""
    selector = mapping(service, "spec", "selector")
    chosen = all(routing.pod_labels.get(label) == value for label, value in selector.items())
    return bool(selector) and chosen and not {COLOR_LABEL, WORKFLOW_LABEL} & set(selector)


def _is_led(service: str, routing: Routing) -> bool:
    """Whether callers inside the mesh that ask for a Service are led by a route."""
    return any(
        _is_in_mesh(route) and any(_is_host(host, service, routing.namespace) for host in _hosts(route))
        for route in routing.routes
    )


def _is_in_mesh(route: Object) -> bool:
    return MESH in (texts(route, "spec", "gateways") or [MESH])


def _hosts(route: Object) -> list[str]:
    return texts(route, "spec", "hosts")


def _is_host(host: object, service: str, namespace: str) -> bool:
    """Whether a host is the Service: by its short name, a longer one, or a pattern such as ``*.local``."""
    if not isinstance(host, str):
        return False
    longer = f"{service}.{namespace}.svc.cluster.local"
    if host.startswith("*."):
        return longer.endswith(host[1:])
    return host == service or (host.startswith(f"{service}.{namespace}") and longer.startswith(host))


def _past_the_mesh(service: str, routing: Routing) -> Leak:
    text = (
        f"Service {routing.namespace}/{service} selects the pods of both colors, and no VirtualService leads "
        f"callers inside the mesh that ask for {service}: they reach {routing.color} as soon as its pods are "
        "ready, untested"
    )
    return Leak(text, _fix(service, routing))


def _fix(service: str, routing: Routing) -> str:
    """The fields to add to the app's VirtualService; as a command where it stands."""
    route, hosts = routing.app_route, _hosts(routing.app_route)
    name = _name(route)
    if "*" in hosts:
        return (
            f"in VirtualService {name} replace the host * by real names (values.hosts with the built-in "
            f"manifests), as Istio refuses * together with {MESH}; then add the host {service} and the "
            f"gateway {MESH}"
        )
    gateways = texts(route, "spec", "gateways")
    wanted = [f"spec.hosts: {service}"] + ([f"spec.gateways: {MESH}"] if gateways else [])
    files = f"add to VirtualService {name} in route.yml and route-test.yml {' and '.join(wanted)}"
    if not routing.stands:
        return files
    patch = [{"op": "add", "path": "/spec/hosts/-", "value": service}]
    if gateways:
        patch.append({"op": "add", "path": "/spec/gateways/-", "value": MESH})
    command = (
        f"kubectl -n {routing.namespace} patch virtualservice {name} --type=json -p '{json.dumps(patch)}'"
    )
    return f"{files}; it stands already, so also run {command}"


def _find_open(route: Object, umbrellas: list[str], routing: Routing) -> Iterator[Leak]:
    """Entries of a route that lead to both colors, or to the one that is not tested yet."""
    is_own = _name(route) == _name(routing.app_route)
    for protocol in PROTOCOLS:
        entries = mappings(route, "spec", protocol)
        for index, entry in enumerate(entries):
            is_moved = str(entry.get("name")) in routing.own_entries or entry is entries[-1]
            if is_own and protocol == "http" and is_moved:
                continue
            where = f"VirtualService {routing.namespace}/{_name(route)}, {protocol} entry"
            yield from _find_in_entry(f"{where} {entry.get('name') or index}", entry, umbrellas, routing)


def _find_in_entry(where: str, entry: Object, umbrellas: list[str], routing: Routing) -> Iterator[Leak]:
    for destination in (mapping(item, "destination") for item in mappings(entry, "route")):
        host, subset = destination.get("host"), destination.get("subset")
        service = next((name for name in umbrellas if _is_host(host, name, routing.namespace)), None)
        if service is None or subset not in (None, "", str(routing.color)):
            continue
        found = f"to the subset {subset}" if subset else "without a subset, so to both colors"
        yield Leak(
            f"{where}: leads to Service {service} {found}: its requests reach {routing.color} untested",
            f"let it name the live color's subset, {routing.color.other}, and mind that a promote does not "
            "move it; or take it out, so that the default entry leads these requests",
        )


def _name(obj: Object) -> str:
    return str(mapping(obj, "metadata").get("name", ""))
