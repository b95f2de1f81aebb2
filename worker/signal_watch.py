"""The watch over events: puts what is to be told into its lines, and lets Celery take the first of each.

Runs in a thread of each worker that serves ``signals``; of two that read the same, one counts. No stage waits
for it, and none knows of it.
"""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import structlog

from release.events import EventKind
from release.model import JobState
from release.problems import NotDurable
from release.signals import Facts, address, find_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.clock import Clock
    from release.config import Config
    from release.events import Event as Happening
    from release.gate import Gate
    from release.queue import Queue
    from release.signal_lines import SignalOffer
    from release.signals import Message
    from release.store import Store

log = structlog.get_logger(__name__)

WAIT: Final = 1.0
"""Seconds for which Redis is asked for the next event at a time."""

LOOK_AT_QUEUES: Final = 30.0
"""Seconds between two looks for jobs that wait long for their turn."""

STOP_SECONDS: Final = 2.0

CAUSES: Final = frozenset(
    {EventKind.RELEASE, EventKind.JOB, EventKind.STAGE, EventKind.INTERFERENCE, EventKind.STUCK}
)


class SignalWatch:
    """Reads what happens and hands on what is to be told; ``publish`` takes an offer to Celery."""

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        queue: Queue,
        gate: Gate,
        publish: Callable[[SignalOffer], None],
        clock: Clock,
    ) -> None:
        self._config = config
        self._store = store
        self._queue = queue
        self._gate = gate
        self._publish = publish
        self._clock = clock
        self._queues = sorted({queue for app in config.apps for queue in config.queues_of(app)})
        self._next_look = 0.0
        self._ended = Event()
        self._thread = Thread(target=self._run, name="signals", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end. A look that is under way may outlast this: it is harmless, and the process ends."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def look(self, *, wait: float = WAIT) -> None:
        """One pass. Raises ``NotDurable`` while Redis is away."""
        lines = self._store.signals
        batch = lines.read(after=lines.begin(), wait=wait)
        if batch.place != batch.cursor:
            lines.take(batch, [message for event in batch.events for message in self._tell(event)])
        if self._config.channels:
            for offer in lines.offer(self._config.channels):
                self._publish(offer)

    def look_at_queues(self) -> None:
        """Tell of jobs that have waited long for their turn, each once."""
        for job in self._store.signals.first_waiting(self._queues):
            waited = (self._clock() - job.created_at).total_seconds()
            if job.state is JobState.WAITING and not job.held_until and waited > self._config.stuck_after:
                text = f"it has waited for its turn for {waited / 60:.0f} min: see what is before it"
                self._queue.tell_of_job(job.id, mark="stuck.turn", text=text, event=EventKind.STUCK)

    def _tell(self, event: Happening) -> Iterator[Message]:
        """Whatever an event holds, those behind it are told."""
        try:
            signal = find_signal(event, self._find_facts(event))
            yield from address(signal, self._config) if signal else ()
        except NotDurable:
            raise
        except Exception:
            log.exception("an event could not be told", entry=event.id, app=event.app)

    def _find_facts(self, event: Happening) -> Facts:
        """What a signal needs to know; nothing for the many events that none tells of."""
        if event.kind not in CAUSES or not self._config.channels or not self._config.find_app(event.app):
            return Facts()
        release = self._store.find_release(event.release_id) if event.release_id else None
        job = self._store.find_job(event.data["job"]) if event.kind is EventKind.JOB else None
        is_ready = event.kind is EventKind.RELEASE and event.data["to"] == "ready" and release is not None
        missing = self._gate.judge(release).missing if is_ready and release else 0
        return Facts(release, job, missing)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.look()
                if time.monotonic() >= self._next_look:
                    self.look_at_queues()
                    self._next_look = time.monotonic() + LOOK_AT_QUEUES
            except NotDurable as error:
                log.warning("waiting for Redis", error=str(error))
                self._ended.wait(WAIT)
            except Exception:
                # The thread must outlive whatever Redis holds; the next look tells it again.
                log.exception("the watch over events failed")
                self._ended.wait(WAIT)
