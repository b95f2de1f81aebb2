"""Who goes ahead of whom in a queue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.model import JobKind
from release.order import JUMPS, Entry, insertion_index

KINDS = {
    "d": JobKind.DEPLOY,
    "p": JobKind.PROMOTE,
    "r": JobKind.ROLLBACK,
    "x": JobKind.DECOMMISSION,
}


def queue(text: str) -> list[Entry]:
    """``d1 p2``: a deploy of app 1, a promote of app 2."""
    return [Entry(app=word[1:], kind=KINDS[word[0]]) for word in text.split()]


@pytest.mark.parametrize(
    ("waiting", "new", "index"),
    [
        ("", "d1", 0),
        ("", "r1", 0),
        ("d1", "d1", 1),
        ("d1", "r1", 1),
        ("d1 d2 d3", "d1", 3),
        ("d1 d2 d3", "x1", 3),
        ("d1 d1 d1", "p1", 1),
        ("d1 d2 d1", "p1", 2),
        ("d1 d2 d3", "p1", 3),
        ("d1 x1 d1", "p1", 2),
        ("d1 d2 d3", "r1", 1),
        ("d1 p2 x3 d1", "r1", 1),
        ("d1 r2 p2 d3", "r1", 2),
        ("d1 r1 d1", "p1", 2),
        ("d1 p1 d1", "p1", 2),
        ("r1 r2", "r3", 2),
    ],
)
def test_a_job_goes_where_the_rule_puts_it(waiting: str, new: str, index: int) -> None:
    assert insertion_index(queue(waiting), queue(new)[0]) == index


def test_every_kind_has_a_rule() -> None:
    assert set(JUMPS) == set(JobKind)


entries = st.builds(Entry, app=st.sampled_from("123"), kind=st.sampled_from(JobKind))


@given(st.lists(entries, max_size=12))
def test_whatever_arrives_the_active_job_stays_and_kinds_keep_their_order(arriving: list[Entry]) -> None:
    numbered: list[tuple[int, Entry]] = []
    for number, entry in enumerate(arriving):
        index = insertion_index([waiting for _, waiting in numbered], entry)
        numbered.insert(index, (number, entry))

    assert [number for number, _ in numbered[:1]] == [0][: len(arriving)]
    for kind in JobKind:
        for app in "123":
            same = [number for number, entry in numbered[1:] if entry == Entry(app, kind)]
            assert same == sorted(same)
