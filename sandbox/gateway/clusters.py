"""Services, DestinationRules and pods as Envoy's clusters and endpoints. Pure; routes are not known here.

As in Istio there is a cluster for each port of a Service and for each subset that a DestinationRule names,
and none for a subset that no rule names. The endpoints stand in resources of their own, so that a pod that
comes or goes replaces no cluster and no connection.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.gateway.terms import DOMAIN, Report, cluster_name, full_host
from sandbox.store import Object

PORT_ANNOTATION = "sandbox.verdigris.dev/port"

_POLICIES = {
    "ROUND_ROBIN": "ROUND_ROBIN",
    "RANDOM": "RANDOM",
    "LEAST_REQUEST": "LEAST_REQUEST",
    "LEAST_CONN": "LEAST_REQUEST",
    "UNSPECIFIED": "LEAST_REQUEST",
}
_HTTP2 = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


@dataclass(frozen=True)
class Subset:
    """Some of a Service's pods, by label. The name "" stands for all of them."""

    name: str
    labels: Mapping[str, str]
    policy: str = "LEAST_REQUEST"


def service_host(service: Object) -> str:
    """The full name of a Service."""
    metadata = service["metadata"]
    return f"{metadata['name']}.{metadata.get('namespace', 'default')}.{DOMAIN}"


def service_ports(services: Sequence[Object]) -> dict[str, tuple[int, ...]]:
    """The port numbers of each Service, by its full name."""
    return {
        service_host(service): tuple(port["port"] for port in service["spec"].get("ports", []))
        for service in services
    }


def read_subsets(rules: Sequence[Object], report: Report) -> dict[str, list[Subset]]:
    """The subsets of each host, all of its pods first; of two rules for a host the older one wins."""
    found: dict[str, dict[str, Subset]] = {}
    for rule in rules:
        noted = report.about("DestinationRule", rule)
        noted.ignore_unknown("spec", rule["spec"], ("host", "subsets", "trafficPolicy"))
        host = full_host(rule["spec"]["host"], rule["metadata"].get("namespace", "default"))
        policy = _read_policy(rule["spec"], "spec", noted, default="LEAST_REQUEST")
        subsets = found.setdefault(host, {"": Subset("", {}, policy)})
        for number, subset in enumerate(rule["spec"].get("subsets", [])):
            place = f"spec.subsets[{number}]"
            noted.ignore_unknown(place, subset, ("name", "labels", "trafficPolicy"))
            own = _read_policy(subset, place, noted, default=policy)
            subsets.setdefault(subset["name"], Subset(subset["name"], subset.get("labels", {}), own))
    return {host: list(subsets.values()) for host, subsets in found.items()}


def translate_clusters(
    services: Sequence[Object], subsets: Mapping[str, Sequence[Subset]], pods: Sequence[Object]
) -> tuple[dict[str, Object], dict[str, Object]]:
    """Clusters and their endpoints (ClusterLoadAssignment), both by the cluster's name."""
    clusters: dict[str, Object] = {}
    endpoints: dict[str, Object] = {}
    for service in services:
        host = service_host(service)
        for port in service["spec"].get("ports", []):
            for subset in subsets.get(host, [Subset("", {})]):
                name = cluster_name(host, port["port"], subset.name)
                clusters[name] = _cluster(name, port, subset.policy)
                endpoints[name] = _assignment(name, _find_ports(service, subset, pods))
    return clusters, endpoints


def endpoint_file(name: str) -> str:
    """The file of a cluster's endpoints: Envoy takes one assignment a file. Relative to Envoy's directory."""
    return f"./eds/{name.replace('|', '_')}.json"


def _cluster(name: str, port: Object, policy: str) -> Object:
    source = {"resource_api_version": "V3", "path_config_source": {"path": endpoint_file(name)}}
    cluster: Object = {
        "name": name,
        "type": "EDS",
        "connect_timeout": "10s",  # Istio's default
        "lb_policy": policy,
        "eds_cluster_config": {"eds_config": source},
    }
    if _speaks_http2(port):
        cluster["typed_extension_protocol_options"] = _HTTP2
    return cluster


def _speaks_http2(port: Object) -> bool:
    """Istio's rule: the port's appProtocol, else the beginning of its name, tells the protocol."""
    protocol = port.get("appProtocol") or port.get("name", "").partition("-")[0]
    return protocol in {"http2", "grpc", "grpc-web", "kubernetes.io/h2c"}


def _assignment(name: str, ports: Sequence[int]) -> Object:
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
        for port in ports
    ]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}] if endpoints else []}


def _find_ports(service: Object, subset: Subset, pods: Sequence[Object]) -> list[int]:
    """The local ports of the ready pods that Service and subset select. No selector selects nothing."""
    selector = service["spec"].get("selector")
    if not selector:
        return []
    return sorted(_ports(service["metadata"].get("namespace", "default"), {**subset.labels}, selector, pods))


def _ports(
    namespace: str, labels: Mapping[str, str], selector: Mapping[str, str], pods: Sequence[Object]
) -> Iterator[int]:
    for pod in pods:
        metadata = pod["metadata"]
        own = metadata.get("labels", {}).items()
        port = metadata.get("annotations", {}).get(PORT_ANNOTATION)
        if port is None or metadata.get("namespace", "default") != namespace or not _is_ready(pod):
            continue
        if selector.items() <= own and labels.items() <= own:
            yield int(port)


def _is_ready(pod: Object) -> bool:
    """A pod that gets new requests: ready, and not being deleted."""
    if "deletionTimestamp" in pod["metadata"]:
        return False
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _read_policy(owner: Object, place: str, report: Report, *, default: str) -> str:
    """The load balancing of a rule or a subset. Nothing else of a trafficPolicy is played."""
    policy = owner.get("trafficPolicy", {})
    report.ignore_unknown(f"{place}.trafficPolicy", policy, ("loadBalancer",))
    balancer = policy.get("loadBalancer", {})
    report.ignore_unknown(f"{place}.trafficPolicy.loadBalancer", balancer, ("simple",))
    return _POLICIES.get(balancer.get("simple"), default)
