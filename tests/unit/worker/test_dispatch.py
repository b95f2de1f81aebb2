"""What the reconciler sends with: it knows which messages still wait, and closes tasks that died."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import fakeredis
from celery.exceptions import BackendStoreError, WorkerLostError

from release.model import JobKind, Stage
from release.records import Offer
from release.store import Store
from worker.dispatch import WorkerDispatcher

if TYPE_CHECKING:
    from worker.sending import Sender


def offer(release: str, *, fence: int = 3, kind: JobKind = JobKind.DEPLOY) -> Offer:
    stages = (Stage.SANITY, Stage.DEPLOY) if kind is JobKind.DEPLOY else (Stage.ROLLBACK,)
    return Offer(f"j-{release}", release, "shop", "v1-blue", kind, stages, 0, fence)


@dataclass
class Sent:
    offers: list[Offer] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def send(self, one: Offer) -> None:
        self.offers.append(one)

    def close_dead(self, task_id: str, *, why: str) -> None:
        self.closed.append(f"{task_id}: {why}")


@dataclass
class Results:
    stored: list[tuple[object, ...]] = field(default_factory=list)
    is_away: bool = False

    def store_result(self, *arguments: object) -> None:
        if self.is_away:
            raise BackendStoreError("failed to store result on the backend")
        self.stored.append(arguments)


def dispatcher(sent: Sent, results: Results, *messages: tuple[str, str]) -> WorkerDispatcher:
    client = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
    for queue, task_id in messages:
        client.rpush(queue, json.dumps({"headers": {"id": task_id}, "body": "W10="}))
    return WorkerDispatcher(cast("Sender", sent), Store(client), cast("Any", results))


def test_only_a_message_of_this_very_fence_and_stage_counts_as_sent() -> None:
    found = dispatcher(
        Sent(),
        Results(),
        ("releases", "r1.0-sanity.f3.aa"),
        ("releases", "r2.0-sanity.f2.bb"),
        ("releases", "r3.1-deploy.f3.cc"),
        ("switches", "r4.0-rollback.f3.dd"),
    )
    offers = [
        offer("r1"),
        offer("r2"),
        offer("r3"),
        offer("r4", kind=JobKind.ROLLBACK),
    ]

    assert [one.release_id for one in found.find_unsent(offers)] == ["r2", "r3"]


def test_a_dead_task_is_closed_in_the_results_and_in_flower() -> None:
    sent, results = Sent(), Results()

    dispatcher(sent, results).close_dead("r1.0-sanity.f3.aa", why="died")

    [(task_id, reason, state)] = results.stored
    assert (task_id, state) == ("r1.0-sanity.f3.aa", "FAILURE")
    assert isinstance(reason, WorkerLostError), "a failed task's result is an exception to whoever reads it"
    assert str(reason) == "died"
    assert sent.closed == ["r1.0-sanity.f3.aa: died"]


def test_results_that_can_t_be_written_are_no_error() -> None:
    sent = Sent()

    dispatcher(sent, Results(is_away=True)).close_dead("r1.0-sanity.f3.aa", why="died")

    assert sent.closed == ["r1.0-sanity.f3.aa: died"]


def test_an_offer_goes_out_as_it_is() -> None:
    sent = Sent()

    dispatcher(sent, Results()).send(offer("r1"))

    assert sent.offers == [offer("r1")]
