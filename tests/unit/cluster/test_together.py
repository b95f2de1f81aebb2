"""Calls that are on their way at the same time: their order, their errors, how many, and their end."""

import threading
import time
from collections.abc import Callable

import pytest

from cluster.errors import ClusterError, Forbidden, Unavailable
from cluster.together import AT_ONCE, begin

PATIENCE = 10.0


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        threading.Event().wait(0.002)


def is_over() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name == "together"]


def test_they_are_on_their_way_at_the_same_time_and_told_in_their_order() -> None:
    met = threading.Barrier(3, timeout=PATIENCE)

    def call(number: int) -> int:
        met.wait()
        return number

    begun = begin([lambda: call(1), lambda: call(2), lambda: call(3)])

    assert [ask() for ask in begun] == [1, 2, 3]
    wait_until(is_over)


def test_an_error_is_raised_where_its_call_is_asked_for_and_the_call_may_be_made_again() -> None:
    first, second = begin([lambda: "well", once(Forbidden("no"), "there")])

    assert first() == "well"
    with pytest.raises(Forbidden, match="no"):
        second()
    assert second() == "there"
    wait_until(is_over)


def test_a_cluster_that_was_away_is_asked_again() -> None:
    (ask,) = begin([once(Unavailable("away"), "there")])

    assert ask() == "there"


def once(error: ClusterError, answer: str) -> Callable[[], str]:
    """A call that is refused the first time."""
    errors = [error]

    def call() -> str:
        if errors:
            raise errors.pop()
        return answer

    return call


def test_no_more_than_a_few_are_on_their_way() -> None:
    under_way: list[int] = []
    most: list[int] = []
    door = threading.Event()

    def call() -> None:
        under_way.append(1)
        most.append(len(under_way))
        assert door.wait(PATIENCE)
        under_way.pop()

    begun = begin([call] * (AT_ONCE + 3))
    wait_until(lambda: len(most) == AT_ONCE)
    door.set()
    for ask in begun:
        ask()

    assert len(most) == AT_ONCE + 3
    assert max(most) <= AT_ONCE
    wait_until(is_over)
