"""The turn of one stage, held in Redis: a heartbeat that keeps it, a check before each write, the log.

While Redis is away a stage may go on waiting and reading, but a check blocks until Redis says whose turn it
is: nothing is written on a guess.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from release.problems import NotDurable
from release.turn import CancelRequested, LostTurn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from release.model import Actor, Job, Stage
    from release.queue import Held, Queue
    from release.secret import Redactor, Secret

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

RETRY_INTERVAL: Final = 0.5
LINE_LIMIT: Final = 4_000
"""Characters of one line that a log keeps; the cut is marked."""


def patiently(call: Callable[[], Answer], *, pause: Callable[[float], None] = time.sleep) -> Answer:
    """Ask Redis until it answers: a worker has nothing better to do than to wait for it."""
    while True:
        try:
            return call()
        except NotDurable as error:
            log.warning("waiting for Redis", error=str(error))
            pause(RETRY_INTERVAL)


class StageTurn:
    """``release.turn.Turn`` over the queue in Redis."""

    def __init__(self, queue: Queue, job: Job, *, stage: Stage, fence: int, redactor: Redactor) -> None:
        self._queue = queue
        self._job = job
        self._stage = stage
        self._fence = fence
        self._cancellable = False
        self._redactor = redactor
        self._changed = Event()
        self._lost = False
        self._unsent: list[str] = []
        self._log_lock = Lock()
        self.cancelled_by: Actor | None = None
        self.directs = 0

    @property
    def fence(self) -> int:
        """The number under which this stage was claimed."""
        return self._fence

    def check(self) -> None:
        """Ask Redis whether it is still our turn, for as long as it takes to know.

        Raises:
            LostTurn: it is somebody else's.
        """
        self._note(patiently(lambda: self._queue.look(self._job.id, fence=self._fence)))
        self._raise_if_lost()

    def pause(self, seconds: float) -> None:
        """Wait, but wake when the turn is over or a cancel is asked that may take effect here.

        Raises:
            LostTurn: it is somebody else's turn.
            CancelRequested: a cancel was asked.
        """
        self._changed.wait(seconds)
        self._raise_if_lost()
        if self.cancelled_by and self._cancellable:
            raise CancelRequested

    def allow_cancel(self) -> None:
        """From now on a cancel ends this stage's waits."""
        self._cancellable = True
        if self.cancelled_by:
            self._changed.set()

    def hide(self, secrets: Iterable[Secret]) -> None:
        """Keep further values out of the log, and out of what the stage ends with."""
        self._redactor.add(secrets)

    def log(self, text: str) -> None:
        """Add lines to the release's log, without secrets; kept back while Redis is away.

        They are kept as commands wrote them, colors and whatever else steers a terminal: who shows them makes
        them harmless, pages in ``webhook.terminal``, the command line in ``cli.text``.
        """
        lines = [_cut(line) for line in self._redactor.redact(text).splitlines() or [""]]
        with self._log_lock:
            self._unsent = (self._unsent + lines)[-self._queue.timing.log_lines :]
        self._flush()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the claim from a thread for as long as the block runs."""
        ended = Event()
        # With what the stage has bound to its log lines.
        renew = partial(copy_context().run, self._renew_until, ended)
        thread = Thread(target=renew, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            if not self._lost:
                patiently(self._send_lines)

    def _renew_until(self, ended: Event) -> None:
        interval = self._queue.timing.lease / 5_000
        while not ended.wait(interval) and not self._lost:
            try:
                self._note(self._queue.renew(self._job.id, fence=self._fence))
            except NotDurable as error:
                log.warning("the claim could not be renewed", error=str(error))
            self._flush()

    def _note(self, held: Held | None) -> None:
        self._lost = self._lost or held is None
        self.cancelled_by = self.cancelled_by or (held.cancelled_by if held else None)
        if self._lost or (self.cancelled_by and self._cancellable):
            self._changed.set()

    def _raise_if_lost(self) -> None:
        if self._lost:
            raise LostTurn(f"job {self._job.id}: another worker has taken this stage over")

    def _flush(self) -> None:
        try:
            self._send_lines()
        except NotDurable as error:
            log.warning("log lines are kept back", error=str(error), lines=len(self._unsent))

    def _send_lines(self) -> None:
        with self._log_lock:
            if self._unsent:
                self._queue.log(
                    self._job.id,
                    fence=self._fence,
                    subject=self._job.release_id or self._job.id,
                    stage=self._stage,
                    lines=self._unsent,
                )
            self._unsent = []


def _cut(line: str) -> str:
    return line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]}… [{len(line) - LINE_LIMIT} cut]"
