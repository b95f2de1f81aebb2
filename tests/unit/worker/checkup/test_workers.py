"""Somebody has to take jobs from both queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.checkup.lines import Grade
from worker.checkup.workers import look_at_workers
from worker.roll_call import NotAsked

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "redis://db/0"


def test_the_workers_of_each_queue_are_named() -> None:
    lines = look_at_workers(URL, lambda _: {"releases": ["a@x", "b@x"], "switches": ["c@x"]})

    assert [(line.grade, line.found) for line in lines] == [
        (Grade.OK, "2: a@x, b@x"),
        (Grade.OK, "1: c@x"),
    ]


def test_of_many_workers_a_few_are_named() -> None:
    names = [f"w{number}@x" for number in range(8)]

    lines = look_at_workers(URL, lambda _: {"releases": names, "switches": names})

    assert lines[0].found == "8: w0@x, w1@x, w2@x, w3@x, w4@x and 3 more"


def test_a_queue_without_a_worker_is_failed_with_the_command_to_start_one() -> None:
    lines = look_at_workers(URL, lambda _: {"releases": ["a@x"]})

    assert [line.grade for line in lines] == [Grade.OK, Grade.FAILED]
    assert lines[1].about == "workers of switches"
    assert "promote, rollback and decommission wait" in lines[1].found
    assert "`verdigris worker --queues switches`" in lines[1].fix


def test_without_redis_nobody_knows() -> None:
    def refuse(_: str) -> Mapping[str, list[str]]:
        raise NotAsked("Connection refused")

    lines = look_at_workers(URL, refuse)

    assert {line.grade for line in lines} == {Grade.WARNING}
    assert lines[0].found == "could not be looked at: Connection refused"
