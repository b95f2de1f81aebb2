"""Jobs that do not go on are found with since when, over both kinds of Redis."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.model import JobState
from release.problems import NotDurable
from release.redis_access import key
from release.waits import Waits
from tests.contract.queue_line import HOUR, new_job

if TYPE_CHECKING:
    from tests.contract.queue_line import Line


def age(line: Line, job: str, field: str, seconds: int) -> None:
    """Let a time of a job lie so far back."""
    then = int(line.client.hget(key("job", job), field) or 0) - seconds * 1000
    line.client.hset(key("job", job), field, str(then))


def found(line: Line) -> dict[str, tuple[JobState, int]]:
    """By job, to ten seconds."""
    return {one.job.id: (one.job.state, round(one.seconds, -1)) for one in line.store.waits.read()}


def test_what_is_offered_waits_for_a_worker_and_what_is_behind_it_for_its_turn(line: Line) -> None:
    line.accept("a", "b", "c")
    age(line, "a", "offered", 60)
    age(line, "b", "queued", 30)

    assert found(line) == {"a": (JobState.OFFERED, 60), "b": (JobState.WAITING, 30)}


def test_of_those_that_wait_for_their_turn_it_is_the_one_that_has_longest(line: Line) -> None:
    line.accept("a", "b", "c")
    age(line, "c", "queued", 90)

    assert found(line)["c"] == (JobState.WAITING, 90)
    assert "b" not in found(line)


def test_also_the_first_of_a_queue_waits_where_its_app_is_busy_in_another_one(line: Line) -> None:
    line.accept("a")
    line.queue.accept(replace(new_job("b"), queue="other"))
    age(line, "b", "queued", 50)

    assert found(line)["b"] == (JobState.WAITING, 50)


def test_the_time_before_it_went_into_its_queue_does_not_count(line: Line) -> None:
    line.accept("a", "b")
    age(line, "b", "created", 7200)

    assert found(line)["b"] == (JobState.WAITING, 0)


def test_what_runs_does_not_go_on_once_its_lease_is_over(line: Line) -> None:
    line.accept("a")
    line.claim("a")
    assert found(line)["a"][1] < 0

    line.client.zincrby(key("watch"), -HOUR - 20_000, "a")

    assert found(line) == {"a": (JobState.RUNNING, 20)}


def test_what_is_gone_or_over_waits_for_nothing(line: Line) -> None:
    line.accept("a", "b")
    line.client.delete(key("job", "b"))
    line.client.hset(key("job", "a"), "state", "done")

    assert found(line) == {}


def test_nothing_is_known_without_redis() -> None:
    server = fakeredis.FakeServer()
    waits = Waits(fakeredis.FakeRedis(server=server, decode_responses=True))
    server.connected = False

    with pytest.raises(NotDurable):
        waits.read()
