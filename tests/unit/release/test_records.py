"""What stands in Redis and what it is read back as."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.model import (
    VERDIGRIS,
    Actor,
    ByHand,
    Color,
    JobKind,
    JobState,
    Migration,
    MigrationRecord,
    MigrationState,
    Probe,
    Stage,
    StageRun,
    StageState,
    State,
)
from release.observation import ColorObservation, Observation
from release.problems import ProblemDocument
from release.records import (
    Change,
    LogLine,
    Move,
    Offer,
    dump,
    dump_observation,
    dump_probe,
    dump_problem,
    migration_fields,
    moment,
    parse_change,
    parse_job,
    parse_line,
    parse_observation,
    parse_release,
)
from release.transitions import ON_A_COLOR

ANNA = Actor("person", "anna")
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
NOON_IN_REDIS = "1748779200000"

RELEASE = {
    "id": "01REL",
    "app": "shop",
    "tag": "v2.0-blue",
    "color": "blue",
    "commit": "c0ffee",
    "image": "registry.example.com/shop:v2.0-blue",
    "state": "rolled-back",
    "actor": "git:octocat",
    "reason": "rolled back by anna",
    "redeploy_of": "01OLD",
    "created": NOON_IN_REDIS,
    "updated": "1748779201500",
}

JOB = {
    "id": "01JOB",
    "app": "shop",
    "kind": "deploy",
    "queue": "web",
    "color": "blue",
    "release": "01REL",
    "tag": "v2.0-blue",
    "stages": "sanity,deploy,migrate,smoke",
    "once": "migrate",
    "actor": "git:octocat",
    "reason": "",
    "grace": "2000",
    "state": "waiting",
    "index": "0",
    "attempt": "1",
    "fence": "0",
    "created": NOON_IN_REDIS,
}


def test_warnings_are_kept_one_a_line() -> None:
    assert parse_release(RELEASE).warnings == ()
    assert parse_release({**RELEASE, "warnings": "one\ntwo"}).warnings == ("one", "two")


def test_a_release_is_read_from_its_hash() -> None:
    release = parse_release(RELEASE)

    assert (release.id, release.app, release.tag, release.color) == ("01REL", "shop", "v2.0-blue", Color.BLUE)
    assert (release.state, release.reason) == (State.ROLLED_BACK, "rolled back by anna")
    assert release.actor == Actor("git", "octocat")
    assert (release.image, release.redeploy_of) == ("registry.example.com/shop:v2.0-blue", "01OLD")
    assert release.created_at == NOON
    assert release.updated_at == NOON + timedelta(seconds=1.5)


def test_what_a_release_does_not_have_yet_is_none() -> None:
    release = parse_release({**RELEASE, "image": "", "redeploy_of": ""})

    assert (release.image, release.redeploy_of) == (None, None)
    assert release.by_hand == ByHand()


def test_the_commands_of_an_emergency_are_read_with_their_release() -> None:
    release = parse_release({**RELEASE, "by_hand_promote": "kubectl 1", "by_hand_rollback": "kubectl 2"})

    assert release.by_hand == ByHand("kubectl 1", "kubectl 2")


def test_a_release_of_which_no_migration_is_known_has_an_empty_record() -> None:
    assert parse_release(RELEASE).migration == MigrationRecord()


@pytest.mark.parametrize(
    "migration",
    [
        MigrationRecord(),
        MigrationRecord(Migration.NONE),
        MigrationRecord(Migration.CONTRACT, MigrationState.PENDING, NOON),
        MigrationRecord(Migration.EXPAND, MigrationState.GIVEN_UP, NOON + timedelta(seconds=1.5)),
    ],
    ids=str,
)
def test_a_migration_is_read_back_as_it_was_written(migration: MigrationRecord) -> None:
    assert parse_release({**RELEASE, **migration_fields(migration)}).migration == migration


def test_a_job_that_waits_has_four_pending_stages() -> None:
    job = parse_job(JOB)

    assert [run.stage for run in job.stages] == [Stage.SANITY, Stage.DEPLOY, Stage.MIGRATE, Stage.SMOKE]
    assert {run.state for run in job.stages} == {StageState.PENDING}
    assert (job.state, job.stage, job.owner, job.problem) == (JobState.WAITING, Stage.SANITY, "", None)
    assert (job.started_at, job.ended_at, job.cancel_requested_by) == (None, None, None)


def test_a_job_under_way_tells_its_stages_with_their_times() -> None:
    job = parse_job(
        {
            **JOB,
            "state": "running",
            "index": "1",
            "fence": "42",
            "attempt": "2",
            "owner": "worker-1",
            "started": NOON_IN_REDIS,
            "cancel_by": "person:anna",
            "s0.state": "passed",
            "s0.started": NOON_IN_REDIS,
            "s0.ended": "1748779203000",
            "s1.state": "running",
            "s1.started": "1748779203000",
        }
    )

    assert job.stages[0] == StageRun(Stage.SANITY, StageState.PASSED, NOON, NOON + timedelta(seconds=3))
    assert job.stages[1] == StageRun(Stage.DEPLOY, StageState.RUNNING, NOON + timedelta(seconds=3))
    assert (job.stage, job.fence, job.attempt, job.owner) == (Stage.DEPLOY, 42, 2, "worker-1")
    assert (job.started_at, job.cancel_requested_by) == (NOON, ANNA)


def test_a_job_keeps_the_problem_that_ended_it() -> None:
    problem = ProblemDocument("rollout-failed", "The rollout failed", 'shop: "it\'s"\nover', "look", 409)

    job = parse_job({**JOB, "state": "failed", "ended": NOON_IN_REDIS, "problem": dump_problem(problem)})

    assert (job.problem, job.ended_at) == (problem, NOON)


@pytest.mark.parametrize(
    "probe", [Probe(812, 0, first_new=0.31, last_old=0.29), Probe(3, 1)], ids=["two versions", "alike"]
)
def test_a_job_keeps_what_a_prober_saw_of_its_switch(probe: Probe) -> None:
    assert parse_job({**JOB, "probe": dump_probe(probe)}).probe == probe


def test_no_problem_is_kept_as_nothing() -> None:
    assert dump_problem(None) == ""


def test_a_job_without_a_release_is_a_decommission_of_what_nobody_knows() -> None:
    assert parse_job({**JOB, "kind": "decommission", "release": ""}).release_id is None


def test_a_change_is_read_back_with_where_it_came_from() -> None:
    text = json.dumps(
        {
            "release": "01REL",
            "app": "shop",
            "from": "queued",
            "to": "running",
            "actor": "verdigris:verdigris",
            "reason": "its turn",
            "at": int(NOON_IN_REDIS),
        }
    )

    assert parse_change(text) == Change(
        "01REL", "shop", State.QUEUED, State.RUNNING, VERDIGRIS, "its turn", NOON
    )


def test_the_first_change_came_from_nowhere() -> None:
    text = json.dumps(
        {
            "release": "01REL",
            "app": "shop",
            "to": "queued",
            "actor": "git:octocat",
            "reason": "",
            "at": int(NOON_IN_REDIS),
        }
    )

    assert parse_change(text).source is None


def test_the_time_of_a_log_line_is_in_its_id() -> None:
    line = parse_line(f"{NOON_IN_REDIS}-3", {"stage": "smoke", "text": "GET / 200"})

    assert line == LogLine(f"{NOON_IN_REDIS}-3", NOON, "smoke", "GET / 200")


def test_a_move_tells_the_scripts_from_where_to_where() -> None:
    move = Move("01REL", frozenset({State.READY, State.ROLLED_BACK}), State.LIVE, ANNA, "promoted")

    assert move.as_json() == {
        "release": "01REL",
        "from": ["ready", "rolled-back"],
        "to": "live",
        "actor": "person:anna",
        "reason": "promoted",
        "on_a_color": True,
    }


@pytest.mark.parametrize("target", State)
def test_a_move_tells_whether_pods_are_expected_to_run_after_it(target: State) -> None:
    move = Move("01REL", frozenset(), target, ANNA, "")

    assert move.as_json()["on_a_color"] is (target in ON_A_COLOR)


def offer(*, release: str = "01REL") -> Offer:
    return Offer.parse(
        {
            "job": "01JOB",
            "release": release,
            "app": "shop",
            "tag": "v2.0-blue",
            "kind": "deploy",
            "stages": "sanity,deploy,migrate,smoke",
            "index": 2,
            "fence": 42,
        }
    )


def test_an_offer_names_the_stages_that_are_left_to_publish() -> None:
    read = offer()

    assert (read.job_id, read.release_id, read.kind) == ("01JOB", "01REL", JobKind.DEPLOY)
    assert read.stages[read.index :] == (Stage.MIGRATE, Stage.SMOKE)
    assert read.task_prefix(3) == "01REL.3-smoke.f42."


def test_task_ids_of_a_job_without_a_release_begin_with_the_job() -> None:
    assert offer(release="").task_prefix(2) == "01JOB.2-migrate.f42."


def test_times_are_aware_and_in_utc() -> None:
    assert moment(NOON_IN_REDIS) == NOON
    assert moment(int(NOON_IN_REDIS)).tzinfo is UTC


@given(st.text())
def test_json_for_the_scripts_is_the_same_text_when_read_back(text: str) -> None:
    assert json.loads(dump({"text": text})) == {"text": text}


def test_json_for_the_scripts_never_holds_the_escape_of_half_a_surrogate_pair() -> None:
    assert "\\u" not in dump("\ud800 😀 é")


def test_an_observation_is_read_back_as_it_was() -> None:
    seen = Observation(
        app="shop",
        at=NOON,
        live=Color.BLUE,
        blue=ColorObservation(
            Color.BLUE, exists=True, release="01REL", tag="v1-blue", replicas=2, available=1
        ),
        green=ColorObservation(Color.GREEN, exists=False),
        live_release="01REL",
        problem="the cluster's 'answer' was \"no\"",
    )

    assert parse_observation(dump_observation(seen)) == seen
