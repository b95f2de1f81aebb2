"""Who may reach whom under the network policies of `deploy/`, judged as a cluster judges them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import pytest

from tests.unit.packaging.kustomize import OVERLAYS, Object, labels_of, named, of_kind, workloads

Labels = dict[str, str]


@dataclass(frozen=True)
class Peer:
    """A pod with the ports that it names, or, without labels, an address outside."""

    namespace: str = ""
    labels: Labels = field(default_factory=dict)
    address: str = "203.0.113.7"
    ports: dict[str | int, int] = field(default_factory=dict)


GATEWAY = Peer("istio-system", {"istio": "ingressgateway"})
STRANGER = Peer("shop", {"app": "shop"})
NAMES = Peer("kube-system", {"k8s-app": "kube-dns"})
OUTSIDE = Peer()
METADATA = Peer(address="169.254.169.254")
OUR_REDIS_OUTSIDE = Peer(address="10.1.2.3")


def pod(overlay: str, name: str) -> Peer:
    (workload,) = [one for one in workloads(overlay) if named(one) == name]
    container = workload["spec"]["template"]["spec"]["containers"][0]
    ports = {one["name"]: one["containerPort"] for one in container.get("ports", [])}
    return Peer("verdigris", labels_of(workload), ports=ports)


def is_open(overlay: str, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether the source's egress and the target's ingress both let it through."""
    leaves = source.namespace != "verdigris" or any(
        _has_port(rule, target, port, protocol) and _has_peer(rule, "to", target)
        for rule in rules_for(overlay, "Egress", source)
    )
    enters = target.namespace != "verdigris" or any(
        _has_port(rule, target, port, protocol) and _has_peer(rule, "from", source)
        for rule in rules_for(overlay, "Ingress", target)
    )
    return leaves and enters


def rules_for(overlay: str, direction: str, peer: Peer) -> list[Object]:
    """The rules of all policies that choose a pod, one of which has to let the traffic through."""
    policies = [
        one["spec"]
        for one in of_kind(overlay, "NetworkPolicy")
        if _chooses(one["spec"]["podSelector"], peer.labels) and direction in one["spec"]["policyTypes"]
    ]
    assert policies, "no default: everything would be open"
    return [rule for spec in policies for rule in spec.get(direction.lower()) or []]


def _chooses(selector: Object, labels: Labels) -> bool:
    assert selector.keys() <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _is_peer(one: Object, there: Peer) -> bool:
    if "ipBlock" in one:
        if there.labels:
            return False
        block, address = one["ipBlock"], ip_address(there.address)
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(left_out) for left_out in block.get("except", [])
        )
    space = {"kubernetes.io/metadata.name": there.namespace}
    in_namespace = (
        _chooses(one["namespaceSelector"], space)
        if "namespaceSelector" in one
        else there.namespace == "verdigris"
    )
    return in_namespace and bool(there.labels) and _chooses(one.get("podSelector", {}), there.labels)


def _has_peer(rule: Object, member: str, peer: Peer) -> bool:
    return member not in rule or any(_is_peer(one, peer) for one in rule[member])


def _has_port(rule: Object, target: Peer, port: int, protocol: str) -> bool:
    """A port may be a name: then it is the target's pod that says its number."""
    return "ports" not in rule or any(
        one["protocol"] == protocol and target.ports.get(one["port"], one["port"]) == port
        for one in rule["ports"]
    )


overlays = pytest.mark.parametrize("overlay", OVERLAYS)


@overlays
def test_users_and_git_hosts_come_in_through_the_gateway_alone(overlay: str) -> None:
    web = pod(overlay, "web")

    assert is_open(overlay, GATEWAY, web, 8000)
    assert not is_open(overlay, STRANGER, web, 8000)
    assert not is_open(overlay, OUTSIDE, web, 8000)
    assert not is_open(overlay, pod(overlay, "releases"), web, 8000)


@overlays
@pytest.mark.parametrize("name", ["releases", "switches"])
def test_workers_reach_gateway_api_server_and_git_and_nobody_reaches_them(overlay: str, name: str) -> None:
    worker = pod(overlay, name)

    assert [port for port in (80, 8080, 443) if is_open(overlay, worker, GATEWAY, port)] == [80, 8080, 443]
    assert [port for port in (443, 6443, 22) if is_open(overlay, worker, OUTSIDE, port)] == [443, 6443, 22]
    assert is_open(overlay, worker, NAMES, 53, "UDP")
    assert not is_open(overlay, worker, OUTSIDE, 80)
    assert not is_open(overlay, worker, METADATA, 443)
    assert not is_open(overlay, worker, STRANGER, 80)
    assert not is_open(overlay, GATEWAY, worker, 80)


@overlays
def test_web_and_flower_reach_nothing_outside_but_redis(overlay: str) -> None:
    for name in ("web", "flower"):
        process = pod(overlay, name)
        assert not is_open(overlay, process, OUTSIDE, 443)
        assert not is_open(overlay, process, GATEWAY, 80)
        assert not is_open(overlay, STRANGER, process, 5555)
        assert is_open(overlay, process, NAMES, 53, "UDP")


@overlays
def test_signals_go_out_over_https_alone_and_not_into_the_cluster(overlay: str) -> None:
    signals = pod(overlay, "signals")

    assert is_open(overlay, signals, OUTSIDE, 443)
    assert [port for port in (22, 80, 6443) if is_open(overlay, signals, OUTSIDE, port)] == []
    assert not is_open(overlay, signals, METADATA, 443)
    assert not is_open(overlay, signals, GATEWAY, 443)
    assert not is_open(overlay, signals, pod(overlay, "web"), 8000)
    assert not is_open(overlay, STRANGER, signals, 8000)


@pytest.mark.parametrize("name", ["web", "releases", "switches", "signals", "flower"])
def test_every_process_reaches_redis_and_nobody_else_does(name: str) -> None:
    redis = pod("single-node", "redis")

    assert is_open("single-node", pod("single-node", name), redis, 6379)
    assert is_open("production", pod("production", name), OUR_REDIS_OUTSIDE, 6379)
    for other in (STRANGER, GATEWAY, OUTSIDE):
        assert not is_open("single-node", other, redis, 6379)
    assert not is_open("single-node", redis, OUTSIDE, 443)
