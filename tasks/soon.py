"""A call that nobody waits for: made a moment later, beside what people do wait for."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOMENT: Final = 0.2
"""Seconds: a switch is made by then, where nothing has to be waited for."""


@contextmanager
def soon(call: Callable[[], None], *, after: float = MOMENT) -> Iterator[None]:
    """Make the call while the block runs, ``after`` so many seconds; at its end where it is over before.

    However the block ends. The call must not raise.
    """
    is_over = Event()

    def wait_and_call() -> None:
        is_over.wait(after)
        call()

    thread = Thread(target=wait_and_call, name="soon", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
