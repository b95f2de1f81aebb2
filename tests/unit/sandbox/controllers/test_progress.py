from datetime import UTC, datetime, timedelta

import pytest

from sandbox.controllers.progress import announce, build_status, find_deadline, set_condition
from sandbox.store import Object

START = datetime(2026, 11, 22, 23, 42, 4, tzinfo=UTC)


def build_deployment(status: Object | None = None, **spec: object) -> Object:
    metadata = {"name": "shop", "namespace": "shop", "generation": 3}
    return {
        "metadata": metadata,
        "spec": {"replicas": 2, "progressDeadlineSeconds": 10, **spec},
        "status": status,
    }


def build_replica_set(name: str, replicas: int, **status: object) -> Object:
    return {
        "metadata": {"name": name},
        "spec": {"replicas": replicas},
        "status": {"replicas": replicas, **status},
    }


def reason(status: Object, kind: str = "Progressing") -> str | None:
    return next((found["reason"] for found in status["conditions"] if found["type"] == kind), None)


def after(deployment: Object, status: Object, seconds: int, *owned: Object) -> Object:
    later = START + timedelta(seconds=seconds)
    return build_status({**deployment, "status": status}, owned, owned[-1], now=later)


def test_counts_that_are_zero_are_left_out() -> None:
    old = build_replica_set("old", 1, readyReplicas=1, availableReplicas=1, terminatingReplicas=1)
    new = build_replica_set("new", 2, readyReplicas=1)
    status = build_status(build_deployment(), [old, new], new, now=START)
    counts = {field: value for field, value in status.items() if field != "conditions"}
    assert counts == {
        "observedGeneration": 3,
        "replicas": 3,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "unavailableReplicas": 2,
        "terminatingReplicas": 1,
    }


@pytest.mark.parametrize(
    ("available", "strategy", "expected"),
    [
        (2, {"type": "Recreate"}, "MinimumReplicasAvailable"),
        (1, {"type": "Recreate"}, "MinimumReplicasUnavailable"),
        (1, {"rollingUpdate": {"maxUnavailable": 1}}, "MinimumReplicasAvailable"),
    ],
)
def test_available_means_the_least_that_the_strategy_allows(
    available: int, strategy: Object, expected: str
) -> None:
    new = build_replica_set("new", 2, availableReplicas=available)
    status = build_status(build_deployment(strategy=strategy), [new], new, now=START)
    assert reason(status, "Available") == expected


def test_a_rollout_moves_on_then_times_out_then_completes_after_all() -> None:
    deployment = build_deployment()
    waiting = build_replica_set("new", 2)
    ready = build_replica_set("new", 2, readyReplicas=2, availableReplicas=2)

    moving = after(deployment, {}, 0, waiting)
    assert reason(moving) == "ReplicaSetUpdated"
    assert reason(after(deployment, moving, 10, waiting)) == "ReplicaSetUpdated"

    stuck = after(deployment, moving, 11, waiting)
    assert stuck["conditions"][-1]["status"] == "False"
    assert stuck["conditions"][-1]["message"] == 'ReplicaSet "new" has timed out progressing.'
    assert after(deployment, stuck, 99, waiting) == stuck

    done = after(deployment, stuck, 100, ready)
    assert reason(done) == "NewReplicaSetAvailable"
    assert find_deadline({**deployment, "status": done}) is None


def test_a_complete_rollout_stays_complete_when_a_pod_fails_later() -> None:
    deployment = build_deployment()
    done = after(deployment, {}, 0, build_replica_set("new", 2, readyReplicas=2, availableReplicas=2))
    worse = after(deployment, done, 60, build_replica_set("new", 2, readyReplicas=1, availableReplicas=1))
    assert reason(worse) == "NewReplicaSetAvailable"
    assert reason(worse, "Available") == "MinimumReplicasUnavailable"


def test_progress_renews_the_time_from_which_the_deadline_counts() -> None:
    deployment = build_deployment()
    first = after(deployment, {}, 0, build_replica_set("new", 1))
    second = after(deployment, first, 8, build_replica_set("new", 2))
    condition = second["conditions"][-1]
    assert condition["lastUpdateTime"] == "2026-11-22T23:42:12Z"
    assert condition["lastTransitionTime"] == "2026-11-22T23:42:04Z"
    assert find_deadline({**deployment, "status": second}) == START + timedelta(seconds=18)


def test_a_failure_to_create_pods_comes_and_goes_with_the_replica_set() -> None:
    deployment = build_deployment()
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no"}
    failing = after(deployment, {}, 0, build_replica_set("new", 2, conditions=[failure]))
    assert reason(failing, "ReplicaFailure") == "FailedCreate"
    assert reason(after(deployment, failing, 1, build_replica_set("new", 2)), "ReplicaFailure") is None


def test_the_same_status_and_reason_is_no_news() -> None:
    condition = announce("Created", build_replica_set("new", 1))
    first = set_condition([], condition, now=START)
    assert set_condition(first, condition, now=START + timedelta(seconds=5)) == first
    assert first[0]["message"] == 'Created new replica set "new"'
