from typing import Any

import pytest

from sandbox.controllers.endpoints import EndpointSliceController
from sandbox.controllers.queue import Key
from sandbox.store import Event, EventType, Object, Store

KEY = Key("services", "shop", "shop")
SLICES = "endpointslices.discovery.k8s.io"


def build_service(**spec: Any) -> Object:  # noqa: ANN401  any part of a spec
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    return {
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"selector": {"app": "shop"}, "ports": ports, **spec},
    }


def build_pod(name: str, *, ready: bool = True, app: str = "shop", leaving: bool = False) -> Object:
    gone = {"deletionTimestamp": "2026-11-23T00:00:00Z"} if leaving else {}
    container = {"name": "app", "ports": [{"name": "web", "containerPort": 3000}]}
    condition = {"type": "Ready", "status": str(ready)}
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": app}} | gone,
        "spec": {"containers": [container], "nodeName": "sandbox"},
        "status": {"phase": "Running", "podIP": "127.0.0.1", "conditions": [condition]},
    }


def slices(service: Object, *pods: Object) -> list[Object]:
    store = Store()
    store.create("services", service)
    for pod in pods:
        store.create("pods", pod)
    EndpointSliceController(store).reconcile(KEY)
    return store.list(SLICES)


def conditions(service: Object, *pods: Object) -> list[tuple[bool, ...]]:
    (found,) = slices(service, *pods)
    return [tuple(endpoint["conditions"].values()) for endpoint in found["endpoints"]]


def test_endpoints_say_ready_serving_and_terminating() -> None:
    pods = (
        build_pod("a"),
        build_pod("b", ready=False),
        build_pod("c", leaving=True),
        build_pod("d", app="other"),
    )
    assert conditions(build_service(), *pods) == [
        (True, True, False),
        (False, False, False),
        (False, True, True),
    ]


def test_a_service_may_publish_what_is_not_ready() -> None:
    service = build_service(publishNotReadyAddresses=True)
    assert conditions(service, build_pod("a", ready=False)) == [(True, False, False)]


def test_a_named_port_is_the_pods_number() -> None:
    (found,) = slices(build_service(), build_pod("a"))
    assert found["ports"] == [{"name": "http", "protocol": "TCP", "port": 3000}]


def test_without_pods_there_are_no_endpoints_and_no_ports() -> None:
    (found,) = slices(build_service())
    assert (found["endpoints"], found["ports"]) == ([], [])


@pytest.mark.parametrize("change", [{"podIP": ""}, {"phase": "Failed"}])
def test_pods_without_an_address_or_a_future_are_no_endpoints(change: Object) -> None:
    pod = build_pod("a")
    pod["status"] |= change
    assert conditions(build_service(), pod) == []


def test_a_service_without_a_selector_gets_no_slice() -> None:
    assert slices(build_service(selector=None)) == []


def test_a_second_look_writes_nothing() -> None:
    store = Store()
    store.create("services", build_service())
    controller = EndpointSliceController(store)
    controller.reconcile(KEY)
    revision = store.revision
    controller.reconcile(KEY)
    assert store.revision == revision


def test_a_pod_that_loses_its_label_concerns_the_service_it_leaves() -> None:
    store = Store()
    store.create("services", build_service())
    event = Event(EventType.MODIFIED, "pods", build_pod("a", app="other"), 2, previous=build_pod("a"))
    assert list(EndpointSliceController(store).concerned(event)) == [KEY]
