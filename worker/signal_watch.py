"""The watch over events: puts what is to be told into its lines, and lets Celery take the first of each.

Runs in a thread of each worker that serves ``signals``; of two that read the same, one counts. No stage waits
for it, and none knows of it.
"""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import structlog

from release.counts import LEASE_OVER, NOT_TAKEN
from release.events import EventKind
from release.model import JobState
from release.problems import NotDurable
from release.signals import Facts, address, find_signal
from release.waits import tell_not_taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.config import Config
    from release.events import Event as Happening
    from release.gate import Gate
    from release.queue import Queue
    from release.signal_lines import Batch, SignalOffer
    from release.signals import Message
    from release.store import Store
    from release.waits import Wait

log = structlog.get_logger(__name__)

WAIT: Final = 1.0
"""Seconds for which Redis is asked for the next event at a time."""

LOOK_AT_QUEUES: Final = 30.0
"""Seconds between two looks for jobs that do not go on."""

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
    ) -> None:
        self._config = config
        self._store = store
        self._queue = queue
        self._gate = gate
        self._publish = publish
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
            self._take(batch)
        if self._config.channels:
            for offer in lines.offer(self._config.channels):
                self._publish(offer)

    def look_at_queues(self) -> None:
        """Tell of jobs that do not go on, each once. No stage's worker has to live for it."""
        for wait in self._store.waits.read():
            if found := find_stuck(wait, self._config.stuck_after):
                mark, text = found
                self._queue.tell_of_job(wait.job.id, mark=f"stuck.{mark}", text=text, event=EventKind.STUCK)

    def _take(self, batch: Batch) -> None:
        messages = [message for event in batch.events for message in self._tell(event)]
        channels = self._config.channels
        if self._store.signals.take(batch, messages, channels=channels) and batch.is_cut and channels:
            log.warning("events were cut before they were read: of some nobody is told", after=batch.cursor)

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


def find_stuck(wait: Wait, stuck_after: float) -> tuple[str, str] | None:
    """What marks a job as stuck, and the words for it; None while it is not.

    For a worker by the limits of ``verdigris_jobs_stuck``; for its turn by the configuration's.
    """
    job, seconds = wait.job, wait.seconds
    claim = f"{job.stage_index}.f{job.fence}"
    if job.state is JobState.OFFERED and seconds > NOT_TAKEN:
        return claim, tell_not_taken(job.app, job.kind, job.stage, seconds)
    if job.state is JobState.RUNNING and seconds > LEASE_OVER:
        text = f"the worker of {job.stage} is gone, and for {seconds:.0f} s nobody has offered it to another"
        return f"lease.{claim}", f"{text}: no worker runs, or the workers' logs say why"
    if job.state is JobState.WAITING and seconds > stuck_after:
        return "turn", f"it has waited for its turn for {seconds / 60:.0f} min: see what is before it"
    return None
