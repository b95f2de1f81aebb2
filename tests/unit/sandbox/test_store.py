"""The store: copies, revisions, generations, history and listeners."""

from datetime import UTC, datetime

import pytest

from sandbox.store import AlreadyExists, Conflict, Event, EventType, Expired, NotFound, Object, Store

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def _deployment(name: str = "shop-blue", **spec: object) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def test_a_created_object_gets_identity_version_time_and_generation() -> None:
    created = Store(clock=lambda: NOW).create("deployments.apps", _deployment(replicas=1))

    metadata = created["metadata"]
    assert metadata["generation"] == 1
    assert metadata["creationTimestamp"] == "2026-11-23T10:00:00Z"
    assert len(metadata["uid"]) == 36
    assert int(metadata["resourceVersion"]) > 0


def test_a_kind_without_generation_gets_none() -> None:
    created = Store().create("secrets", {"metadata": {"name": "a", "namespace": "shop"}})

    assert "generation" not in created["metadata"]


def test_the_generation_moves_with_the_spec_only() -> None:
    store = Store()
    created = store.create("deployments.apps", _deployment(replicas=1))

    labeled = store.update(
        "deployments.apps", {**created, "metadata": {**created["metadata"], "labels": {"a": "b"}}}
    )
    scaled = store.update("deployments.apps", {**labeled, "spec": {"replicas": 2}})

    assert labeled["metadata"]["generation"] == 1
    assert scaled["metadata"]["generation"] == 2


def test_marking_for_deletion_moves_the_generation() -> None:
    store = Store()
    created = store.create("deployments.apps", _deployment())

    created["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:00Z"

    assert store.update("deployments.apps", created)["metadata"]["generation"] == 2


def test_what_goes_in_and_comes_out_are_copies() -> None:
    store = Store()
    sent = _deployment(replicas=1)
    created = store.create("deployments.apps", sent)

    sent["spec"]["replicas"] = 8
    created["spec"]["replicas"] = 9
    store.list("deployments.apps")[0]["spec"]["replicas"] = 10

    assert store.get("deployments.apps", "shop", "shop-blue")["spec"] == {"replicas": 1}


def test_a_stale_write_is_refused_and_a_write_without_version_is_not() -> None:
    store = Store()
    first = store.create("deployments.apps", _deployment(replicas=1))
    store.update("deployments.apps", {**first, "spec": {"replicas": 2}})

    with pytest.raises(Conflict, match="the object has been modified"):
        store.update("deployments.apps", {**first, "spec": {"replicas": 3}})
    forced = store.update("deployments.apps", {**first, "spec": {"replicas": 4}}, check_version=False)
    unversioned = store.update("deployments.apps", _deployment(replicas=5))

    assert forced["spec"]["replicas"] == 4
    assert unversioned["spec"]["replicas"] == 5


def test_a_write_that_changes_nothing_is_no_write() -> None:
    store = Store()
    entry = {"manager": "m", "time": "2026-01-01T00:00:00Z"}
    obj = _deployment(replicas=1)
    obj["metadata"]["managedFields"] = [entry]
    created = store.create("deployments.apps", obj)
    heard: list[Event] = []
    store.subscribe(heard.append)

    created["metadata"]["managedFields"] = [{**entry, "time": "2026-02-02T00:00:00Z"}]
    written = store.update("deployments.apps", created)

    assert written["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    assert heard == []


def test_missing_and_doubled_objects_are_told_by_name() -> None:
    store = Store()
    store.create("deployments.apps", _deployment())

    with pytest.raises(AlreadyExists, match=r'deployments.apps "shop-blue" already exists'):
        store.create("deployments.apps", _deployment())
    with pytest.raises(NotFound, match=r'deployments.apps "gone" not found'):
        store.get("deployments.apps", "shop", "gone")
    with pytest.raises(NotFound):
        store.update("deployments.apps", _deployment("gone"))
    with pytest.raises(NotFound):
        store.delete("deployments.apps", "shop", "gone")


def test_a_dry_run_fills_in_and_checks_but_writes_nothing() -> None:
    store = Store()
    before = store.revision

    shown = store.create("deployments.apps", _deployment(replicas=1), dry_run=True)

    assert "resourceVersion" not in shown["metadata"]
    assert shown["metadata"]["generation"] == 1
    assert store.find("deployments.apps", "shop", "shop-blue") is None
    created = store.create("deployments.apps", _deployment(replicas=1))
    changed = store.update("deployments.apps", {**created, "spec": {"replicas": 2}}, dry_run=True)
    assert changed["metadata"]["generation"] == 2
    assert store.get("deployments.apps", "shop", "shop-blue")["spec"] == {"replicas": 1}
    assert store.revision == before + 1


def test_listeners_hear_every_write_until_they_leave() -> None:
    store = Store()
    heard: list[Event] = []
    leave = store.subscribe(heard.append)

    created = store.create("deployments.apps", _deployment(replicas=1))
    store.update("deployments.apps", {**created, "spec": {"replicas": 2}})
    store.delete("deployments.apps", "shop", "shop-blue")
    leave()
    leave()
    store.create("deployments.apps", _deployment())

    assert [event.type for event in heard] == [EventType.ADDED, EventType.MODIFIED, EventType.DELETED]
    assert [event.revision for event in heard] == sorted(event.revision for event in heard)
    assert heard[1].previous is not None
    assert heard[1].previous["spec"] == {"replicas": 1}
    assert heard[2].object["metadata"]["resourceVersion"] == str(heard[2].revision)


def test_history_is_told_from_a_revision_on() -> None:
    store = Store()
    store.create("deployments.apps", _deployment("a"))
    since = store.revision
    store.create("services", {"metadata": {"name": "a", "namespace": "shop"}})
    store.create("deployments.apps", _deployment("b"))

    assert [e.object["metadata"]["name"] for e in store.events_since("deployments.apps", since)] == ["b"]


def test_history_that_is_gone_or_never_was_has_expired() -> None:
    store = Store(history=2)
    for name in ("a", "b", "c", "d"):
        store.create("deployments.apps", _deployment(name))

    with pytest.raises(Expired, match="too old resource version: 1"):
        store.events_since("deployments.apps", 1)
    with pytest.raises(Expired):
        store.events_since("deployments.apps", store.revision + 1)
    assert len(store.events_since("deployments.apps", store.oldest_revision)) == 2


def test_lists_are_of_one_namespace_or_of_all_in_order() -> None:
    store = Store()
    for namespace, name in (("b", "y"), ("b", "x"), ("a", "z")):
        store.create("pods", {"metadata": {"namespace": namespace, "name": name}})

    assert [o["metadata"]["name"] for o in store.list("pods")] == ["z", "x", "y"]
    assert [o["metadata"]["name"] for o in store.list("pods", "b")] == ["x", "y"]
