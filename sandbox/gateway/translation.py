"""Istio's objects as the configuration of one Envoy. Pure: no file, no process, no clock.

What is decided here is who is served at all: which Gateways are ours, which VirtualServices are bound to
them, and for which hosts. What an entry matches and does, and where the pods are, stands beside.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.gateway.actions import Scope, header_changes, translate_action
from sandbox.gateway.clusters import read_subsets, service_ports, translate_clusters
from sandbox.gateway.filters import CORS, FAULT, translate_filters
from sandbox.gateway.matches import CATCH_ALL, is_catch_all, translate_match
from sandbox.gateway.terms import Report, TranslationError, full_host, narrow
from sandbox.store import Object

# The labels of Istio's own ingress gateway: a Gateway whose selector fits them is served here.
INGRESS_LABELS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
ROUTES = "gateway"
LISTENER = "gateway"

_READ_OF_SPEC = ("hosts", "gateways", "http")
_READ_OF_ENTRY = (
    "name",
    "match",
    "route",
    "redirect",
    "directResponse",
    "rewrite",
    "timeout",
    "retries",
    "fault",
    "headers",
    "corsPolicy",
    "mirror",
    "mirrors",
    "mirrorPercent",
    "mirrorPercentage",
    "delegate",
)


@dataclass(frozen=True)
class Configuration:
    """All resources by name, as Envoy takes them, and what could not be translated."""

    listeners: Mapping[str, Object]
    routes: Mapping[str, Object]
    clusters: Mapping[str, Object]
    endpoints: Mapping[str, Object]
    ignored: Sequence[str]


@dataclass(frozen=True)
class Server:
    """A port of a Gateway: its hosts, each with the namespace ("*": any) whose VirtualServices may use it."""

    gateway: str
    port: int
    hosts: Sequence[tuple[str, str]]


@dataclass
class _Hosts:
    """The routes of each host, in their order; a VirtualService comes once, over however many gateways."""

    routes: dict[str, list[Object]] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def add(self, host: str, owner: str, routes: Sequence[Object]) -> None:
        if (host, owner) not in self._seen:
            self._seen.add((host, owner))
            self.routes.setdefault(host, []).extend(routes)


def translate(
    gateways: Sequence[Object],
    virtual_services: Sequence[Object],
    destination_rules: Sequence[Object],
    services: Sequence[Object],
    pods: Sequence[Object],
    *,
    port: int = 0,
) -> Configuration:
    """The whole configuration of an ingress gateway that listens on `port`.

    Every HTTP server of every Gateway shares that one port: a laptop has no port 80 to give away.
    """
    report = Report()
    servers = [server for gateway in gateways for server in _read_servers(gateway, report)]
    hosts = _Hosts()
    for virtual_service in sorted(virtual_services, key=_age):
        _add_virtual_service(virtual_service, servers, service_ports(services), hosts, report)
    subsets = read_subsets(sorted(destination_rules, key=_age), report)
    clusters, endpoints = translate_clusters(services, subsets, pods)
    return Configuration(
        listeners={LISTENER: _listener(port)},
        routes={ROUTES: _route_table(hosts.routes)},
        clusters=clusters,
        endpoints=endpoints,
        ignored=tuple(report.lines),
    )


def _age(obj: Object) -> tuple[str, str, str]:
    """Istio's order of objects that compete: the oldest first, then by name."""
    metadata = obj["metadata"]
    return metadata.get("creationTimestamp", ""), metadata.get("namespace", "default"), metadata["name"]


def _read_servers(gateway: Object, report: Report) -> Iterator[Server]:
    """The plain HTTP servers of a Gateway that selects our labels; none of a Gateway for another proxy."""
    metadata, spec = gateway["metadata"], gateway["spec"]
    if not (spec.get("selector") or {}).items() <= INGRESS_LABELS.items():
        return
    namespace = metadata.get("namespace", "default")
    noted = report.about("Gateway", gateway)
    for number, server in enumerate(spec.get("servers", [])):
        place = f"spec.servers[{number}]"
        protocol = server["port"]["protocol"]
        if protocol not in {"HTTP", "HTTP2", "GRPC"}:
            noted.ignore(place, f"the sandbox's gateway speaks plain HTTP, not {protocol}")
            continue
        noted.ignore_unknown(place, server, ("port", "hosts", "name"))
        hosts = [_read_gateway_host(host, namespace) for host in server.get("hosts", [])]
        yield Server(f"{namespace}/{metadata['name']}", server["port"]["number"], hosts)


def _read_gateway_host(host: str, namespace: str) -> tuple[str, str]:
    """`namespace/host`, where `.` is the Gateway's own namespace; a bare host is for every namespace."""
    allowed, slash, name = host.rpartition("/")
    if not slash:
        return "*", host
    return (namespace if allowed == "." else allowed), name


