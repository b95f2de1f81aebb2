"""Clocks are compared with each other, not with ours alone."""

from __future__ import annotations

import pytest

from worker.checkup.clocks import Clocks
from worker.checkup.lines import Grade


@pytest.mark.parametrize(
    ("redis", "cluster", "grade"),
    [(0.2, -0.4, Grade.OK), (5.0, 0.1, Grade.OK), (5.1, 0.1, Grade.WARNING), (3.0, -3.0, Grade.WARNING)],
)
def test_more_than_five_seconds_between_any_two_is_a_warning(
    redis: float, cluster: float, grade: Grade
) -> None:
    clocks = Clocks()
    clocks.add("Redis", redis)
    clocks.add("cluster prod", cluster)

    (line,) = clocks.look()

    assert line.grade is grade
    assert f"Redis {redis:+.1f} s, cluster prod {cluster:+.1f} s" in line.found


def test_the_two_that_differ_most_are_named() -> None:
    clocks = Clocks()
    clocks.add("Redis", 90.0)

    (line,) = clocks.look()

    assert line.found.startswith("here and Redis are 90 s apart")
    assert "timedatectl set-ntp true" in line.fix


def test_without_another_clock_nothing_is_said() -> None:
    assert Clocks().look() == []
