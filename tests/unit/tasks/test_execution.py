"""What is looked at before a stage is claimed. How stages run is in ``tests/integration``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.environment import Settings
from release.jobs import NewJob, NewRelease
from release.loading import parse_config
from release.model import Actor, Color, JobKind, JobState, StageState, State
from release.queue import Queue
from release.store import Store
from source.checkout import Repositories
from tasks.execution import NotClaimed, StageFailed, run_stage
from tasks.step import Surroundings

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.connection import Cluster
    from release.config import App
    from release.model import Job
    from release.records import Offer
    from tasks.step import Passed, Step

ANNA = Actor("person", "anna")
IN_THE_FREEZE = datetime(2027, 1, 1, 12, tzinfo=UTC)
AFTER_IT = datetime(2027, 1, 3, tzinfo=UTC)
CONFIG = """
apps:
  shop:
    repository: https://git.example.com/acme/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
    freezes:
      - {from: "2027-01-01T00:00+00:00", to: "2027-01-02T00:00+00:00", reason: holidays}
"""


@dataclass
class Outbox:
    sent: list[str] = field(default_factory=list)

    def send(self, offer: Offer) -> None:
        self.sent.append(offer.job_id)

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        raise AssertionError(job_id, app, tag, release)

    def close_waiting(self, job_id: str) -> None:
        """Its turn has come."""


def refuse(_: App) -> Cluster:
    raise LookupError("there is no cluster here")


def work(step: Step) -> Passed:
    raise AssertionError(step)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def around(tmp_path: Path, outbox: Outbox) -> Surroundings:
    client = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
    return Surroundings(
        settings=Settings.read({}),
        config=parse_config(CONFIG, name="verdigris.yml"),
        store=Store(client),
        queue=Queue(client),
        outbox=outbox,
        repositories=Repositories(tmp_path),
        connect=refuse,
        clock=lambda: IN_THE_FREEZE,
    )


def accept(around: Surroundings, name: str, kind: JobKind = JobKind.DEPLOY) -> Job:
    release = NewRelease(f"r-{name}", "shop", f"v{name}-blue", Color.BLUE, "c0ffee", ANNA, "")
    job = NewJob(
        id=name,
        app="shop",
        kind=kind,
        queue="shop",
        color=Color.BLUE,
        release_id=release.id,
        tag=release.tag,
        actor=ANNA,
        release=release,
    )
    around.queue.accept(job)
    return known(around, name)


def known(around: Surroundings, name: str) -> Job:
    job = around.store.find_job(name)
    assert job
    return job


def run(around: Surroundings, job: Job, index: int = 0) -> None:
    run_stage(around, work, job_id=job.id, index=index, fence=job.fence, owner="w1")


def test_a_deploy_whose_turn_comes_in_a_freeze_waits_and_lets_the_next_have_its_turn(
    around: Surroundings, outbox: Outbox
) -> None:
    job = accept(around, "1")
    accept(around, "2", JobKind.PROMOTE)

    with pytest.raises(NotClaimed, match="shop is frozen; it goes on when that ends"):
        run(around, job)

    release = around.store.find_release("r-1")
    assert release
    assert release.state is State.WAITING
    assert known(around, "1").start_by
    assert known(around, "1").turn_at is None, "its turn has not come yet"
    assert known(around, "2").state is JobState.OFFERED
    assert outbox.sent == ["2"]


def test_one_message_too_many_of_it_does_no_harm(around: Surroundings) -> None:
    job = accept(around, "1")
    for _ in range(2):
        with pytest.raises(NotClaimed):
            run(around, job)

    assert known(around, "1").state is JobState.WAITING


@pytest.mark.parametrize("kind", [JobKind.PROMOTE, JobKind.ROLLBACK, JobKind.DECOMMISSION])
def test_a_switch_that_was_accepted_goes_on_in_a_freeze(around: Surroundings, kind: JobKind) -> None:
    job = accept(around, "1", kind)

    with pytest.raises(StageFailed, match="there is no cluster here"):
        run(around, job)


def test_a_deploy_that_has_begun_goes_on_in_a_freeze(around: Surroundings) -> None:
    job = accept(around, "1")
    assert around.queue.claim("1", index=0, fence=job.fence, owner="w0")
    around.queue.done("1", index=0, fence=job.fence, outcome=StageState.PASSED)

    with pytest.raises(StageFailed, match="there is no cluster here"):
        run(around, known(around, "1"), index=1)


def test_without_a_freeze_a_deploy_begins(around: Surroundings) -> None:
    job = accept(around, "1")

    with pytest.raises(StageFailed, match="there is no cluster here"):
        run(replace(around, clock=lambda: AFTER_IT), job)
