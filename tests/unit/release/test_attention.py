from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from release.attention import (
    FRESH,
    OUTDATED,
    STALE,
    UNSEEN,
    Failure,
    find_attention,
    find_failure,
    find_troubles,
    stuck_from,
    tell_stuck,
)
from release.model import Actor, Color, Job, JobKind, JobState, Stage, StageRun, StageState
from release.observation import ColorObservation, Observation
from release.others import Interference

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ARGO = Interference("moved", "Argo CD moved every user back to v1.0-green", "Users get v1.0", "let it", NOON)
SEEN = Observation(
    "shop",
    NOON,
    Color.GREEN,
    ColorObservation(Color.BLUE, exists=True, replicas=2, available=0),
    ColorObservation(Color.GREEN, exists=True, replicas=3, available=3),
)
LOW = replace(SEEN, green=replace(SEEN.green, available=1))


def make_job(state: JobState, *, kind: JobKind = JobKind.DEPLOY, tag: str = "v1.0-blue") -> Job:
    return Job(
        id="J1",
        app="shop",
        kind=kind,
        queue="shop",
        state=state,
        color=Color.BLUE,
        release_id="R1" if tag else None,
        tag=tag,
        stages=(),
        stage_index=0,
        fence=1,
        attempt=1,
        actor=Actor("git", "octocat"),
        reason="",
        created_at=NOON - timedelta(hours=1),
        ended_at=NOON if state is JobState.FAILED else None,
    )


FAILED, DONE, CANCELLED = map(make_job, (JobState.FAILED, JobState.DONE, JobState.CANCELLED))


def test_trouble_is_what_somebody_changed_then_what_is_wrong_then_missing_pods_of_the_live_color() -> None:
    assert find_troubles(SEEN) == find_troubles(replace(SEEN, live=None)) == []
    assert find_troubles(LOW) == ["1 of 3 live pods"]
    everything = replace(LOW, problem="two defaults", interference=ARGO)
    assert find_troubles(everything) == [ARGO.what, "two defaults", "1 of 3 live pods"]


def test_what_nobody_has_seen_or_sees_any_more_needs_a_worker() -> None:
    assert find_attention(None, [], NOON) == [UNSEEN]
    assert find_attention(SEEN, [], NOON + STALE) == []
    assert find_attention(SEEN, [], NOON + STALE + timedelta(seconds=1)) == [OUTDATED]


def test_a_job_that_no_worker_takes_comes_first_with_what_helps() -> None:
    offered = replace(
        make_job(JobState.OFFERED, kind=JobKind.ROLLBACK),
        offered_at=NOON - timedelta(seconds=60),
        stages=(StageRun(Stage.ROLLBACK, StageState.PENDING),),
    )
    later = replace(offered, offered_at=NOON)
    running = replace(offered, state=JobState.RUNNING)
    broken = replace(SEEN, problem="two defaults")
    stuck = (
        "no worker takes the rollback to v1.0-blue: `verdigris rollback shop --direct` moves users back"
        " without one; `verdigris worker --queues switches` starts another worker"
    )

    assert find_attention(broken, [], NOON, queue=[offered]) == [stuck, "two defaults"]
    assert find_attention(broken, [], NOON, queue=[later, running]) == ["two defaults"]
    assert stuck_from(replace(offered, offered_at=None)) is None
    gone = replace(offered, kind=JobKind.DECOMMISSION, tag="")
    assert tell_stuck(gone).startswith("no worker takes the decommission of blue: `verdigris worker")


def test_the_last_failure_counts_until_something_succeeds() -> None:
    assert find_failure([DONE, CANCELLED]) is None
    assert find_failure([CANCELLED, FAILED]) == Failure("deploy v1.0-blue", "R1", NOON, is_last=True)
    assert find_failure([DONE, FAILED]) == Failure("deploy v1.0-blue", "R1", NOON, is_last=False)
    assert find_attention(SEEN, [CANCELLED, FAILED], NOON) == ["deploy v1.0-blue failed"]
    assert find_attention(SEEN, [DONE, FAILED], NOON) == []


def test_a_failure_of_long_ago_is_history() -> None:
    just_before, then = NOON + FRESH - timedelta(seconds=1), NOON + FRESH
    assert find_attention(replace(SEEN, at=just_before), [FAILED], just_before) == ["deploy v1.0-blue failed"]
    assert find_attention(replace(SEEN, at=then), [FAILED], then) == []


def test_a_failure_without_a_release_is_told_by_its_color_and_without_an_end_by_its_beginning() -> None:
    job = replace(make_job(JobState.FAILED, kind=JobKind.DECOMMISSION, tag=""), ended_at=None)
    assert find_failure([job]) == Failure("decommission blue", "", job.created_at, is_last=True)
