import pytest

from sandbox.node.status import (
    LOST,
    ContainerRecord,
    PodFacts,
    build_status,
    find_phase,
    format_duration,
    grace_period,
    terminated,
    waiting,
)
from sandbox.store import Object


def ended(code: int) -> Object:
    return terminated(code, started="a", finished="b", container_id="c")


def record(state: Object, last: Object | None = None, *, ready: bool = False) -> ContainerRecord:
    return ContainerRecord("app", "shop:v1", state=state, last_state=last or {}, is_ready=ready)


RUNNING: Object = {"running": {"startedAt": "a"}}
CRASHED = record(waiting("CrashLoopBackOff"), ended(1))


@pytest.mark.parametrize(
    ("policy", "containers", "expected"),
    [
        ("Always", [record(waiting("ErrImagePull"))], "Pending"),
        ("Always", [record(RUNNING), record(waiting("ErrImagePull"))], "Pending"),
        ("Always", [record(RUNNING)], "Running"),
        ("Always", [CRASHED], "Running"),
        ("Always", [record(ended(0))], "Running"),
        ("OnFailure", [record(ended(1))], "Running"),
        ("OnFailure", [record(ended(0))], "Succeeded"),
        ("Never", [record(ended(0)), record(ended(1))], "Failed"),
        ("Never", [record(ended(0)), record(RUNNING)], "Running"),
    ],
)
def test_the_phase_follows_from_the_containers(
    policy: str, containers: list[ContainerRecord], expected: str
) -> None:
    assert find_phase(policy, containers, is_ended=False) == expected


@pytest.mark.parametrize(
    ("state", "expected"), [(ended(0), "Succeeded"), (ended(143), "Failed"), (LOST, "Failed")]
)
def test_a_pod_that_is_deleted_ends_whatever_its_policy(state: Object, expected: str) -> None:
    assert find_phase("Always", [record(state)], is_ended=True) == expected


def build(containers: list[ContainerRecord], before: Object | None = None, *, now: str = "now") -> Object:
    pod = {"metadata": {"generation": 2}, "spec": {}, "status": before or {}}
    return build_status(pod, PodFacts(started="start"), containers, now=now)


def conditions(status: Object) -> dict[str, Object]:
    return {condition["type"]: condition for condition in status["conditions"]}


def test_unready_containers_are_named() -> None:
    status = build([record(RUNNING, ready=True), record(RUNNING)])
    assert conditions(status)["Ready"]["message"] == "containers with unready status: [app]"
    assert conditions(status)["Ready"]["observedGeneration"] == 2


def test_a_transition_time_moves_only_with_its_status() -> None:
    first = build([record(RUNNING)], now="first")
    second = build([record(RUNNING, ready=True)], first, now="second")
    found = {kind: condition["lastTransitionTime"] for kind, condition in conditions(second).items()}
    assert found["Ready"] == found["ContainersReady"] == "second"
    assert found["Initialized"] == found["PodScheduled"] == "first"


def test_a_pod_that_succeeded_is_unready_because_it_is_complete() -> None:
    pod = {"metadata": {}, "spec": {"restartPolicy": "Never"}}
    status = build_status(pod, PodFacts(started="start"), [record(ended(0))], now="now")
    assert conditions(status)["Ready"]["reason"] == "PodCompleted"


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, "500ms"), (1, "1s"), (8.0, "8s"), (10, "10s")])
def test_durations_are_spelled_as_in_go(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected


def test_the_grace_of_a_deletion_goes_before_that_of_the_spec() -> None:
    assert grace_period({"metadata": {}, "spec": {}}) == 30
    assert grace_period({"metadata": {}, "spec": {"terminationGracePeriodSeconds": 5}}) == 5
    metadata = {"deletionGracePeriodSeconds": 0}
    assert grace_period({"metadata": metadata, "spec": {"terminationGracePeriodSeconds": 5}}) == 0
