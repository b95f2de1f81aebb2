"""What is told to one open page as it happens: server-sent events, as the HTML standard has them.

Who tells (``hub``) and who sends are two threads; a stream stands between them and waits for neither.
"""

from __future__ import annotations

import time
from threading import Condition
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_UNTAKEN: Final = 1024 * 1024
"""Bytes. Whoever takes so little is let go; its browser comes back for the rest."""
PATIENCE: Final = 30.0
"""Seconds in which what is told must be taken: a stream that nobody sends on is over."""


class Stream:
    """Told frames that wait to be sent. Any thread may call any of its methods."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._untaken = bytearray()
        self._since: float | None = None
        self._news = Condition()
        self._wake: Callable[[], None] | None = None
        self._clock = clock
        self.is_over = False

    def push(self, frame: bytes) -> None:
        """Tell something, unless it is over. It ends when too much was not taken, or for too long."""
        with self._news:
            now = self._clock()
            is_stuck = self._since is not None and now - self._since > PATIENCE
            if is_stuck or len(self._untaken) + len(frame) > MOST_UNTAKEN:
                self._untaken.clear()
                self.is_over = True
            elif not self.is_over:
                self._untaken += frame
                self._since = now if self._since is None else self._since
            self._tell()

    def end(self) -> None:
        """Tell no more; what was told may still be taken."""
        with self._news:
            self.is_over = True
            self._tell()

    def take(self) -> bytes:
        """All that was told and not yet taken."""
        with self._news:
            taken = bytes(self._untaken)
            self._untaken.clear()
            self._since = None
            return taken

    def call_when_told(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, by whoever tells, whenever there is something to take or it is over."""
        with self._news:
            self._wake = wake
            if self._untaken or self.is_over:
                wake()

    def frames(self) -> Iterator[bytes]:
        """For a server that gives each answer a thread: what is told, when it is told."""
        try:
            while taken := self._wait():
                yield taken
        finally:
            self.end()

    def _wait(self) -> bytes:
        with self._news:
            self._news.wait_for(lambda: self._untaken or self.is_over)
        return self.take()

    def _tell(self) -> None:
        self._news.notify_all()
        if self._wake:
            self._wake()


def frame(event: str, data: str, *, event_id: str = "") -> bytes:
    """One event. A browser that comes back names the last ``event_id`` that it got."""
    head = [f"id: {event_id}"] if event_id else []
    lines = [*head, f"event: {event}", *(f"data: {line}" for line in data.split("\n"))]
    return ("\n".join(lines) + "\n\n").encode()
