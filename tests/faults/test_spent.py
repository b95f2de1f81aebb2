"""What a campaign tells of its time is added up rightly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.faults.chronicle import Doing, Mark, read_chronicle
from tests.faults.spent import Processors, read_processors, split_time
from tests.faults.storm import CHILD, FROZEN, GROUP, MAIN, Fault

if TYPE_CHECKING:
    from pathlib import Path

WORKER = "releases-1"
UP = Mark(10, WORKER, Doing.WAITING, is_up=True)


def seconds(marks: list[Mark], faults: list[Fault], until: float = 20) -> dict[str, float]:
    spent = split_time(marks, faults, since=10, until=until)
    return {str(doing): milliseconds / 1000 for doing, milliseconds in spent.items() if milliseconds}


def test_a_worker_works_between_a_task_and_its_end_and_waits_otherwise() -> None:
    marks = [UP, Mark(12, WORKER, Doing.WORKING), Mark(15, WORKER, Doing.WAITING)]
    assert seconds(marks, []) == {"at work": 3, "waiting for work": 7}


@pytest.mark.parametrize("kind", [MAIN, GROUP])
def test_a_killed_worker_is_up_again_when_it_says_so_and_not_when_an_orphan_ends_a_task(kind: str) -> None:
    marks = [
        UP,
        Mark(12, WORKER, Doing.WORKING),
        Mark(14, WORKER, Doing.WAITING),
        Mark(16, WORKER, Doing.WAITING, is_up=True),
    ]
    told = seconds(marks, [Fault(13, kind, WORKER)])
    assert told == {"at work": 1, "starting again": 3, "waiting for work": 6}


def test_a_dead_pool_child_does_not_stop_its_worker() -> None:
    assert seconds([UP], [Fault(13, CHILD, WORKER)]) == {"waiting for work": 10}


def test_frozen_time_is_no_work_and_ends_with_the_campaign() -> None:
    marks = [UP, Mark(12, WORKER, Doing.WORKING)]
    assert seconds(marks, [Fault(14, FROZEN, WORKER, until=99)]) == {
        "waiting for work": 2,
        "at work": 2,
        "frozen": 6,
    }


def test_what_lies_before_and_after_does_not_count() -> None:
    marks = [Mark(2, WORKER, Doing.WAITING, is_up=True), Mark(11, WORKER, Doing.WORKING)]
    assert seconds(marks, [], until=12) == {"waiting for work": 1, "at work": 1}


def test_marks_come_out_of_the_lines_that_celery_writes(tmp_path: Path) -> None:
    task = "Task release.sanity[01M834TSK043WM66XMH5G8YC9S.0-sanity.f7.e6df98ad]"
    events = [
        "releases-1@vm ready.",
        f"{task} received",
        f"{task} ignored",
        "stage lost",
        "Task handler raised",
    ]
    lines = [
        json.dumps({"event": event, "timestamp": f"2026-11-23T02:47:0{second}Z", "job": "j", "owner": "o"})
        for second, event in enumerate(events)
    ]
    log = tmp_path / "log"
    log.write_text("\n".join(lines))
    marks = read_chronicle([(WORKER, log)]).marks
    assert [(mark.doing, mark.is_up) for mark in marks] == [
        (Doing.WAITING, True),
        (Doing.WORKING, False),
        (Doing.WAITING, False),
        (Doing.WAITING, False),
    ]


def test_processors_are_read_as_everybodys_work() -> None:
    assert Processors(70, 200).part_busy_since(Processors(20, 100)) == pytest.approx(0.5)
    now = read_processors()
    assert 0 < now.busy < now.total
