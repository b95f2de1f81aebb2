"""Threads that read ahead: kept for the next time, as to start one takes as long as an answer may take."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 8
"""Fewer than connections are kept to a server."""

REST: Final = 30.0
"""Seconds after which a thread that has nothing to do ends."""


class Readers:
    """Makes calls at the same time, for one process. None of them may raise."""

    def __init__(self, *, most: int = MOST, rest: float = REST) -> None:
        self._most = most
        self._rest = rest
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._free = 0

    def run(self, call: Callable[[], None]) -> None:
        """Make a call soon; not at all where there is no thread to be had."""
        with self._lock:
            if self._free or self._threads >= self._most:
                self._free = max(0, self._free - 1)
                self._calls.put(call)
                return
            self._threads += 1
        try:
            Thread(target=self._work, args=(call,), name="reader", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._threads -= 1

    def _work(self, call: Callable[[], None] | None) -> None:
        while call:
            call()
            call = self._find_next() or self._wait()

    def _find_next(self) -> Callable[[], None] | None:
        """What came while all were busy; else this thread is free."""
        with self._lock:
            try:
                return self._calls.get_nowait()
            except Empty:
                self._free += 1
                return None

    def _wait(self) -> Callable[[], None] | None:
        """The next call; None where there is none for long, and the thread ends."""
        try:
            return self._calls.get(timeout=self._rest)
        except Empty:
            pass
        with self._lock:
            try:
                return self._calls.get_nowait()  # it came just now, for this thread
            except Empty:
                self._free -= 1
                self._threads -= 1
                return None
