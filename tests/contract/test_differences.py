"""What a promote would change is kept with its release, and goes with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.configured_values import take_fingerprints
from release.difference import Base, Commits, Difference
from release.differences import Differences
from release.events import BEGINNING, EventKind
from release.model import Color, StageState, State
from release.problems import NotDurable
from tests.contract.queue_line import to

if TYPE_CHECKING:
    from tests.contract.queue_line import Line

FOUND = Difference(
    Base("r0", "v0-green", Color.GREEN, "a" * 40),
    "b" * 40,
    datetime(2026, 1, 5, tzinfo=UTC),
    commits=Commits(added_count=1),
)
VALUES = take_fingerprints({"A": "1"})


def test_it_is_kept_with_its_release_and_pages_hear_of_it(line: Line) -> None:
    line.accept("a")
    before = line.store.events.touched()["shop"]

    kept = line.store.differences.keep("r-a", "shop", FOUND, VALUES)

    assert kept
    assert line.store.differences.find("r-a") == FOUND
    assert line.store.differences.find_values("r-a") == VALUES
    assert line.store.events.touched()["shop"] == before + 1
    newest = line.store.events.read(after=BEGINNING)[-1]
    assert (newest.kind, newest.app, newest.release_id) == (EventKind.OBSERVED, "shop", "r-a")


def test_the_values_that_a_release_was_made_with_stay_those_first_seen(line: Line) -> None:
    line.accept("a")
    line.store.differences.keep("r-a", "shop", FOUND, VALUES)
    newer = replace(FOUND, base=None)

    line.store.differences.keep("r-a", "shop", newer, take_fingerprints({"B": "2"}))

    assert line.store.differences.find("r-a") == newer
    assert line.store.differences.find_values("r-a") == VALUES


def test_a_release_that_is_not_known_gets_none(line: Line) -> None:
    assert not line.store.differences.keep("r-a", "shop", FOUND, VALUES)

    assert line.store.differences.find("r-a") is None
    assert line.store.differences.find_values("r-a") is None
    assert line.store.events.touched() == {}


def test_it_is_forgotten_with_its_release(line: Line) -> None:
    line.accept("a")
    line.store.differences.keep("r-a", "shop", FOUND, VALUES)
    line.claim("a")
    line.end("a", StageState.FAILED)
    line.queue.settle([to(State.FAILED, "r-a", State.QUEUED, State.RUNNING)])
    line.queue.settle([to(State.CANCELLED, "r-a", State.FAILED)])

    assert line.queue.forget("shop", ["r-a"]) == 1

    assert line.store.differences.find("r-a") is None
    assert not line.client.keys("*r-a*")


def test_one_worker_at_a_time_looks_at_an_app(line: Line) -> None:
    other = Differences(line.client)

    leased = (line.store.differences.leased("shop"), other.leased("shop"), other.leased("post"))
    with leased[0] as first, leased[1] as second, leased[2] as elsewhere:
        assert (first, second, elsewhere) == (True, False, True)

    with other.leased("shop") as again:
        assert again


def test_a_lease_that_ran_out_ends_without_trouble(line: Line) -> None:
    with line.store.differences.leased("shop") as is_ours:
        line.client.flushall()

    assert is_ours


def test_without_redis_it_is_told() -> None:
    server = fakeredis.FakeServer()
    differences = Differences(fakeredis.FakeRedis(server=server, decode_responses=True))
    server.connected = False

    with pytest.raises(NotDurable):
        differences.find("r-a")
    with pytest.raises(NotDurable):
        differences.find_values("r-a")
    with pytest.raises(NotDurable):
        differences.keep("r-a", "shop", FOUND, VALUES)
    with pytest.raises(NotDurable), differences.leased("shop"):
        pass
