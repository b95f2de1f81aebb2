"""Threads that are kept for the next call: how many, how long, and that no call is lost."""

import threading
import time
from collections.abc import Callable

from cluster.readers import Readers

PATIENCE = 10.0


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        threading.Event().wait(0.002)


class Calls:
    """What was called, in which thread; each call waits for the door."""

    def __init__(self) -> None:
        self.door = threading.Event()
        self.begun: list[threading.Thread] = []
        self.over: list[int] = []

    def __call__(self) -> None:
        self.begun.append(threading.current_thread())
        assert self.door.wait(PATIENCE)
        self.over.append(1)

    @property
    def alive(self) -> int:
        return sum(thread.is_alive() for thread in set(self.begun))


def test_calls_are_made_at_the_same_time() -> None:
    readers, calls = Readers(rest=0.01), Calls()

    for _ in range(3):
        readers.run(calls)

    wait_until(lambda: len(calls.begun) == 3)
    calls.door.set()
    wait_until(lambda: len(calls.over) == 3)


def test_a_thread_that_is_free_makes_the_next_call() -> None:
    readers, calls = Readers(), Calls()
    calls.door.set()

    for number in range(1, 4):
        readers.run(calls)
        wait_until(lambda number=number: len(calls.over) == number and readers._free == 1)  # type: ignore[misc]

    assert len(set(calls.begun)) == 1


def test_there_are_no_more_threads_than_may_be_and_no_call_is_lost() -> None:
    readers, calls = Readers(most=2, rest=0.01), Calls()

    for _ in range(6):
        readers.run(calls)
    wait_until(lambda: len(calls.begun) == 2)
    calls.door.set()

    wait_until(lambda: len(calls.over) == 6)
    assert len(set(calls.begun)) == 2


def test_threads_that_have_nothing_to_do_end_and_are_started_anew() -> None:
    readers, calls = Readers(rest=0.01), Calls()
    calls.door.set()

    readers.run(calls)
    readers.run(calls)
    wait_until(lambda: len(calls.over) == 2 and calls.alive == 0)
    readers.run(calls)

    wait_until(lambda: len(calls.over) == 3 and calls.alive == 0)


def test_no_call_is_lost_however_they_come() -> None:
    readers, made = Readers(most=3, rest=0.0005), []

    for number in range(400):
        readers.run(lambda number=number: made.append(number))  # type: ignore[misc]
        if number % 7 == 0:
            threading.Event().wait(0.0005)

    wait_until(lambda: len(made) == 400)
    assert sorted(made) == list(range(400))
