from typing import Any

import pytest

from sandbox.gateway.clusters import endpoint_file, read_subsets, service_ports, translate_clusters
from sandbox.gateway.terms import Report

Object = dict[str, Any]
BLUE = "outbound|80|blue|myapp.shop.svc.cluster.local"
GREEN = "outbound|80|green|myapp.shop.svc.cluster.local"
ALL = "outbound|80||myapp.shop.svc.cluster.local"


def service(**spec: object) -> Object:
    return {
        "metadata": {"name": "myapp", "namespace": "shop"},
        "spec": {"selector": {"app": "myapp"}, "ports": [{"port": 80, "name": "http"}], **spec},
    }


def rule(**spec: object) -> Object:
    subsets = [{"name": color, "labels": {"color": color}} for color in ("blue", "green")]
    return {
        "metadata": {"name": "myapp", "namespace": "shop"},
        "spec": {"host": "myapp", "subsets": subsets, **spec},
    }


def pod(color: str, port: int, **changes: Any) -> Object:  # noqa: ANN401  parts of a JSON object
    return {
        "metadata": {
            "name": f"myapp-{color}-{port}",
            "namespace": "shop",
            "labels": {"app": "myapp", "color": color},
            "annotations": {"sandbox.verdigris.dev/port": str(port)},
            **changes.get("metadata", {}),
        },
        "status": {"conditions": [{"type": "Ready", "status": changes.get("ready", "True")}]},
    }


def endpoints(services: list[Object], rules: list[Object], pods: list[Object]) -> dict[str, list[int]]:
    _, assignments = translate_clusters(services, read_subsets(rules, Report()), pods)
    return {
        name: [
            endpoint["endpoint"]["address"]["socket_address"]["port_value"]
            for locality in assignment["endpoints"]
            for endpoint in locality["lb_endpoints"]
        ]
        for name, assignment in assignments.items()
    }


def test_each_port_and_each_subset_is_a_cluster() -> None:
    found = endpoints([service()], [rule()], [pod("blue", 8001), pod("green", 8002)])
    assert found == {ALL: [8001, 8002], BLUE: [8001], GREEN: [8002]}


def test_without_a_rule_there_is_no_subset() -> None:
    assert endpoints([service()], [], [pod("blue", 8001)]) == {ALL: [8001]}


def test_without_a_service_there_is_no_cluster() -> None:
    assert endpoints([], [rule()], [pod("blue", 8001)]) == {}


@pytest.mark.parametrize(
    "absent",
    [
        pod("blue", 8001, ready="False"),
        pod("blue", 8001, metadata={"deletionTimestamp": "2026-11-23T00:00:00Z"}),
        pod("blue", 8001, metadata={"namespace": "other"}),
        pod("blue", 8001, metadata={"annotations": {}}),
        pod("blue", 8001, metadata={"labels": {"app": "other", "color": "blue"}}),
        {**pod("blue", 8001), "status": {}},
    ],
    ids=["not ready", "being deleted", "other namespace", "no port yet", "other app", "not started"],
)
def test_a_pod_that_takes_no_requests_is_no_endpoint(absent: Object) -> None:
    assert endpoints([service()], [rule()], [absent]) == {ALL: [], BLUE: [], GREEN: []}


def test_a_service_without_selector_has_no_endpoints() -> None:
    assert endpoints([service(selector=None)], [], [pod("blue", 8001)]) == {ALL: []}


def test_of_two_rules_for_a_host_the_first_wins_and_both_add_subsets() -> None:
    second = rule(
        subsets=[{"name": "blue", "labels": {"color": "green"}}, {"name": "any", "labels": {"app": "myapp"}}]
    )
    found = endpoints([service()], [rule(), second], [pod("blue", 8001)])
    assert found[BLUE] == [8001]
    assert found["outbound|80|any|myapp.shop.svc.cluster.local"] == [8001]


def test_endpoints_lie_in_a_file_of_their_own_so_that_pods_change_no_cluster() -> None:
    before, _ = translate_clusters([service()], {}, [])
    after, _ = translate_clusters([service()], {}, [pod("blue", 8001)])
    assert before == after
    source = before[ALL]["eds_cluster_config"]["eds_config"]["path_config_source"]["path"]
    assert source == endpoint_file(ALL) == "./eds/outbound_80__myapp.shop.svc.cluster.local.json"


@pytest.mark.parametrize(
    ("port", "is_http2"),
    [
        ({"port": 80, "name": "http"}, False),
        ({"port": 80}, False),
        ({"port": 80, "name": "grpc-api"}, True),
        ({"port": 80, "name": "web", "appProtocol": "http2"}, True),
    ],
)
def test_the_port_tells_the_protocol(port: Object, is_http2: bool) -> None:  # noqa: FBT001  a table's column
    clusters, _ = translate_clusters([service(ports=[port])], {}, [])
    assert ("typed_extension_protocol_options" in clusters[ALL]) is is_http2


def test_the_load_balancer_is_read_and_the_rest_of_a_traffic_policy_reported() -> None:
    report = Report()
    policy = {"loadBalancer": {"simple": "ROUND_ROBIN"}, "outlierDetection": {"consecutive5xxErrors": 5}}
    subsets = read_subsets([rule(trafficPolicy=policy)], report)
    clusters, _ = translate_clusters([service()], subsets, [])
    assert {cluster["lb_policy"] for cluster in clusters.values()} == {"ROUND_ROBIN"}
    (line,) = report.lines
    assert line.startswith("DestinationRule shop/myapp: spec.trafficPolicy.outlierDetection is ignored: ")


def test_the_ports_of_services_are_known_by_full_name() -> None:
    assert service_ports([service()]) == {"myapp.shop.svc.cluster.local": (80,)}
