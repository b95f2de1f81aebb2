"""A call that nobody waits for."""

import threading

import pytest

from tasks.soon import soon


def test_it_is_made_while_the_block_runs() -> None:
    made = threading.Event()

    with soon(made.set, after=0):
        assert made.wait(10)


def test_it_is_made_at_the_end_of_a_block_that_is_over_before_its_time() -> None:
    made: list[str] = []

    with soon(lambda: made.append("call"), after=60):
        made.append("block")

    assert made == ["block", "call"]


def test_it_is_made_however_the_block_ends() -> None:
    made: list[str] = []

    with pytest.raises(LookupError), soon(lambda: made.append("call"), after=60):
        raise LookupError

    assert made == ["call"]
    assert not [thread for thread in threading.enumerate() if thread.name == "soon"]
