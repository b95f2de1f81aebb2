"""Which jobs do not go on, and since when: what tells ``queue-stuck`` reads it.

A job waits for a worker, for another one where its own is gone, or for its turn. By the same times and limits
as ``verdigris_jobs_stuck`` and ``verdigris_queue_age_seconds`` (``counts``), and by Redis' own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from release.counts import FRONT
from release.model import JobKind, JobState
from release.plan import celery_queue
from release.records import parse_job
from release.redis_access import key, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.model import Job, Stage
    from release.redis_access import Client


@dataclass(frozen=True, slots=True)
class Wait:
    """A job, and for how many seconds it has not gone on.

    Of an ``offered`` one since its stage was offered, of a ``running`` one since its worker's lease was over
    (below 0: it is not), of a ``waiting`` one since it went into its queue.
    """

    job: Job
    seconds: float


class Waits:
    """Reads them. ``NotDurable`` while Redis can't be asked."""

    def __init__(self, client: Client) -> None:
        self._redis: Any = client

    def read(self) -> list[Wait]:
        """Of each queue what is active, and of its first jobs the one that waits longest for its turn."""
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for name in self._redis.smembers(key("queues")):
                pipeline.lrange(key("queue", name), 0, FRONT - 1)
            ids = [one for front in pipeline.execute() for one in front]
            pipeline.time()
            for job_id in ids:
                pipeline.hgetall(key("job", job_id))
                pipeline.zscore(key("watch"), job_id)
            (seconds, microseconds), *answers = pipeline.execute()
        now = seconds * 1000 + microseconds / 1000
        found = [_find_wait(*pair, now) for pair in zip(answers[::2], answers[1::2], strict=True)]
        return _choose([one for one in found if one])


def tell_not_taken(app: str, kind: JobKind, stage: Stage, seconds: float) -> str:
    """What a release's log and channels say of a stage that no worker takes."""
    queue = celery_queue(kind, stage)
    return (
        f"{stage} has waited for a worker for {seconds:.0f} s: all that serve {queue} are busy, or none runs."
        f" What helps: {tell_help(app, kind, stage)}"
    )


def tell_help(app: str, kind: JobKind, stage: Stage) -> str:
    """What helps a job that no worker takes; first what is the quickest for users."""
    another = f"`verdigris worker --queues {celery_queue(kind, stage)}` starts another worker"
    back = f"`verdigris rollback {app} --direct` moves users back without one"
    return f"{back}; {another}" if kind is JobKind.ROLLBACK else another


def _find_wait(record: Mapping[str, str], lease_end: float | None, now: float) -> Wait | None:
    """None of a job that is over, or whose record is gone."""
    since = {
        JobState.OFFERED: record.get("offered"),
        JobState.RUNNING: lease_end,
        JobState.WAITING: record.get("queued"),
    }.get(JobState(record.get("state", JobState.DONE)))
    return Wait(parse_job(dict(record)), (now - float(since)) / 1000) if since else None


def _choose(waits: list[Wait]) -> list[Wait]:
    longest: dict[str, Wait] = {}
    active = []
    for one in sorted(waits, key=lambda wait: wait.seconds):
        if one.job.state is JobState.WAITING:
            longest[one.job.queue] = one
        else:
            active.append(one)
    return [*active, *longest.values()]
