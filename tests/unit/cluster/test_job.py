"""How a Job is judged, and what of its pods' output is to be heard."""

from typing import Any

import pytest
import urllib3

from cluster.errors import Unavailable
from cluster.job import JobEnd, exit_codes, judge
from cluster.joblog import Readers, runs_of
from cluster.kinds import Ref
from release.problems import Problem
from tests.unit.cluster.fakes import Answer, fake_cluster

REF = Ref("Job", "shop", "migrate")


def job(*conditions: tuple[str, str], **status: object) -> dict[str, Any]:
    """A Job whose conditions are true, each with a reason."""
    found = [
        {"type": kind, "status": "True", "reason": reason, "message": "why"} for kind, reason in conditions
    ]
    return {"metadata": {"name": "migrate"}, "spec": {}, "status": {**status, "conditions": found}}


def pod(
    name: str = "migrate-1", *, restarts: int = 0, last: object = None, **state: object
) -> dict[str, Any]:
    container = {"name": "app", "state": state, "restartCount": restarts, "lastState": last or {}}
    return {
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"containerStatuses": [container]},
    }


def ended(code: int, at: str = "2026-11-23T05:00:00Z") -> dict[str, Any]:
    return {"exitCode": code, "finishedAt": at}


@pytest.mark.parametrize(
    ("conditions", "end"),
    [
        ([("SuccessCriteriaMet", "A"), ("Complete", "CompletionsReached")], True),
        ([("FailureTarget", "A"), ("Failed", "BackoffLimitExceeded")], False),
    ],
    ids=["complete", "failed"],
)
def test_the_last_condition_is_its_end(conditions: list[tuple[str, str]], *, end: bool) -> None:
    found = judge([job(*conditions)], [pod(terminated=ended(3))], REF)

    assert found == JobEnd(end, f"{conditions[-1][1]}: why", 3)


@pytest.mark.parametrize("kind", ["SuccessCriteriaMet", "FailureTarget", "Suspended"])
def test_it_is_not_over_before_its_pods_are(kind: str) -> None:
    assert isinstance(judge([job((kind, "A"), active=1)], [], REF), str)


def test_what_is_waited_for_is_told() -> None:
    waiting = pod(waiting={"reason": "ImagePullBackOff", "message": "not found"})
    creating = pod(waiting={"reason": "ContainerCreating"})

    assert judge([job()], [], REF) == "no pod yet"
    assert judge([job(active=1, failed=2)], [creating], REF) == "pods: 1 active, 2 failed"
    assert (
        judge([job(active=1)], [waiting], REF) == "pod migrate-1, container app: ImagePullBackOff: not found"
    )
    assert judge([{**job(), "spec": {"suspend": True}}], [], REF) == "the Job is suspended"


def test_a_pod_that_no_node_takes_is_told_unless_it_is_on_its_way_out() -> None:
    unscheduled = pod()
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}
    unscheduled["status"] = {"conditions": [condition]}

    assert judge([job(active=1)], [unscheduled], REF) == "pod migrate-1: no node takes it: no room"
    unscheduled["metadata"]["deletionTimestamp"] = "now"
    assert judge([job(active=1)], [unscheduled], REF) == "pods: 1 active"


def test_one_that_is_gone_can_t_be_judged() -> None:
    with pytest.raises(Problem) as caught:
        judge([], [], REF)

    assert caught.value.document.slug == "command-lost"


def test_the_last_exit_code_is_that_of_what_ended_last() -> None:
    restarted = pod(
        terminated=ended(0, "2026-11-23T05:03:00Z"), last={"terminated": ended(7, "2026-11-23T05:01:00Z")}
    )
    other = pod("migrate-2", terminated=ended(4, "2026-11-23T05:02:00Z"))

    assert exit_codes([restarted, other]) == [7, 4, 0]


@pytest.mark.parametrize(
    ("seen", "runs"),
    [
        (pod(), []),
        (pod(running={"startedAt": "now"}), [0]),
        (pod(terminated=ended(1)), [0]),
        (pod(waiting={"reason": "ContainerCreating"}), []),
        (pod(waiting={"reason": "CrashLoopBackOff"}, last={"terminated": ended(1)}, restarts=2), [2]),
    ],
)
def test_a_run_is_heard_once_it_has_begun(seen: dict[str, Any], runs: list[int]) -> None:
    assert [run[3] for run in runs_of(seen)] == runs


def hear(*answers: Answer | Exception) -> list[str]:
    """What is told of one run's log."""
    cluster, _ = fake_cluster(answers)
    told: list[str] = []
    with Readers(cluster, told.append) as readers:
        readers.follow([pod(terminated=ended(0))])
        readers.follow([pod(terminated=ended(0))])
        readers.finish()
    return told


def test_output_is_told_line_by_line_and_once() -> None:
    assert hear(Answer(200, "one\ntwo\nrest")) == ["one", "two", "rest"]


def test_a_server_that_can_t_answer_now_is_asked_again() -> None:
    assert hear(Answer(503, "later"), Answer(200, "one\ntwo\n")) == ["one", "two"]


def test_a_pod_that_is_gone_says_nothing_and_a_refusal_is_told() -> None:
    missing = {"kind": "Status", "reason": "NotFound", "message": "no pod"}
    refused = {"kind": "Status", "reason": "Forbidden", "message": "not you"}

    assert hear(Answer(404, missing)) == []
    assert hear(Answer(403, refused)) == ["(the output can't be read: not you)"]


class Streams:
    """A cluster whose log streams are given, each as its parts; an exception breaks one."""

    host = "cluster.test"

    def __init__(self, *streams: list[bytes | Exception]) -> None:
        self.streams = list(streams)

    def stream(self, path: str, *, query: dict[str, str]) -> "Streams.Answer":
        assert path.endswith("/pods/migrate-1/log")
        assert query["follow"] == "true"
        return self.Answer(self.streams.pop(0))

    class Answer:
        def __init__(self, parts: list[bytes | Exception]) -> None:
            self.parts = parts

        def __enter__(self) -> "Streams.Answer":
            return self

        def __exit__(self, *_: object) -> None:
            return

        def shutdown(self) -> None:
            return

        def stream(self) -> Any:  # noqa: ANN401 -- a generator of bytes
            for part in self.parts:
                if isinstance(part, Exception):
                    raise part
                yield part


@pytest.mark.parametrize(
    "trouble",
    [urllib3.exceptions.ProtocolError("cut"), urllib3.exceptions.HTTPError("silent"), Unavailable("away")],
)
def test_what_was_heard_before_a_break_is_not_told_again(trouble: Exception) -> None:
    cluster: Any = Streams([b"one\ntw", trouble], [b"one\ntwo\n", b"three"])
    told: list[str] = []

    with Readers(cluster, told.append) as readers:
        readers.follow([pod(terminated=ended(0))])
        readers.finish()

    assert told == ["one", "two", "three"]


def test_containers_of_a_pod_with_several_are_told_apart() -> None:
    several = pod(terminated=ended(0))
    several["spec"]["containers"].append({"name": "sidecar"})
    cluster: Any = Streams([b"one\n"])
    told: list[str] = []

    with Readers(cluster, told.append) as readers:
        readers.follow([several])
        readers.finish()

    assert told == ["migrate-1/app: one"]
