"""The one way from an offer in Redis to a chain in Celery, for web process and workers alike.

Tasks are named, not imported: the web process sends what it can't run. Publishing may fail or be repeated
without harm; a claim in Redis decides which of the messages counts.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import Enum, auto
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

import structlog
from celery import Celery, chain

from release.plan import celery_queue, task_name
from worker.log_context import about_offer
from worker.settings import sender_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from celery.canvas import Signature

    from release.records import Offer

log = structlog.get_logger(__name__)

WAITING_TASK = "release.waiting"

TAKEN_OVER, BEGUN, NEW = 0, 3, 6
"""Priorities in a Celery queue, the lowest first: a lost stage goes on before others, then what was begun."""

GATHERING: Final = 0.25
"""Seconds for which notices to Flower are gathered into one message."""


def chain_of(app: Celery, offer: Offer) -> Signature[Any]:
    """The rest of a job's stages as one chain.

    Task ids are ``<release>.<i>-<stage>.f<fence>.<random>``: a release's tasks stand together in Flower, and
    a message can be told from one of an earlier fence.
    """
    tasks = [_signature(app, offer, index) for index in range(offer.index, len(offer.stages))]
    return chain(*tasks, app=app) if len(tasks) > 1 else tasks[0]


def _signature(app: Celery, offer: Offer, index: int) -> Signature[Any]:
    arguments = {"job": offer.job_id, "index": index, "fence": offer.fence}
    people = {"app": offer.app, "tag": offer.tag, "release": offer.release_id}
    return app.signature(
        task_name(offer.stages[index]),
        kwargs=people | arguments,
        immutable=True,
        task_id=offer.task_prefix(index) + secrets.token_hex(4),
        queue=celery_queue(offer.kind, offer.stages[index]),
        priority=find_priority(offer, index),
    )


def find_priority(offer: Offer, index: int) -> int:
    """Which free worker's turn it is first: that of a release which is on its way already."""
    if index == offer.index and offer.attempt > 1:
        return TAKEN_OVER
    return BEGUN if index > 0 else NEW


@dataclass(frozen=True, slots=True)
class Notice:
    """What Flower is told of a task, and when it was so: for the eye, nothing depends on it."""

    kind: str
    task_id: str
    fields: Mapping[str, str | float]
    at: float = field(default_factory=time.time)


def waiting(job_id: str, *, app: str, tag: str, release: str | None) -> Notice:
    """A waiting job is a PENDING task: a ``task-sent`` event and nothing else."""
    about = repr({"app": app, "tag": tag, "release": release})
    fields = {"name": WAITING_TASK, "args": "()", "kwargs": about, "queue": app}
    return Notice("task-sent", _row(job_id), fields)


def waited(job_id: str) -> Notice:
    """The wait is over, by its turn or a cancel: its PENDING row ends."""
    return Notice("task-succeeded", _row(job_id), {"name": WAITING_TASK, "result": "'over'", "runtime": 0.0})


class Sender:
    """Publishes offers; a publish that fails is left to the reconciler, which finds the offer overdue."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, offer: Offer) -> None:
        """Publish the rest of the job's chain now."""
        try:
            chain_of(self._app, offer).apply_async()
        except Exception as error:  # noqa: BLE001 -- whatever the broker says, the offer stands in Redis
            log.warning("publishing failed; a worker sends it again", error=str(error), **about_offer(offer))

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        """Let Flower show a waiting job."""
        self.tell([waiting(job_id, app=app, tag=tag, release=release)])

    def close_waiting(self, job_id: str) -> None:
        """Let Flower show that its wait is over."""
        self.tell([waited(job_id)])

    def close_dead(self, task_id: str, *, why: str) -> None:
        """A worker died with this task: without word of it Flower would show it as STARTED for ever."""
        self.tell([Notice("task-failed", task_id, {"exception": why, "traceback": ""})])

    def tell(self, notices: Sequence[Notice]) -> None:
        """Tell Flower of all of them in one message, as Celery's own workers bundle their events."""
        try:
            with self._app.events.default_dispatcher() as dispatcher:
                dispatcher.buffer_group, dispatcher.buffer_limit = frozenset({"task"}), len(notices) + 1
                for one in notices:
                    dispatcher.send(one.kind, uuid=one.task_id, retries=0, timestamp=one.at, **one.fields)
                dispatcher.flush(errors=False)
        except Exception as error:  # noqa: BLE001 -- an event is for the eye; nothing depends on it
            log.warning("an event for Flower was not sent", task=notices[0].task_id, error=str(error))


def _row(job_id: str) -> str:
    """The id of the task that stands in Flower for a waiting job; none of the real ones ends so."""
    return f"{job_id}.waiting"


def quick_sender(redis_url: str) -> Sender:
    """A Celery application for sending alone: it knows no tasks, waits for no results, gives up quickly.

    Workers send with it as well: their own application would try for a minute, and listen for the results of
    what it sent, which nobody reads.
    """
    app = Celery("verdigris-sender", set_as_current=False)
    app.config_from_object(sender_settings(redis_url))
    return Sender(app)


def background_sender(redis_url: str) -> BackgroundSender:
    """For the web process."""
    return BackgroundSender(quick_sender(redis_url))


class _Word(Enum):
    """What the publishing thread is told beside offers."""

    GATHER = auto()
    TELL = auto()
    END = auto()


class BackgroundSender:
    """Publishes off the request path: a web request never waits for the broker.

    An offer goes out at once, after what Flower was to be told before it; without one, notices are gathered
    for a moment. What is still unsent when the process ends is overdue soon and sent by a worker.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._calls: SimpleQueue[Offer | _Word] = SimpleQueue()
        self._notices: list[Notice] = []
        self._thread: Thread | None = None
        self._changing = Lock()

    def send(self, offer: Offer) -> None:
        """As ``Sender.send``, soon."""
        with self._changing:
            self._call(offer)

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        """As ``Sender.show_waiting``, soon."""
        self._note(waiting(job_id, app=app, tag=tag, release=release))

    def close_waiting(self, job_id: str) -> None:
        """As ``Sender.close_waiting``, soon."""
        self._note(waited(job_id))

    def close(self, *, timeout: float) -> None:
        """Publish what is left, for at most ``timeout`` seconds."""
        if self._thread is not None:
            self._calls.put(_Word.END)
            self._thread.join(timeout)

    def _note(self, notice: Notice) -> None:
        """Wake the publishing thread for the first of a bundle only: each time it takes the interpreter."""
        with self._changing:
            self._notices.append(notice)
            if len(self._notices) == 1:
                self._call(_Word.GATHER)

    def _call(self, call: Offer | _Word) -> None:
        """Hand over to the publishing thread, started at first use: after gunicorn's fork."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="publisher", daemon=True)
            self._thread.start()
        self._calls.put(call)

    def _work(self) -> None:
        patience: float | None = None
        while (call := self._wait(patience)) is not _Word.END:
            patience = GATHERING if call is _Word.GATHER else None
            if not isinstance(call, _Word):
                self._tell()
                self._sender.send(call)
            elif call is _Word.TELL:
                self._tell()
        self._tell()

    def _wait(self, patience: float | None) -> Offer | _Word:
        try:
            return self._calls.get(timeout=patience)
        except Empty:
            return _Word.TELL

    def _tell(self) -> None:
        with self._changing:
            notices, self._notices = self._notices, []
        if notices:
            self._sender.tell(notices)
