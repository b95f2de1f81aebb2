"""Deleting: what goes at once, what is only marked, what is refused."""

from datetime import UTC, datetime

import pytest

from sandbox.api.deletion import DeleteOptions, delete
from sandbox.api.errors import ApiError
from sandbox.api.resources import get_resource
from sandbox.api.targets import Target
from sandbox.store import NotFound, Object, Store

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def _delete(store: Store, resource: str, name: str = "a", options: DeleteOptions = DeleteOptions()) -> Object:  # noqa: B008  frozen
    found = get_resource(resource)
    namespace = "shop" if found.namespaced else ""
    return delete(store, Target(found, found.versions[0], namespace, name), options, clock=lambda: NOW)


def _store(resource: str, **parts: Object) -> Store:
    store = Store()
    metadata = {"name": "a", "namespace": "shop", **parts.pop("metadata", {})}
    store.create(resource, {"metadata": metadata, "spec": {}, **parts})
    return store


def test_a_deployment_goes_at_once_and_leaves_a_status() -> None:
    store = _store("deployments.apps")

    answer = _delete(store, "deployments.apps")

    assert store.list("deployments.apps") == []
    assert answer["status"] == "Success"
    assert answer["details"] | {"uid": ""} == {"name": "a", "group": "apps", "kind": "deployments", "uid": ""}


@pytest.mark.parametrize(
    ("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")]
)
def test_a_policy_leaves_a_deployment_to_the_garbage_collector(policy: str, finalizer: str) -> None:
    store = _store("deployments.apps")

    _delete(store, "deployments.apps", options=DeleteOptions(propagation=policy))

    metadata = store.get("deployments.apps", "shop", "a")["metadata"]
    assert metadata["finalizers"] == [finalizer]
    assert metadata["deletionTimestamp"] == "2026-11-23T10:00:00Z"
    assert metadata["deletionGracePeriodSeconds"] == 0


def test_a_pod_on_a_node_gets_its_grace_period() -> None:
    store = _store("pods", spec={"nodeName": "n", "terminationGracePeriodSeconds": 5})

    _delete(store, "pods")
    _delete(store, "pods")

    metadata = store.get("pods", "shop", "a")["metadata"]
    assert metadata["deletionTimestamp"] == "2026-11-23T10:00:05Z"
    assert metadata["deletionGracePeriodSeconds"] == 5


def test_a_pod_without_a_node_or_without_grace_goes_at_once() -> None:
    pending = _store("pods")
    killed = _store("pods", spec={"nodeName": "n"})

    _delete(pending, "pods")
    _delete(killed, "pods", options=DeleteOptions(grace_seconds=0))

    assert pending.list("pods") == killed.list("pods") == []


def test_a_finalizer_holds_an_object() -> None:
    store = _store("services", metadata={"finalizers": ["example.com/lock"]})

    answer = _delete(store, "services")

    assert answer["metadata"]["deletionTimestamp"]
    assert len(store.list("services")) == 1


def test_a_namespace_takes_everything_in_it_along() -> None:
    store = _store("deployments.apps")
    store.create("namespaces", {"metadata": {"name": "shop"}})

    _delete(store, "namespaces", "shop")

    assert store.list("deployments.apps") == store.list("namespaces") == []


@pytest.mark.parametrize("options", [DeleteOptions(uid="other"), DeleteOptions(resource_version="1")])
def test_a_precondition_that_does_not_hold_is_a_conflict(options: DeleteOptions) -> None:
    store = _store("deployments.apps")

    with pytest.raises(ApiError) as caught:
        _delete(store, "deployments.apps", options=options)

    assert caught.value.code == 409
    assert len(store.list("deployments.apps")) == 1


def test_a_dry_run_deletes_nothing() -> None:
    store = _store("deployments.apps")

    _delete(store, "deployments.apps", options=DeleteOptions(dry_run=True))

    assert len(store.list("deployments.apps")) == 1


def test_what_is_not_there_cannot_be_deleted() -> None:
    with pytest.raises(NotFound):
        _delete(Store(), "services")
