"""Server-side apply: merging, ownership, conflicts, force and pruning."""

from typing import Any

import pytest

from sandbox.api.apply import apply, clone_object
from sandbox.api.errors import ApiError
from sandbox.api.managed import Operation, Writer, read_entries, track_update
from sandbox.api.resources import get_resource
from sandbox.store import Object

DEPLOYMENTS = get_resource("deployments.apps")
ROUTES = get_resource("virtualservices.networking.istio.io")


def _writer(
    manager: str = "verdigris", operation: Operation = "Apply", time: str = "2026-01-01T00:00:00Z"
) -> Writer:
    return Writer(manager, operation, "apps/v1", time)


def _declare(*containers: Object, labels: dict[str, str] | None = None, **spec: Any) -> Object:  # noqa: ANN401  JSON
    template = {"spec": {"containers": list(containers)}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "shop", **({"labels": labels} if labels else {})},
        "spec": {**({"template": template} if containers else {}), **spec},
    }


def _apply(
    live: Object | None, declared: Object, manager: str = "verdigris", *, force: bool = False
) -> Object:
    return apply(DEPLOYMENTS, live, declared, _writer(manager), force=force)


def _owned(obj: Object, manager: str) -> set[str]:
    return {"".join(path) for e in read_entries(obj) if e.manager == manager for path in e.fields}


def test_what_others_set_stays_and_what_is_declared_is_merged() -> None:
    live = _apply(None, _declare({"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}), "helm")

    merged = _apply(live, _declare({"name": "app", "tty": True}, replicas=2))

    assert merged["spec"]["replicas"] == 2
    assert merged["spec"]["template"]["spec"]["containers"] == [
        {"name": "app", "image": "a:1", "tty": True},
        {"name": "log", "image": "l:1"},
    ]


def test_a_field_that_is_no_longer_declared_goes() -> None:
    live = _apply(None, _declare(labels={"a": "1", "b": "2"}, replicas=2))

    merged = _apply(live, _declare(labels={"a": "1"}))

    assert merged["metadata"]["labels"] == {"a": "1"}
    assert "replicas" not in merged["spec"]


def test_a_field_that_another_manager_shares_stays() -> None:
    live = _apply(None, _declare(replicas=2))
    live = _apply(live, _declare(replicas=2), "helm")

    merged = _apply(live, _declare())

    assert merged["spec"]["replicas"] == 2
    assert _owned(merged, "helm") == {"f:specf:replicas"}
    assert "f:specf:replicas" not in _owned(merged, "verdigris")


def test_a_container_that_is_no_longer_declared_goes_with_its_defaults() -> None:
    live = _apply(None, _declare({"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}))
    live["spec"]["template"]["spec"]["containers"][1]["imagePullPolicy"] = "Always"

    merged = _apply(live, _declare({"name": "app", "image": "a:1"}))

    assert merged["spec"]["template"]["spec"]["containers"] == [{"name": "app", "image": "a:1"}]


def test_a_probe_that_is_no_longer_declared_goes_with_its_defaults() -> None:
    probe = {"httpGet": {"path": "/", "port": 80}}
    live = _apply(None, _declare({"name": "app", "readinessProbe": probe}))
    live["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["timeoutSeconds"] = 1

    merged = _apply(live, _declare({"name": "app"}))

    assert merged["spec"]["template"]["spec"]["containers"] == [{"name": "app"}]


def test_a_conflict_names_the_managers_and_the_fields() -> None:
    live = _apply(None, _declare({"name": "app", "image": "a:1"}, replicas=1))

    with pytest.raises(ApiError) as caught:
        _apply(live, _declare({"name": "app", "image": "a:2"}, replicas=2), "argocd")

    assert caught.value.code == 409
    assert str(caught.value) == (
        'Apply failed with 2 conflicts: conflicts with "verdigris":\n'
        "- .spec.replicas\n"
        '- .spec.template.spec.containers[name="app"].image'
    )
    assert caught.value.details is not None
    assert [cause["reason"] for cause in caught.value.details["causes"]] == ["FieldManagerConflict"] * 2


def test_force_takes_the_fields_over() -> None:
    live = _apply(None, _declare({"name": "app", "image": "a:1"}, replicas=1))

    merged = _apply(live, _declare(replicas=2), "argocd", force=True)

    assert merged["spec"]["replicas"] == 2
    assert "f:specf:replicas" in _owned(merged, "argocd")
    assert "f:specf:replicas" not in _owned(merged, "verdigris")


def test_agreeing_with_another_manager_is_no_conflict() -> None:
    live = _apply(None, _declare(replicas=1))

    merged = _apply(live, _declare(replicas=1), "argocd")

    assert _owned(merged, "argocd") & _owned(merged, "verdigris") == {"f:specf:replicas"}


def test_applying_the_same_again_changes_nothing() -> None:
    live = _apply(None, _declare(replicas=1))

    again = apply(DEPLOYMENTS, live, _declare(replicas=1), _writer(time="2027-01-01T00:00:00Z"), force=False)

    assert again == live


def test_routes_are_one_field() -> None:
    live: Object = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "shop"},
        "spec": {"hosts": ["*"], "http": [{"name": "a"}, {"name": "b"}]},
    }
    live = apply(ROUTES, None, live, _writer(), force=False)
    wanted = {**live, "metadata": {"name": "shop"}, "spec": {"hosts": ["*"], "http": [{"name": "b"}]}}

    with pytest.raises(ApiError, match=r'conflict with "verdigris": \.spec\.http$'):
        apply(ROUTES, live, wanted, _writer("argocd"), force=False)
    merged = apply(ROUTES, live, wanted, _writer(), force=False)

    assert merged["spec"]["http"] == [{"name": "b"}]


def test_an_update_takes_what_it_changes() -> None:
    live = _apply(None, _declare(replicas=1, paused=True))
    new = clone_object(live)
    new["spec"]["replicas"] = 3

    written = track_update(DEPLOYMENTS, live, new, _writer("kubectl-edit", "Update", "2026-02-02T00:00:00Z"))

    assert _owned(written, "kubectl-edit") == {"f:specf:replicas"}
    assert _owned(written, "verdigris") == {"f:specf:paused"}


def test_an_object_from_before_tracking_gets_a_manager_of_its_own() -> None:
    live = _declare(replicas=1)

    with pytest.raises(ApiError, match=r'conflict with "before-first-apply" using apps/v1: \.spec\.replicas'):
        _apply(live, _declare(replicas=2))


def test_managed_fields_that_a_client_writes_are_kept() -> None:
    live = _apply(None, _declare(replicas=1), "old")
    new = clone_object(live)
    new["metadata"]["managedFields"][0]["manager"] = "verdigris"

    written = track_update(DEPLOYMENTS, live, new, _writer("migration", "Update"))

    assert _owned(written, "verdigris") == {"f:specf:replicas"}
    assert _owned(written, "old") == _owned(written, "migration") == set()


def test_an_applier_that_owned_a_list_by_name_keeps_what_it_still_declares() -> None:
    created = track_update(
        DEPLOYMENTS,
        None,
        _declare({"name": "app", "env": [{"name": "A", "value": "1"}]}),
        _writer("k", "Update"),
    )
    created["metadata"]["managedFields"][0] |= {"manager": "kubectl", "operation": "Apply"}

    merged = _apply(created, _declare({"name": "app", "env": [{"name": "A", "value": "2"}]}), "kubectl")

    assert merged["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "2"}]
