"""What of an app somebody should look at first: the one rule of pages, API and command line.

Pure, over what Redis knows. The words hold no age, so that they stay the same until something happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from release.counts import NOT_TAKEN
from release.model import JobKind, JobState
from release.waits import tell_help

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from release.model import Job
    from release.observation import ColorObservation, Observation

STALE: Final = timedelta(seconds=30)
"""An observation is made every 10 s; three missed ones mean that nobody looks."""
FRESH: Final = timedelta(days=7)
"""So long after a job failed somebody may still have to see to it. What is older is history."""
UNSEEN: Final = "not seen yet: is a worker running?"
OUTDATED: Final = "not seen for a while: is a worker running?"
ENDED: Final = frozenset({JobState.DONE, JobState.FAILED})


@dataclass(frozen=True, slots=True)
class Failure:
    """The last job that failed. ``is_last``: nothing has succeeded since."""

    what: str
    release_id: str
    at: datetime
    is_last: bool

    @property
    def counts_until(self) -> datetime:
        """When it ceases to need attention."""
        return self.at + FRESH if self.is_last else self.at

    def counts(self, now: datetime) -> bool:
        """Whether it needs attention."""
        return now < self.counts_until


def find_attention(
    observation: Observation | None, jobs: Sequence[Job], now: datetime, *, queue: Sequence[Job] = ()
) -> list[str]:
    """All that somebody should look at, in words, the worst first.

    ``jobs``: the app's own, newest first; ``queue``: those that wait or run.
    """
    stuck = find_stuck(queue, now)
    found = [*([tell_stuck(stuck)] if stuck else []), *find_troubles(observation)]
    if observation and is_stale(observation, now):
        found.append(OUTDATED)
    failure = find_failure(jobs)
    if failure and failure.counts(now):
        found.append(f"{failure.what} failed")
    return found


def find_stuck(queue: Iterable[Job], now: datetime) -> Job | None:
    """The job that no worker takes, as ``verdigris_jobs_stuck`` counts it. An app has one at most."""
    return next((one for one in queue if (since := stuck_from(one)) and now >= since), None)


def stuck_from(job: Job) -> datetime | None:
    """When a job that is offered counts as stuck."""
    if job.state is not JobState.OFFERED or job.offered_at is None:
        return None
    return job.offered_at + timedelta(seconds=NOT_TAKEN)


def tell_stuck(job: Job) -> str:
    """What no worker takes, and what helps: users can be moved back without one."""
    where = "to" if job.kind is JobKind.ROLLBACK else "of"
    what = f"no worker takes the {job.kind} {where} {job.tag or job.color}"
    return f"{what}: {tell_help(job.app, job.kind, job.stage)}"


def find_troubles(observation: Observation | None) -> list[str]:
    """What is wrong in the cluster: what somebody changed, what can't be read or used, missing pods."""
    if observation is None:
        return [UNSEEN]
    found = [observation.interference.what] if observation.interference else []
    if observation.problem:
        found.append(observation.problem)
    live = observation.color(observation.live) if observation.live else None
    if live and is_low(live):
        found.append(f"{live.available} of {live.replicas} live pods")
    return found


def find_failure(jobs: Sequence[Job]) -> Failure | None:
    """The last job that failed, of an app's newest."""
    ended = [job for job in jobs if job.state in ENDED]
    failed = next((job for job in ended if job.state is JobState.FAILED), None)
    if failed is None:
        return None
    what = f"{failed.kind} {failed.tag or failed.color}"
    at = failed.ended_at or failed.created_at
    return Failure(what, failed.release_id or "", at, is_last=failed is ended[0])


def is_stale(observation: Observation, now: datetime) -> bool:
    """Whether no worker has looked for a while."""
    return now - observation.at > STALE


def is_low(seen: ColorObservation) -> bool:
    """Whether pods are missing."""
    return seen.available < seen.replicas
