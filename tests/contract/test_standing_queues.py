"""Every queue at a glance, over both kinds of Redis."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from release.redis_access import key
from tests.contract.queue_line import new_job

if TYPE_CHECKING:
    from tests.contract.queue_line import Line


def test_without_jobs_there_is_no_queue(line: Line) -> None:
    assert line.store.queues.read() == []


def test_each_queue_shows_the_first_of_its_jobs_and_how_many_there_are(line: Line) -> None:
    line.accept("a", "b", "c")
    line.queue.accept(replace(new_job("d", app="forum"), queue="forum"))

    forum, shared = line.store.queues.read(limit=2)

    assert [job.id for job in forum.jobs] == ["d"]
    assert (shared.name, [job.id for job in shared.jobs], shared.length) == ("shared", ["a", "b"], 3)


def test_what_stands_beside_a_queue_is_told_with_it(line: Line) -> None:
    line.accept("a", "b", "c")
    for name, beside in (("b", "held"), ("c", "starting")):
        line.client.lrem(key("queue", "shared"), 0, name)
        line.client.zadd(key(beside), {name: 1, "gone": 2})
    alone = replace(new_job("e", app="forum"), queue="forum")
    line.queue.accept(alone)
    line.client.delete(key("queue", "forum"))
    line.client.srem(key("queues"), "forum")
    line.client.zadd(key("starting"), {"e": 0})

    forum, shared = line.store.queues.read()

    assert ([job.id for job in forum.starting], forum.jobs, forum.length) == (["e"], [], 0)
    assert [job.id for job in shared.jobs] == ["a"]
    assert [job.id for job in shared.held] == ["b"]
    assert [job.id for job in shared.starting] == ["c"]
