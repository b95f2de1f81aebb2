"""Requests that don't depend on each other, on their way at the same time."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from cluster.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

AT_ONCE: Final = 6
"""Fewer than connections are kept to a server: a release is not the only one who asks."""


def begin(calls: Iterable[Callable[[], T]]) -> list[Begun[T]]:
    """Begin all of them, each in a thread of its own, and go on; what they give is in their order.

    For what may be sent in any order, and again: dry runs and reads.
    """
    slots = Semaphore(AT_ONCE)
    return [Begun(call, slots) for call in calls]


class Begun(Generic[T]):
    """A call that was begun. Called, it gives what came of that; called again, it is made anew.

    So it is where the cluster was away when it was begun.
    """

    def __init__(self, call: Callable[[], T], slots: Semaphore) -> None:
        self._call = call
        self._first: Future[T] | None = Future()
        thread = Thread(target=self._go, args=(self._first, slots), name="together", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread to be had
            self._first = None

    def __call__(self) -> T:
        """What came of it. Raises what the call raises."""
        first, self._first = self._first, None
        with suppress(Unavailable):
            if first:
                return first.result()
        return self._call()

    def _go(self, first: Future[T], slots: Semaphore) -> None:
        with slots:
            try:
                first.set_result(self._call())
            except BaseException as error:  # noqa: BLE001 -- raised in the thread that asks for what came of it
                first.set_exception(error)
