"""Every queue at a glance, for people: what runs, and the first of what waits, is held, or is yet to start.

All of it in a few round trips, however many queues there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from release.records import parse_job
from release.redis_access import key, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from release.model import Job
    from release.redis_access import Client

SHOWN: Final = 100
"""Jobs of a queue that are shown; how many there are is told."""

MOST_BESIDE: Final = 1_000
"""How many of all that are held, and of all that are yet to start, are looked at."""


@dataclass(slots=True)
class StandingQueue:
    """A queue: the first of its jobs in their order, of ``length`` in all, and what stands beside it."""

    name: str
    jobs: list[Job] = field(default_factory=list)
    length: int = 0
    held: list[Job] = field(default_factory=list)
    starting: list[Job] = field(default_factory=list)


class StandingQueues:
    """Reads what the queue's scripts keep. ``NotDurable`` while Redis can't be asked."""

    def __init__(self, client: Client) -> None:
        self._redis: Any = client

    def read(self, *, limit: int = SHOWN) -> list[StandingQueue]:
        """Those that have a job at all, by name."""
        with told_as_not_durable():
            names = sorted(self._redis.smembers(key("queues")))
        *lists, held, starting = self._find_ids(names, limit)
        waiting = [(name, *lists[2 * index : 2 * index + 2]) for index, name in enumerate(names)]
        jobs = self._read_jobs([*(one for _, ids, _ in waiting for one in ids), *held, *starting])
        queues = {name: StandingQueue(name, _of(ids, jobs), length) for name, ids, length in waiting}
        for job in _of(held, jobs):
            queues.setdefault(job.queue, StandingQueue(job.queue)).held.append(job)
        for job in sorted(_of(starting, jobs), key=lambda one: (one.created_at, one.id)):
            queues.setdefault(job.queue, StandingQueue(job.queue)).starting.append(job)
        return [queues[name] for name in sorted(queues)]

    def _find_ids(self, names: Sequence[str], limit: int) -> list[Any]:
        """Of each queue its first ids and its length; then the ids of those beside."""
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.lrange(key("queue", name), 0, limit - 1)
                pipeline.llen(key("queue", name))
            pipeline.zrange(key("held"), 0, MOST_BESIDE - 1)
            pipeline.zrange(key("starting"), 0, MOST_BESIDE - 1)
            return list(pipeline.execute())

    def _read_jobs(self, ids: Iterable[str]) -> dict[str, Job]:
        known = list(dict.fromkeys(ids))
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for job_id in known:
                pipeline.hgetall(key("job", job_id))
            records = pipeline.execute()
        return {one: parse_job(record) for one, record in zip(known, records, strict=True) if record}


def _of(ids: Iterable[str], jobs: dict[str, Job]) -> list[Job]:
    """Those whose record is still there."""
    return [jobs[one] for one in ids if one in jobs]
