from datetime import UTC, datetime

from sandbox.controllers.garbage import GarbageCollector
from sandbox.controllers.ownership import reference
from sandbox.controllers.queue import Key
from sandbox.store import Event, Object, Store

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Family:
    """A deployment with a replica set with a pod, and a collector that hears of every write."""

    def __init__(self, *, node: str = "") -> None:
        self.store = Store()
        self.collector = GarbageCollector(self.store, lambda: NOW)
        self.waiting = [Key("deployments.apps", "shop", "shop")]
        deployment = self._create("deployments.apps", "shop", None)
        owner = reference(deployment, api_version="apps/v1", kind="Deployment")
        replica_set = self._create("replicasets.apps", "shop-1", owner)
        owner = reference(replica_set, api_version="apps/v1", kind="ReplicaSet")
        self._create("pods", "shop-1-x", owner, nodeName=node)
        self.store.subscribe(self._hear)

    def _create(self, resource: str, name: str, owner: Object | None, **spec: object) -> Object:
        metadata = {"name": name, "namespace": "shop", "ownerReferences": [owner] if owner else []}
        return self.store.create(resource, {"metadata": metadata, "spec": spec})

    def _hear(self, event: Event) -> None:
        self.waiting.extend(self.collector.concerned(event))

    def settle(self) -> list[str]:
        """Work until there is nothing to do; what is left."""
        while self.waiting:
            self.collector.reconcile(self.waiting.pop(0))
        resources = ("deployments.apps", "replicasets.apps", "pods")
        return [resource for resource in resources if self.store.list(resource)]

    def mark(self, *finalizers: str) -> None:
        deployment = self.store.get("deployments.apps", "shop", "shop")
        deployment["metadata"] |= {"deletionTimestamp": "2026-11-23T00:00:00Z", "finalizers": [*finalizers]}
        self.store.update("deployments.apps", deployment)


def test_an_owner_that_is_gone_takes_everything_along() -> None:
    family = Family()
    family.store.delete("deployments.apps", "shop", "shop")
    assert family.settle() == []


def test_in_the_foreground_an_owner_waits_for_what_it_owns() -> None:
    family = Family(node="sandbox")
    family.mark("foregroundDeletion")
    assert family.settle() == ["deployments.apps", "replicasets.apps", "pods"]
    (pod,) = family.store.list("pods")
    assert pod["metadata"]["deletionGracePeriodSeconds"] == 30
    family.store.delete("pods", "shop", "shop-1-x")
    assert family.settle() == []


def test_orphans_stay() -> None:
    family = Family()
    family.mark("orphan")
    assert family.settle() == ["replicasets.apps", "pods"]
    assert family.store.list("replicasets.apps")[0]["metadata"]["ownerReferences"] == []


def test_somebody_elses_finalizer_holds_the_object() -> None:
    family = Family()
    family.mark("foregroundDeletion", "example.com/wait")
    assert family.settle() == ["deployments.apps"]
    family.mark()
    assert family.settle() == []


def test_what_belonged_to_an_owner_of_the_same_name_before_is_garbage() -> None:
    family = Family()
    family.store.delete("deployments.apps", "shop", "shop")
    family.store.create("deployments.apps", {"metadata": {"name": "shop", "namespace": "shop"}, "spec": {}})
    assert family.settle() == ["deployments.apps"]