def _add_virtual_service(
    virtual_service: Object,
    servers: Sequence[Server],
    ports: Mapping[str, tuple[int, ...]],
    hosts: _Hosts,
    report: Report,
) -> None:
    metadata, spec = virtual_service["metadata"], virtual_service["spec"]
    namespace = metadata.get("namespace", "default")
    noted = report.about("VirtualService", virtual_service)
    wanted = [name if "/" in name else f"{namespace}/{name}" for name in spec.get("gateways", [])]
    for server in servers:
        if server.gateway not in wanted:
            continue
        noted.ignore_unknown("spec", spec, _READ_OF_SPEC)
        scope = Scope(namespace, server.gateway, server.port, ports)
        routes = _translate_entries(spec.get("http", []), scope, noted)
        for host in _served_hosts(spec.get("hosts", []), server, namespace):
            hosts.add(host, f"{namespace}/{metadata['name']}", routes)


def _served_hosts(wanted: Sequence[str], server: Server, namespace: str) -> list[str]:
    """The hosts that both the VirtualService and the Gateway's server name."""
    found = [
        narrow(full_host(host, namespace), allowed)
        for host in wanted
        for owner, allowed in server.hosts
        if owner in {"*", namespace}
    ]
    return [host for host in found if host is not None]


def _translate_entries(entries: Sequence[Object], scope: Scope, report: Report) -> list[Object]:
    """The entries in order, up to the first that takes every request: what follows it is never reached."""
    routes: list[Object] = []
    for number, entry in enumerate(entries):
        try:
            routes += _translate_entry(entry, f"spec.http[{number}]", scope, report)
        except TranslationError as error:
            report.ignore(f"spec.http[{number}] as a whole", str(error))
        if routes and is_catch_all(routes[-1]["match"]):
            break
    return routes


def _translate_entry(entry: Object, place: str, scope: Scope, report: Report) -> list[Object]:
    """One route for each of the alternative matches of an entry."""
    if "delegate" in entry:
        raise TranslationError(f"{place}.delegate", "the sandbox's gateway follows no delegates")
    report.ignore_unknown(place, entry, _READ_OF_ENTRY)
    common = header_changes(entry.get("headers", {}), f"{place}.headers", report)
    filters = translate_filters(entry, place, report)
    if filters:
        common["typed_per_filter_config"] = filters
    if "name" in entry:
        common["name"] = entry["name"]
    return [
        {"match": match, **translate_action(entry, match, place, scope, report), **common}
        for match in _matches(entry.get("match"), place, scope, report)
    ]


def _matches(matches: Sequence[Object] | None, place: str, scope: Scope, report: Report) -> Iterator[Object]:
    """The alternatives that apply on this gateway; one that takes everything where the entry has none."""
    if not matches:
        yield {**CATCH_ALL}
        return
    for number, match in enumerate(matches):
        names = match.get("gateways", [])
        if names and scope.gateway not in {n if "/" in n else f"{scope.namespace}/{n}" for n in names}:
            continue
        yield translate_match(match, f"{place}.match[{number}]", report)


def _route_table(hosts: Mapping[str, Sequence[Object]]) -> Object:
    """A virtual host for each host. Where several VirtualServices share one, catch-alls go to its end."""
    return {
        "name": ROUTES,
        "ignore_port_in_host_matching": True,
        "validate_clusters": False,  # a route may name a subset before it is there, and answers 503
        "virtual_hosts": [
            {
                "name": host,
                "domains": [host],
                "include_request_attempt_count": True,
                "routes": sorted(routes, key=lambda route: is_catch_all(route["match"])),
            }
            for host, routes in sorted(hosts.items())
        ],
    }


def _listener(port: int) -> Object:
    """The gateway's one listener. It stands from the start: without a route it answers 404.

    Behind Istio a gateway without a Gateway refuses connections; here the port must not be lost to another
    program in the meantime.
    """
    manager = {
        "@type": _HTTP + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "rds": {
            "route_config_name": ROUTES,
            "config_source": {
                "resource_api_version": "V3",
                "path_config_source": {"path": "./rds.json"},
            },
        },
        "use_remote_address": True,
        "normalize_path": True,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [
            _filter(CORS, "http.cors.v3.Cors"),
            _filter(FAULT, "http.fault.v3.HTTPFault"),
            _filter("envoy.filters.http.router", "http.router.v3.Router"),
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "name": LISTENER,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "enable_reuse_port": False,  # a second sandbox on the same port is refused, not mixed in
        "filter_chains": [chain],
    }


_HTTP = "type.googleapis.com/envoy.extensions.filters."


def _filter(name: str, kind: str) -> Object:
    return {"name": name, "typed_config": {"@type": _HTTP + kind}}
