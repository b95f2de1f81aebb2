"""The reconciler: finds what is past its deadline and puts it back on its way.

Runs in every worker's main process, a few times a second; two or more at once are harmless, as each step is
one atomic script. What keeps a job from going on stands in the log of its release.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from release.problems import NotDurable
from release.waits import tell_not_taken
from worker.log_context import about_offer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from release.queue import LostStage, Queue, Reaped
    from release.records import Offer

log = structlog.get_logger(__name__)

INTERVAL: Final = 0.3
"""Seconds between two looks."""

SWEEP_EVERY: Final = 30
"""Looks between two at the head of every queue: about ten seconds."""

LONG_WAIT: Final = 10.0
"""Seconds after which a release's log says that no worker is free; ``signal_watch`` tells channels later."""

STOP_SECONDS: Final = 2.0


class Dispatcher(Protocol):
    """Where offers go, and what is known of those already sent."""

    def send(self, offer: Offer) -> None:
        """Publish the rest of the job's chain."""

    def find_unsent(self, offers: Sequence[Offer]) -> list[Offer]:
        """Those of which no message waits in the broker."""

    def close_dead(self, task_id: str, *, why: str) -> None:
        """Tell Flower that a task died with its worker."""


class Reconciler:
    """Reaps expired claims and offers that nobody took. ``expire`` ends a job that waited too long."""

    def __init__(self, queue: Queue, dispatcher: Dispatcher, *, expire: Callable[[str], None]) -> None:
        self._queue = queue
        self._dispatcher = dispatcher
        self._expire = expire
        self._looks = count()
        self._ended = Event()
        self._thread = Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end. A look that is under way may outlast this: it is harmless, and the process ends."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def look(self) -> None:
        """One pass. Raises ``NotDurable`` while Redis is away.

        What goes wrong with one job does not keep the others from going on.
        """
        reaped = self._queue.reap(sweep=next(self._looks) % SWEEP_EVERY == 0)
        if reaped.redis_was_away:
            log.warning(
                "nobody looked for a while (Redis or all workers were away): deadlines moved by one lease"
            )
        for stage in reaped.lost:
            with _others_going_on(stage.job_id):
                self.take_over(stage, why="its worker stopped renewing its claim")
        for offer in reaped.resumed:
            with _others_going_on(offer.job_id):
                self._dispatcher.send(offer)
        for job_id in reaped.expired:
            with _others_going_on(job_id):
                log.warning("waited too long", job=job_id)
                self._expire(job_id)
        self._look_after_offers(reaped)

    def take_over(self, stage: LostStage, *, why: str) -> None:
        """Offer a lost stage to another worker, under a new fence."""
        ending = self._queue.lost(stage.job_id, fence=stage.fence, why=why)
        if ending.offer is None:
            return
        log.warning("stage lost", owner=stage.owner, why=why, **about_offer(ending.offer))
        self._dispatcher.send(ending.offer)
        self._dispatcher.close_dead(stage.owner, why=why)

    def _look_after_offers(self, reaped: Reaped) -> None:
        """Send again what no message speaks of; of what waits in the broker for long, tell why."""
        unsent = self._dispatcher.find_unsent(reaped.overdue)
        for offer in reaped.overdue:
            with _others_going_on(offer.job_id):
                if offer in unsent:
                    log.info("sent again: nobody took the offer", **about_offer(offer))
                    self._dispatcher.send(offer)
                elif offer.waited > LONG_WAIT:
                    self._tell_of_wait(offer)

    def _tell_of_wait(self, offer: Offer) -> None:
        text = tell_not_taken(offer.app, offer.kind, offer.stages[offer.index], offer.waited)
        self._queue.tell_of_job(offer.job_id, mark=f"{offer.index}.f{offer.fence}", text=text)

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL):
            try:
                self.look()
            except NotDurable as error:
                log.warning("waiting for Redis", error=str(error))
            except Exception:
                # The thread must outlive whatever Redis holds; the next look tells it again.
                log.exception("a look failed")


@contextmanager
def _others_going_on(job_id: str) -> Iterator[None]:
    """Log what goes wrong with one job; Redis being away is everybody's."""
    try:
        yield
    except NotDurable:
        raise
    except Exception:
        log.exception("a job could not be put back on its way", job=job_id)
