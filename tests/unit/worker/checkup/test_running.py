"""Checks run beside each other; none can hold the others up."""

from __future__ import annotations

from threading import Barrier, Event, Lock

from worker.checkup.lines import Grade, Line, ok
from worker.checkup.running import Check, run


def passing(about: str) -> Check:
    return Check(about, lambda: [ok(about, "good")])


def test_lines_come_in_the_checks_order_whoever_is_first() -> None:
    # given a check that ends only when the next one has ended
    ended = Event()

    def slow() -> list[Line]:
        assert ended.wait(10)
        return [ok("slow", "good")]

    def quick() -> list[Line]:
        ended.set()
        return [ok("quick", "good")]

    lines = list(run([Check("slow", slow), Check("quick", quick)]))

    assert [line.about for line in lines] == ["slow", "quick"]


def test_a_check_that_hangs_is_given_up_and_the_others_are_told() -> None:
    never = Event()

    def hang() -> list[Line]:
        never.wait(30)
        return []

    lines = list(run([Check("cluster", hang), passing("redis")], seconds=0.05, at_once=1))
    never.set()

    assert [(line.about, line.grade) for line in lines] == [("cluster", Grade.FAILED), ("redis", Grade.OK)]
    assert "no end after 0.05 s" in lines[0].found
    assert "credential plugins" in lines[0].fix


def test_a_check_that_breaks_is_told_as_such() -> None:
    def broken() -> list[Line]:
        message = "no such key"
        raise KeyError(message)

    lines = list(run([Check("istio", broken), passing("redis")]))

    assert lines[0].grade is Grade.FAILED
    assert "KeyError: 'no such key'" in lines[0].found
    assert lines[0].fix
    assert lines[1].grade is Grade.OK


def test_no_more_run_at_once_than_may() -> None:
    running, most, counting, pair = [0], [0], Lock(), Barrier(2, timeout=10)

    def look() -> list[Line]:
        with counting:
            running[0] += 1
            most[0] = max(most[0], running[0])
        pair.wait()  # two at a time, or nobody ends
        with counting:
            running[0] -= 1
        return []

    assert list(run([Check(str(number), look) for number in range(10)], at_once=2)) == []
    assert most[0] == 2
