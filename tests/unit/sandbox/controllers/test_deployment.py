import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from sandbox.controllers.deployment import DeploymentController
from sandbox.controllers.queue import Key, Queue
from sandbox.store import Object, Store

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = Key("deployments.apps", "shop", "shop")
SETS = "replicasets.apps"


class Desk:
    """The deployment controller alone: replica sets report only what a test writes."""

    def __init__(self, strategy: str = "Recreate", **spec: object) -> None:
        self.store = Store(clock=lambda: NOW)
        self.controller = DeploymentController(self.store, Queue(), lambda: NOW)
        template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"image": "shop:v1"}]}}
        self.store.create(
            KEY.resource,
            {
                "metadata": {
                    "name": "shop",
                    "namespace": "shop",
                    "annotations": {"note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
                },
                "spec": {
                    "replicas": 2,
                    "selector": {"matchLabels": {"app": "shop"}},
                    "strategy": {"type": strategy},
                    "template": template,
                    **spec,
                },
            },
        )

    def reconcile(self) -> Object:
        self.controller.reconcile(KEY)
        return self.store.get(*KEY)

    def change(self, change: Callable[[Object], None]) -> None:
        deployment = self.store.get(*KEY)
        change(deployment["spec"])
        self.store.update(KEY.resource, deployment)

    def use_image(self, image: str) -> None:
        self.change(lambda spec: spec["template"]["spec"].update(containers=[{"image": image}]))

    def sizes(self) -> dict[str, int]:
        return {
            found["spec"]["template"]["spec"]["containers"][0]["image"]: found["spec"]["replicas"]
            for found in self.store.list(SETS)
        }

    def fill(self, *, available: bool = True) -> None:
        """What the replica set controller and the node would do."""
        for found in self.store.list(SETS):
            size = found["spec"]["replicas"]
            found["status"] = {"replicas": size, "availableReplicas": size if available else 0}
            self.store.update(SETS, found)

    def deploy(self, image: str) -> None:
        self.use_image(image)
        self.reconcile()
        self.fill()
        self.reconcile()


def test_a_replica_set_carries_hash_owner_revision_and_annotations() -> None:
    desk = Desk()
    deployment = desk.reconcile()
    (found,) = desk.store.list(SETS)
    name = found["metadata"]["labels"]["pod-template-hash"]
    assert found["metadata"]["name"] == f"shop-{name}"
    assert found["spec"]["selector"]["matchLabels"] == {"app": "shop", "pod-template-hash": name}
    assert found["spec"]["template"]["metadata"]["labels"] == {"app": "shop", "pod-template-hash": name}
    assert found["metadata"]["annotations"] == {
        "note": "kept",
        "deployment.kubernetes.io/desired-replicas": "2",
        "deployment.kubernetes.io/max-replicas": "2",
        "deployment.kubernetes.io/revision": "1",
    }
    assert found["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"]
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


def test_recreate_waits_until_the_old_pods_are_gone() -> None:
    desk = Desk()
    desk.reconcile()
    owner = desk.store.list(SETS)[0]["metadata"]
    reference = {"kind": "ReplicaSet", "name": owner["name"], "uid": owner["uid"], "controller": True}
    pod = {"metadata": {"name": "old", "namespace": "shop", "ownerReferences": [reference]}, "spec": {}}
    desk.store.create("pods", pod)
    desk.use_image("shop:v2")
    desk.reconcile()
    assert desk.sizes() == {"shop:v1": 0}
    desk.store.delete("pods", "shop", "old")
    desk.reconcile()
    assert desk.sizes() == {"shop:v1": 0, "shop:v2": 2}


def test_a_rolling_update_goes_step_by_step() -> None:
    desk = Desk("RollingUpdate")
    desk.reconcile()
    desk.fill()
    desk.use_image("shop:v2")
    desk.reconcile()
    assert desk.sizes() == {"shop:v1": 2, "shop:v2": 1}
    desk.fill()
    desk.reconcile()
    assert desk.sizes() == {"shop:v1": 1, "shop:v2": 1}


def test_going_back_to_a_template_takes_its_replica_set_again_with_a_new_revision() -> None:
    desk = Desk()
    desk.deploy("shop:v1")
    desk.deploy("shop:v2")
    desk.deploy("shop:v1")
    assert desk.sizes() == {"shop:v1": 2, "shop:v2": 0}
    annotations = desk.store.get(*KEY)["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"


def test_old_replica_sets_are_kept_as_far_as_the_history_goes() -> None:
    desk = Desk(revisionHistoryLimit=1)
    for version in range(1, 5):
        desk.deploy(f"shop:v{version}")
    desk.reconcile()
    assert desk.sizes() == {"shop:v3": 0, "shop:v4": 2}


def test_a_name_that_is_taken_by_another_owner_is_avoided() -> None:
    desk = Desk()
    desk.reconcile()
    (first,) = desk.store.list(SETS)
    first["metadata"]["ownerReferences"] = []
    desk.store.update(SETS, first)
    deployment = desk.reconcile()
    assert len(desk.store.list(SETS)) == 2
    assert deployment["status"]["collisionCount"] == 1


def test_a_paused_deployment_is_scaled_but_not_rolled() -> None:
    desk = Desk()
    desk.deploy("shop:v1")
    desk.change(lambda spec: spec.update(paused=True, replicas=3))
    desk.reconcile()
    assert desk.sizes() == {"shop:v1": 3}
    desk.use_image("shop:v2")
    desk.reconcile()
    assert desk.sizes() == {"shop:v1": 3}


def test_a_deployment_that_goes_only_reports() -> None:
    desk = Desk()
    deployment = desk.store.get(*KEY)
    deployment["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z"
    desk.store.update(KEY.resource, deployment)
    deployment = desk.reconcile()
    assert deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
    assert desk.sizes() == {}


def test_a_rollout_with_a_deadline_is_looked_at_again_by_itself() -> None:
    async def scenario() -> tuple[str, Key]:
        moments = iter([NOW] * 20)
        desk = Desk(progressDeadlineSeconds=0.01)
        queue = Queue()
        desk.controller = DeploymentController(desk.store, queue, lambda: next(moments))
        desk.reconcile()
        async with asyncio.timeout(30):
            return await queue.take()

    assert asyncio.run(scenario()) == ("deployment", KEY)
