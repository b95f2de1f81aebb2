"""Runs checks beside each other, each with a time limit, and gives their lines in the checks' order.

A check that hangs (a credential plugin that asks something, a resolver without an answer) is given up, and
its thread left behind: it ends with the process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event, Lock, Semaphore, Thread, Timer
from typing import TYPE_CHECKING, Final

from worker.checkup.lines import Line, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

AT_ONCE: Final = 32
REQUEST_SECONDS: Final = 5.0
"""For one question over the network."""

CHECK_SECONDS: Final = 10.0
"""For one check, which may ask several: past it, something does not keep to its own limits."""


@dataclass(frozen=True, slots=True)
class Check:
    """``about`` names what is looked at, should the check not come to an end."""

    about: str
    look: Callable[[], list[Line]] = field(repr=False)


def run(checks: Iterable[Check], *, seconds: float = CHECK_SECONDS, at_once: int = AT_ONCE) -> Iterator[Line]:
    """The lines of all checks; none stops another."""
    slots = Semaphore(at_once)
    runs = [_Run(check, slots, seconds) for check in checks]
    Thread(target=_start, args=(runs,), name="doctor", daemon=True).start()
    for one in runs:
        yield from one.wait()


def _start(runs: Iterable[_Run]) -> None:
    for one in runs:
        one.start()


class _Run:
    """One check on its way; it holds a slot from its start to its end, or until it is given up."""

    def __init__(self, check: Check, slots: Semaphore, seconds: float) -> None:
        self._check = check
        self._slots = slots
        self._seconds = seconds
        self._lines: list[Line] | None = None
        self._over = Event()
        self._ending = Lock()

    def start(self) -> None:
        """Wait for a slot, then begin."""
        self._slots.acquire()
        limit = Timer(self._seconds, lambda: self._end([self._given_up()]))
        limit.daemon = True
        limit.start()
        Thread(target=self._work, args=(limit,), name=self._check.about, daemon=True).start()

    def wait(self) -> list[Line]:
        """The lines, as soon as they are there."""
        self._over.wait()
        return self._lines or []

    def _work(self, limit: Timer) -> None:
        try:
            lines = self._check.look()
        except Exception as error:  # noqa: BLE001 -- told as a failure; the other checks go on
            lines = [_broken(self._check.about, error)]
        limit.cancel()
        self._end(lines)

    def _end(self, lines: list[Line]) -> None:
        with self._ending:
            if self._over.is_set():
                return
            self._lines = lines
            self._over.set()
            self._slots.release()

    def _given_up(self) -> Line:
        return failed(
            self._check.about,
            f"no end after {self._seconds:g} s: something on the way does not answer",
            fix="look at name resolution, firewalls and credential plugins on the way there, then ask again",
        )


def _broken(about: str, error: Exception) -> Line:
    """A fault of the check's own."""
    return failed(
        about,
        f"the check itself failed: {type(error).__name__}: {error}",
        fix="look at this by hand, and report the message as a bug of `verdigris doctor`",
    )
