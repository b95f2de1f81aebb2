"""The words of this program as types."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from release.clock import utc_now
from release.model import (
    VERDIGRIS,
    Actor,
    Color,
    Job,
    JobKind,
    JobState,
    Migration,
    MigrationRecord,
    MigrationState,
    Stage,
    StageRun,
    StageState,
)
from release.observation import ColorObservation, Observation
from release.plan import PLAN

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def job(stage_index: int) -> Job:
    return Job(
        id="j1",
        app="shop",
        kind=JobKind.DEPLOY,
        queue="shop",
        state=JobState.RUNNING,
        color=Color.BLUE,
        release_id="r1",
        tag="v1-blue",
        stages=tuple(StageRun(stage, StageState.PENDING) for stage in PLAN[JobKind.DEPLOY]),
        stage_index=stage_index,
        fence=1,
        attempt=1,
        actor=VERDIGRIS,
        reason="",
        created_at=NOON,
    )


def test_each_color_is_the_other_ones_other() -> None:
    assert Color.BLUE.other is Color.GREEN
    assert Color.GREEN.other is Color.BLUE


@pytest.mark.parametrize("state", JobState)
def test_a_job_is_over_when_done_failed_or_cancelled(state: JobState) -> None:
    assert state.is_over is (state in {"done", "failed", "cancelled"})


@pytest.mark.parametrize(
    "actor", [VERDIGRIS, Actor("git", "octocat"), Actor("person", "a:b"), Actor("token", "")]
)
def test_an_actor_is_read_back_as_written(actor: Actor) -> None:
    assert Actor.parse(str(actor)) == actor


def test_an_actor_is_shown_with_its_kind() -> None:
    assert str(Actor("git", "octocat")) == "git:octocat"


@pytest.mark.parametrize(("index", "stage"), [(0, Stage.SANITY), (3, Stage.SMOKE), (4, Stage.SMOKE)])
def test_a_jobs_stage_is_the_one_that_runs_or_the_last(index: int, stage: Stage) -> None:
    assert job(index).stage is stage


def test_values_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(job(0), "state", JobState.DONE)  # noqa: B010 -- mypy would refuse the plain form


def test_an_observation_gives_the_color_asked_for() -> None:
    blue, green = ColorObservation(Color.BLUE, exists=True), ColorObservation(Color.GREEN, exists=False)
    observation = Observation("shop", NOON, Color.BLUE, blue, green)

    assert observation.color(Color.BLUE) is blue
    assert observation.color(Color.GREEN) is green


def test_now_is_aware() -> None:
    assert utc_now().tzinfo is UTC


@pytest.mark.parametrize(
    ("kind", "state", "is_due", "has_contracted"),
    [
        (None, None, True, False),
        (Migration.NONE, None, False, False),
        (Migration.EXPAND, MigrationState.PASSED, False, False),
        (Migration.EXPAND, MigrationState.RUNNING, False, False),
        (Migration.CONTRACT, None, True, False),
        (Migration.CONTRACT, MigrationState.PENDING, True, False),
        (Migration.CONTRACT, MigrationState.RUNNING, True, True),
        (Migration.CONTRACT, MigrationState.FAILED, True, True),
        (Migration.CONTRACT, MigrationState.PASSED, False, True),
        (Migration.CONTRACT, MigrationState.GIVEN_UP, True, False),
    ],
)
def test_a_migration_tells_what_is_left_to_be_done_and_what_it_ended(
    kind: Migration | None, state: MigrationState | None, *, is_due: bool, has_contracted: bool
) -> None:
    record = MigrationRecord(kind, state, NOON)

    assert (record.is_due, record.has_contracted) == (is_due, has_contracted)
