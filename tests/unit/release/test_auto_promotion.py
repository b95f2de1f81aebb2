"""When a release is promoted by itself, and what keeps it from that, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from release.approvals import Verdict
from release.auto_promotion import Block, Countdown, Stop, find_due
from release.model import Actor, Color, Job, JobKind, JobState, Release, Stage, StageRun, StageState, State
from release.problems import ProblemDocument
from release.rules import Freeze

if TYPE_CHECKING:
    from collections.abc import Sequence

READY_AT = datetime(2026, 6, 5, 12, tzinfo=UTC)
JOE = Actor("person", "joe")
RELEASE = Release("r1", "shop", "v1-blue", Color.BLUE, "", State.READY, JOE, READY_AT, READY_AT)
APPROVED = Verdict(is_approved=True, missing=0)
MISSING = Verdict(is_approved=False, missing=1)
REJECTED = Verdict(is_approved=False, missing=1, rejected_by=JOE)
STOP = Stop(JOE, "not today", READY_AT)
FREEZE: TypeAdapter[Freeze] = TypeAdapter(Freeze)
FROM_ONE_TO_TWO = FREEZE.validate_python({"from": "2026-06-05T13:00Z", "to": "2026-06-05T14:00Z"})


def after(minutes: float) -> datetime:
    return READY_AT + timedelta(minutes=minutes)


def job(kind: JobKind, state: JobState) -> Job:
    return Job(
        id="j1",
        app="shop",
        kind=kind,
        queue="shop",
        state=state,
        color=Color.BLUE,
        release_id="r1",
        tag="v1-blue",
        stages=(StageRun(Stage.ACTIVATE, StageState.PENDING),),
        stage_index=0,
        fence=0,
        attempt=1,
        actor=JOE,
        reason="",
        created_at=READY_AT,
    )


def look(
    minutes: float,
    *,
    delay: float | None = 600,
    release: Release = RELEASE,
    freezes: Sequence[Freeze] = (),
    verdict: Verdict = APPROVED,
    stop: Stop | None = None,
    jobs: Sequence[Job] = (),
) -> Countdown | None:
    """What is known ``minutes`` after the release got ready."""
    return find_due(
        release, delay, now=after(minutes), freezes=freezes, verdict=verdict, stop=stop, jobs=jobs
    )


@pytest.mark.parametrize(
    ("delay", "minutes", "due"),
    [(600, 0, False), (600, 9.99, False), (600, 10, True), (600, 500, True), (0, 0, True)],
)
def test_a_release_is_due_once_it_has_been_ready_for_so_long(
    delay: float, minutes: float, *, due: bool
) -> None:
    countdown = look(minutes, delay=delay)

    assert countdown == Countdown(READY_AT + timedelta(seconds=delay))
    assert countdown.is_due(after(minutes)) is due


def test_without_a_delay_nothing_is_promoted_by_itself() -> None:
    assert look(999, delay=None) is None


@pytest.mark.parametrize("state", [state for state in State if state is not State.READY])
def test_only_what_is_ready_is_promoted_by_itself(state: State) -> None:
    assert look(999, release=replace(RELEASE, state=state)) is None


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.OFFERED, JobState.RUNNING])
def test_nothing_counts_down_while_its_promote_waits_or_runs(state: JobState) -> None:
    assert look(999, jobs=[job(JobKind.PROMOTE, state)]) is None


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.DONE])
def test_after_a_promote_that_came_to_nothing_a_person_decides(state: JobState) -> None:
    countdown = look(999, jobs=[job(JobKind.PROMOTE, state)])

    assert countdown
    assert countdown.blocked_by == (Block.TRIED,)
    assert not countdown.is_due(after(999))


def test_one_that_a_freeze_kept_from_its_switch_was_no_try() -> None:
    put_off = replace(
        job(JobKind.PROMOTE, JobState.FAILED), problem=ProblemDocument("app-frozen", "Frozen", "", "")
    )

    assert look(70, jobs=[put_off], freezes=[FROM_ONE_TO_TWO]) == look(70, freezes=[FROM_ONE_TO_TWO])
    assert look(999, jobs=[put_off]) == Countdown(after(10))
    assert look(999, jobs=[put_off, job(JobKind.PROMOTE, JobState.RUNNING)]) is None
    tried = look(999, jobs=[put_off, job(JobKind.PROMOTE, JobState.FAILED)])
    assert tried
    assert tried.blocked_by == (Block.TRIED,)


def test_what_was_read_back_waits_for_a_person() -> None:
    countdown = look(999, release=replace(RELEASE, is_read_back=True))

    assert countdown
    assert countdown.blocked_by == (Block.READ_BACK,)
    assert not countdown.is_due(after(999))


def test_its_other_jobs_are_in_nobodys_way() -> None:
    countdown = look(999, jobs=[job(JobKind.DEPLOY, JobState.DONE), job(JobKind.DEPLOY, JobState.RUNNING)])

    assert countdown
    assert countdown.is_due(after(999))


@pytest.mark.parametrize(
    ("verdict", "stop", "blocks"),
    [
        (MISSING, None, (Block.APPROVALS,)),
        (REJECTED, None, (Block.REJECTED, Block.APPROVALS)),
        (APPROVED, STOP, (Block.STOPPED,)),
        (MISSING, STOP, (Block.STOPPED, Block.APPROVALS)),
    ],
)
def test_people_can_be_in_its_way(verdict: Verdict, stop: Stop | None, blocks: tuple[Block, ...]) -> None:
    countdown = look(999, verdict=verdict, stop=stop)

    assert countdown
    assert countdown.due_at == after(10), "what it would have been"
    assert countdown.blocked_by == blocks
    assert not countdown.is_due(after(999))


@pytest.mark.parametrize(
    ("delay", "minutes", "due_after", "is_frozen"),
    [
        # It is due before the freeze begins.
        (600, 5, 10, False),
        # It was due, and waited for an approval; now the freeze is on.
        (600, 60, 120, True),
        (600, 119, 120, True),
        (600, 120, 10, False),
        # The freeze will be on at its end.
        (3_600, 5, 120, True),
        (5_400, 70, 120, True),
        # The freeze is on, and over before its end.
        (9_000, 70, 150, False),
    ],
)
def test_a_freeze_that_is_on_at_its_end_moves_it(
    delay: float, minutes: float, due_after: float, *, is_frozen: bool
) -> None:
    countdown = look(minutes, delay=delay, freezes=[FROM_ONE_TO_TWO])

    assert countdown
    assert countdown.due_at == after(due_after)
    assert (countdown.blocked_by == (Block.FREEZE,)) is is_frozen
    assert (countdown.frozen is not None) is is_frozen


@given(
    delay=st.integers(0, 10_000),
    minutes=st.integers(0, 300),
    verdict=st.sampled_from([APPROVED, MISSING, REJECTED]),
    stop=st.sampled_from([None, STOP]),
    state=st.sampled_from(State),
    over=st.booleans(),
)
def test_nothing_is_due_in_a_freeze_past_an_approval_or_a_stop(
    delay: int, minutes: int, verdict: Verdict, stop: Stop | None, state: State, *, over: bool
) -> None:
    countdown = look(
        minutes,
        delay=delay,
        release=replace(RELEASE, state=state),
        freezes=[FROM_ONE_TO_TWO],
        verdict=verdict,
        stop=stop,
        jobs=[job(JobKind.PROMOTE, JobState.FAILED)] if over else [],
    )

    may = state is State.READY and verdict is APPROVED and not stop and not over
    is_free = not 60 <= minutes < 120
    assert bool(countdown and countdown.is_due(after(minutes))) is (may and is_free and minutes * 60 >= delay)
