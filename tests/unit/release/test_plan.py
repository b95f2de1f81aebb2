"""Stages of each kind of job and where they run."""

from __future__ import annotations

import pytest

from release.model import JobKind, Stage
from release.plan import PLAN, RELEASES_QUEUE, SWITCHES_QUEUE, celery_queue, stages_of, task_name


def test_a_deploy_goes_through_four_stages() -> None:
    assert PLAN[JobKind.DEPLOY] == (Stage.SANITY, Stage.DEPLOY, Stage.MIGRATE, Stage.SMOKE)


def test_every_kind_has_a_plan_and_every_stage_belongs_to_one() -> None:
    assert set(PLAN) == set(JobKind)
    assert sorted(stage for stages in PLAN.values() for stage in stages) == sorted(Stage)


@pytest.mark.parametrize("kind", JobKind)
def test_only_deploys_go_to_the_workers_of_releases(kind: JobKind) -> None:
    expected = RELEASES_QUEUE if kind is JobKind.DEPLOY else SWITCHES_QUEUE

    assert celery_queue(kind) == expected


def test_a_migration_keeps_no_emergency_waiting_in_whatever_job_it_stands() -> None:
    assert celery_queue(JobKind.DECOMMISSION, Stage.DECOMMISSION) == SWITCHES_QUEUE
    assert celery_queue(JobKind.DECOMMISSION, Stage.MIGRATE) == RELEASES_QUEUE


@pytest.mark.parametrize("kind", JobKind)
def test_only_a_decommission_may_be_followed_by_a_migration(kind: JobKind) -> None:
    after = (Stage.MIGRATE,) if kind is JobKind.DECOMMISSION else ()

    assert stages_of(kind) == PLAN[kind]
    assert stages_of(kind, migrates=True) == (*PLAN[kind], *after)


def test_a_task_is_named_after_its_stage() -> None:
    assert task_name(Stage.SMOKE) == "release.smoke"
