"""What is past its deadline is put back on its way, each job for itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import pytest
import structlog

from release.model import JobKind, Stage
from release.problems import NotDurable
from release.queue import Ending, LostStage, Queue, Reaped
from release.records import Offer
from worker.reconciler import SWEEP_EVERY, Reconciler

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING = Reaped()


def offer(job: str, fence: int = 2) -> Offer:
    return Offer(job, f"r-{job}", "shop", "v1-blue", JobKind.DEPLOY, (Stage.SANITY, Stage.DEPLOY), 1, fence)


@dataclass
class FakeQueue:
    """Answers of a queue that a test prepares; an exception among them is raised."""

    reaped: list[Reaped | Exception] = field(default_factory=list)
    taken: list[tuple[str, int, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    looked: threading.Event = field(default_factory=threading.Event)
    sweeps: list[bool] = field(default_factory=list)
    notes: list[tuple[str, str, str]] = field(default_factory=list)

    def reap(self, *, sweep: bool) -> Reaped:
        self.sweeps.append(sweep)
        answer = self.reaped.pop(0) if self.reaped else NOTHING
        if not self.reaped:
            self.looked.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def lost(self, job_id: str, *, fence: int, why: str) -> Ending:
        if job_id in self.broken:
            raise LookupError(job_id)
        self.taken.append((job_id, fence, why))
        return Ending("lost") if job_id == "ended" else Ending("next", (offer(job_id, fence + 1),))

    def tell_of_job(self, job_id: str, *, mark: str, text: str) -> bool:
        self.notes.append((job_id, mark, text))
        return True


@dataclass
class FakeDispatcher:
    sent: list[Offer] = field(default_factory=list)
    waiting: list[Offer] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def send(self, one: Offer) -> None:
        if one.job_id in self.broken:
            raise LookupError(one.job_id)
        self.sent.append(one)

    def find_unsent(self, offers: Sequence[Offer]) -> list[Offer]:
        return [one for one in offers if one not in self.waiting]

    def close_dead(self, task_id: str, *, why: str) -> None:
        self.closed.append(f"{task_id}: {why}")


def reconciler(queue: FakeQueue, dispatcher: FakeDispatcher, expired: list[str] | None = None) -> Reconciler:
    expire = (expired if expired is not None else []).append
    return Reconciler(cast("Queue", queue), dispatcher, expire=expire)


def test_a_lost_stage_is_offered_anew_sent_and_its_dead_task_closed() -> None:
    queue = FakeQueue([Reaped(lost=(LostStage("a", 2, "task-1"),))])
    dispatcher = FakeDispatcher()

    reconciler(queue, dispatcher).look()

    assert [(one.job_id, one.fence) for one in dispatcher.sent] == [("a", 3)]
    assert dispatcher.closed == ["task-1: its worker stopped renewing its claim"]


def test_a_stage_that_ended_in_time_is_left_alone() -> None:
    dispatcher = FakeDispatcher()

    reconciler(FakeQueue(), dispatcher).take_over(LostStage("ended", 2, "task-1"), why="died")

    assert (dispatcher.sent, dispatcher.closed) == ([], [])


def test_an_overdue_offer_is_sent_again_unless_it_still_waits_in_the_broker() -> None:
    queue = FakeQueue([Reaped(overdue=(offer("a"), offer("b")))])
    dispatcher = FakeDispatcher(waiting=[offer("a")])

    reconciler(queue, dispatcher).look()

    assert dispatcher.sent == [offer("b")]


def test_a_release_is_told_that_no_worker_is_free() -> None:
    waits = replace(offer("a"), waited=12.4)
    queue = FakeQueue([Reaped(overdue=(waits, offer("b")))])

    reconciler(queue, FakeDispatcher(waiting=[waits, offer("b")])).look()

    text = (
        "deploy has waited for a worker for 12 s: all that serve releases are busy, or none runs."
        " What helps: `verdigris worker --queues releases` starts another worker"
    )
    assert queue.notes == [("a", "1.f2", text)]


def test_what_time_made_possible_is_sent_and_what_waited_too_long_ends() -> None:
    queue, dispatcher, expired = (
        FakeQueue([Reaped(resumed=(offer("a"),), expired=("b",))]),
        FakeDispatcher(),
        [],
    )

    reconciler(queue, dispatcher, expired).look()

    assert (dispatcher.sent, expired) == ([offer("a")], ["b"])


def test_the_heads_of_all_queues_are_looked_at_now_and_then() -> None:
    queue = FakeQueue()
    running = reconciler(queue, FakeDispatcher())

    for _ in range(2 * SWEEP_EVERY):
        running.look()

    assert [index for index, sweep in enumerate(queue.sweeps) if sweep] == [0, SWEEP_EVERY]


def test_what_goes_wrong_with_one_job_does_not_stop_the_others() -> None:
    lost = (LostStage("a", 2, "t-a"), LostStage("b", 2, "t-b"))
    queue = FakeQueue([Reaped(lost, (offer("c"), offer("d")))], broken={"a"})
    dispatcher = FakeDispatcher(broken={"c"})

    with structlog.testing.capture_logs() as logged:
        reconciler(queue, dispatcher).look()

    assert [one.job_id for one in dispatcher.sent] == ["b", "d"]
    failed = [entry for entry in logged if entry["event"] == "a job could not be put back on its way"]
    assert [(entry["job"], entry["log_level"], entry["exc_info"]) for entry in failed] == [
        ("a", "error", True),
        ("c", "error", True),
    ]


def test_redis_being_away_ends_the_look() -> None:
    with pytest.raises(NotDurable):
        reconciler(FakeQueue([NotDurable("away")]), FakeDispatcher()).look()


def test_that_redis_was_away_is_told() -> None:
    queue = FakeQueue([Reaped(redis_was_away=True)])

    with structlog.testing.capture_logs() as logged:
        reconciler(queue, FakeDispatcher()).look()

    assert [entry["event"] for entry in logged] == [
        "nobody looked for a while (Redis or all workers were away): deadlines moved by one lease"
    ]


def test_its_thread_outlives_whatever_a_look_meets() -> None:
    # given a Redis that is away, then answers nonsense, then has something to do
    lost = Reaped(lost=(LostStage("a", 2, "task-1"),))
    queue, dispatcher = FakeQueue([NotDurable("away"), ValueError("nonsense"), lost]), FakeDispatcher()
    running = reconciler(queue, dispatcher)

    running.start()
    assert queue.looked.wait(10)
    running.stop()

    assert [one.job_id for one in dispatcher.sent] == ["a"]


def test_one_that_was_never_started_can_be_stopped() -> None:
    reconciler(FakeQueue(), FakeDispatcher()).stop()
