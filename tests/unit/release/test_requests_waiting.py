"""Jobs whose turn does not come: held for a standby, in another queue of the app, or waiting for too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release.loading import parse_config
from release.model import JobState, State
from release.problems import Problem
from release.requests import Requests
from tests.unit.release.desk import ANNA, CONFIG, GIT, Desk, step

if TYPE_CHECKING:
    from release.queue import Queue
    from release.requests import Accepted
    from release.store import Store


@pytest.fixture
def patient(desk: Desk, store: Store, queue: Queue) -> Requests:
    """The shop holds its standby for an hour, and has a queue of its own for fixes."""
    more = 'keep_rollback_for: 1h\n    queue_by_tag: {"v*-fix*": urgent}\n    deadlines: {turn: 2h}'
    text = CONFIG.replace("gateway:", f"{more}\n    gateway:", 1)
    return Requests(parse_config(text, name="verdigris.yml"), store, queue, desk.sent)


def put_on_standby(desk: Desk) -> Accepted:
    """v1.0-blue was live, and users were moved on."""
    old = desk.deploy("v1.0-blue")
    desk.promote(old, step(old.release_id or "", State.STANDBY))
    return old


def test_a_deploy_is_held_while_its_color_can_be_rolled_back_to(desk: Desk, patient: Requests) -> None:
    put_on_standby(desk)

    accepted = patient.deploy("shop", "v2.0-blue", actor=GIT)

    job = desk.job(accepted)
    assert (job.state, job.held_for) == (JobState.WAITING, "v1.0-blue")
    assert desk.store.queue("shop") == [job]


def test_a_rollback_is_queued_and_taken_beside_a_held_deploy(desk: Desk, patient: Requests) -> None:
    old = put_on_standby(desk)
    patient.deploy("shop", "v2.0-blue", actor=GIT)

    back = patient.rollback("shop", actor=ANNA)

    assert (back.release_id, desk.job(back).state) == (old.release_id, JobState.OFFERED)


def test_a_tag_of_another_queue_waits_while_its_app_is_busy(desk: Desk, patient: Requests) -> None:
    patient.deploy("shop", "v2.0-blue", actor=GIT)

    fix = patient.deploy("shop", "v1.9-fix1-green", actor=GIT)

    assert (desk.job(fix).queue, desk.job(fix).state) == ("urgent", JobState.WAITING)


def test_a_promote_is_refused_while_its_color_is_deployed_through_another_queue(
    desk: Desk, patient: Requests
) -> None:
    desk.deploy("v1.0-blue", to=State.READY)
    fix = patient.deploy("shop", "v1.1-fix1-blue", actor=GIT)
    desk.claim(fix)

    with pytest.raises(Problem) as refused:
        patient.promote("shop", actor=ANNA)

    assert refused.value.document.slug == "color-being-deployed"


def test_a_job_that_waited_too_long_is_cancelled_with_its_release(desk: Desk, patient: Requests) -> None:
    accepted = patient.deploy("shop", "v2.0-blue", actor=GIT)
    behind = patient.deploy("shop", "v2.1-blue", actor=GIT)

    patient.expire(accepted.job_id)

    job, release = desk.job(accepted), desk.release(accepted)
    assert job.problem is not None
    assert (job.state, job.problem.slug) == (JobState.CANCELLED, "waited-too-long")
    assert (release.state, release.reason) == (State.CANCELLED, "It waited too long")
    assert desk.sent.offers[-1].job_id == behind.job_id
    assert accepted.job_id in desk.sent.closed


def test_one_that_is_gone_is_left_alone(desk: Desk, patient: Requests) -> None:
    patient.expire("never-was")

    assert desk.sent.offers == []
