"""Releases whose countdown is over are promoted by themselves: once, and not past what people said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import fakeredis
import pytest
import structlog

from release.gate import Gate
from release.jobs import NewRelease
from release.loading import parse_config
from release.model import VERDIGRIS, Actor, Color, JobKind, StageState, State
from release.problems import ProblemDocument
from release.queue import Queue
from release.requests import Requests
from release.store import Store
from tests.unit.release.desk import Sent
from worker.auto_promoter import AutoPromoter

if TYPE_CHECKING:
    from release.redis_access import Client

ANNA = Actor("person", "anna")
CONFIG = """
apps:
  quick: &app
    repository: https://git.example.com/acme/quick.git
    namespace: quick
    image: registry.example.com/quick:{tag}
    gateway: {address: "http://gateway.example.com"}
    auto_promote: 10m
  at-once: {<<: *app, auto_promote: 0}
  by-hand: {<<: *app, auto_promote: null}
"""


class House:
    """Apps with ready releases, and a clock that runs ahead of Redis' own."""

    def __init__(self) -> None:
        self.client: Client = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
        self.ahead = timedelta()
        config = parse_config(CONFIG, name="verdigris.yml")
        self.store, self.queue, self.sent = Store(self.client), Queue(self.client), Sent()
        gate = Gate(config, self.store, self.clock)
        self.requests = Requests(config, self.store, self.queue, self.sent, gate)
        self.promoter = AutoPromoter(config, self.store, self.requests, self.clock)

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def make_ready(self, app: str) -> str:
        release_id = f"01{app.upper()}"
        ready = NewRelease(
            release_id, app, "v1.0-blue", Color.BLUE, "c0ffee", ANNA, "ready", state=State.READY
        )
        self.queue.recover([ready])
        return release_id

    def fail_promote(self, app: str, slug: str) -> None:
        """The stage of the newest job ends badly."""
        job, *_ = self.store.recent_jobs(app)
        problem = ProblemDocument(slug, "The switch was not made", "", "")
        assert self.queue.claim(job.id, index=0, fence=job.fence, owner="w") is not None
        self.queue.done(job.id, index=0, fence=job.fence, outcome=StageState.FAILED, problem=problem)

    def promotes(self, app: str) -> list[tuple[str | None, Actor, str]]:
        jobs = [job for job in self.store.recent_jobs(app) if job.kind is JobKind.PROMOTE]
        return [(job.release_id, job.actor, job.reason) for job in jobs]


@pytest.fixture
def house() -> House:
    return House()


def test_a_release_is_promoted_when_its_countdown_is_over_and_not_before(house: House) -> None:
    release_id = house.make_ready("quick")

    house.promoter.look("quick")
    assert house.promotes("quick") == []
    house.ahead = timedelta(minutes=10, seconds=1)
    house.promoter.look("quick")

    assert house.promotes("quick") == [(release_id, VERDIGRIS, "promoted by itself (auto_promote: 600 s)")]
    assert [offer.kind for offer in house.sent.offers] == [JobKind.PROMOTE]


def test_two_workers_promote_once(house: House) -> None:
    house.make_ready("at-once")

    house.promoter.look("at-once")
    house.promoter.look("at-once")

    assert [reason for _, _, reason in house.promotes("at-once")] == [
        "promoted by itself (auto_promote: 0 s)"
    ]


def test_a_worker_that_was_slow_does_not_try_again_what_failed_meanwhile(house: House) -> None:
    release_id = house.make_ready("at-once")
    release = house.store.find_release(release_id)
    assert release is not None
    countdown = house.requests.gate.count_down(release)
    house.promoter.look("at-once")
    house.fail_promote("at-once", "changed")

    house.requests.gate.count_down = lambda _: countdown  # type: ignore[method-assign, assignment]
    house.promoter.look("at-once")

    assert len(house.promotes("at-once")) == 1
    # and a person may
    assert house.requests.promote("at-once", actor=ANNA).is_new


def test_one_that_a_freeze_kept_from_its_switch_is_promoted_after_it_and_no_more(house: House) -> None:
    house.make_ready("at-once")
    house.promoter.look("at-once")
    house.fail_promote("at-once", "app-frozen")

    house.promoter.look("at-once")
    house.promoter.look("at-once")
    assert len(house.promotes("at-once")) == 2
    house.fail_promote("at-once", "changed")
    house.promoter.look("at-once")

    assert len(house.promotes("at-once")) == 2


def test_an_app_without_a_countdown_is_left_to_people(house: House) -> None:
    house.make_ready("by-hand")

    house.promoter.look("by-hand")

    assert house.promotes("by-hand") == []


def test_what_somebody_stopped_stays(house: House) -> None:
    release_id = house.make_ready("at-once")
    house.requests.stop_countdown(release_id, actor=ANNA, reason="let us look")

    house.promoter.look("at-once")

    assert house.promotes("at-once") == []


def test_a_refusal_in_the_last_moment_is_no_error(house: House) -> None:
    release_id = house.make_ready("at-once")
    release = house.store.find_release(release_id)
    assert release is not None
    countdown = house.requests.gate.count_down(release)
    house.requests.promote("at-once", actor=ANNA)
    house.requests.gate.count_down = lambda _: countdown  # type: ignore[method-assign, assignment]

    with structlog.testing.capture_logs() as logged:
        house.promoter.look("at-once")

    assert [(one["event"], one["why"]) for one in logged] == [("not promoted by itself", "already-queued")]
    assert len(house.promotes("at-once")) == 1
