import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.controllers.queue import Key, Queue
from sandbox.controllers.replicaset import ReplicaSetController
from sandbox.store import Event, EventType, Object, Store, format_time

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = Key("replicasets.apps", "shop", "shop-1")


class Desk:
    """A controller over a store, with a replica set of the given size."""

    def __init__(self, replicas: int = 2, **spec: object) -> None:
        self.store = Store(clock=lambda: NOW)
        self.controller = ReplicaSetController(self.store, Queue(), lambda: NOW)
        template = {
            "metadata": {"labels": {"app": "shop"}, "annotations": {"note": "kept"}},
            "spec": {"containers": [{"name": "app", "image": "shop:v1"}]},
        }
        self.store.create(
            KEY.resource,
            {
                "metadata": {"name": KEY.name, "namespace": KEY.namespace},
                "spec": {"replicas": replicas, "template": template, **spec},
            },
        )

    def reconcile(self) -> Object:
        self.controller.reconcile(KEY)
        return dict(self.store.get(*KEY)["status"])

    def scale(self, replicas: int) -> None:
        replica_set = self.store.get(*KEY)
        replica_set["spec"]["replicas"] = replicas
        self.store.update(KEY.resource, replica_set)

    def set_ready(self, pod: Object, since: datetime = NOW) -> None:
        condition = {"type": "Ready", "status": "True", "lastTransitionTime": format_time(since)}
        pod["status"] = {"phase": "Running", "conditions": [condition]}
        pod["spec"]["nodeName"] = "sandbox"
        self.store.update("pods", pod)

    def pods(self) -> list[Object]:
        return self.store.list("pods")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_pods_are_made_from_the_template(desk: Desk) -> None:
    status = desk.reconcile()
    assert status == {
        "replicas": 2,
        "fullyLabeledReplicas": 2,
        "terminatingReplicas": 0,
        "observedGeneration": 1,
    }
    pod = desk.pods()[0]
    assert pod["metadata"]["generateName"] == "shop-1-"
    assert (pod["metadata"]["labels"], pod["metadata"]["annotations"]) == ({"app": "shop"}, {"note": "kept"})
    assert pod["metadata"]["ownerReferences"][0]["controller"] is True
    assert pod["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


def test_reconciling_again_changes_nothing(desk: Desk) -> None:
    desk.reconcile()
    revision = desk.store.revision
    desk.reconcile()
    assert desk.store.revision == revision


def test_scaling_down_takes_pods_that_serve_nobody_first(desk: Desk) -> None:
    desk.reconcile()
    kept = desk.pods()[0]
    desk.set_ready(kept)
    desk.scale(1)
    desk.reconcile()
    assert [pod["metadata"]["name"] for pod in desk.pods()] == [kept["metadata"]["name"]]


def test_a_pod_on_a_node_is_left_to_the_node_with_its_grace(desk: Desk) -> None:
    desk.reconcile()
    for pod in desk.pods():
        desk.set_ready(pod)
    desk.scale(0)
    status = desk.reconcile()
    assert status["terminatingReplicas"] == 2
    assert status["replicas"] == 0
    metadata = desk.pods()[0]["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 30
    assert metadata["deletionTimestamp"] == format_time(NOW + timedelta(seconds=30))


def test_a_pod_that_is_over_is_replaced(desk: Desk) -> None:
    desk.reconcile()
    pod = desk.pods()[0]
    pod["status"]["phase"] = "Failed"
    desk.store.update("pods", pod)
    desk.reconcile()
    assert len(desk.pods()) == 3


def test_a_replica_set_that_goes_makes_no_pods(desk: Desk) -> None:
    replica_set = desk.store.get(*KEY)
    replica_set["metadata"]["deletionTimestamp"] = format_time(NOW)
    desk.store.update(KEY.resource, replica_set)
    assert desk.reconcile()["replicas"] == 0


@pytest.mark.parametrize(("age", "available"), [(4, None), (5, 1)])
def test_a_pod_is_available_once_it_has_been_ready_long_enough(age: int, available: int | None) -> None:
    async def scenario() -> Object:
        desk = Desk(1, minReadySeconds=5)
        desk.reconcile()
        desk.set_ready(desk.pods()[0], NOW - timedelta(seconds=age))
        return desk.reconcile()

    assert asyncio.run(scenario()).get("availableReplicas") == available


def test_a_quota_is_named_in_the_words_of_the_api_server(desk: Desk) -> None:
    quota = {"metadata": {"name": "few", "namespace": "shop"}, "spec": {"hard": {"pods": "1"}}}
    desk.store.create("resourcequotas", quota)
    (condition,) = desk.reconcile()["conditions"]
    assert condition["reason"] == "FailedCreate"
    assert condition["message"].endswith(
        "is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"
    )
    # and it is asked again when there may be room
    gone = Event(EventType.DELETED, "pods", desk.pods()[0], 1)
    assert KEY in list(desk.controller.concerned(gone))


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}}, "Burstable"),
        ({"limits": {"memory": "1Gi"}}, "Burstable"),
    ],
)
def test_the_quality_of_service_follows_from_the_resources(resources: Object, expected: str) -> None:
    containers = [{"name": "app", "image": "shop:v1", "resources": resources}]
    desk = Desk(1, template={"metadata": {}, "spec": {"containers": containers}})
    desk.reconcile()
    assert desk.pods()[0]["status"]["qosClass"] == expected
