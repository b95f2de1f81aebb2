"""Reading back what the queue wrote, and what workers saw: releases, jobs, logs, observations.

Only the queue's scripts change releases and jobs; besides reading, this module keeps observations of the
cluster, which are a copy and may be lost.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from release.api_tokens import ApiTokens
from release.audit import KEEP, Audit
from release.ci import CheckState
from release.consent import Consent
from release.counts import Counts
from release.differences import Differences
from release.events import Events
from release.heard_tags import HeardTags
from release.history import History
from release.records import (
    Change,
    LogLine,
    find_cut,
    moment,
    parse_change,
    parse_job,
    parse_line,
    parse_observation,
    parse_release,
    told_of_app,
)
from release.redis_access import key, load_script, told_as_not_durable
from release.signal_lines import SignalLines
from release.standing_queues import StandingQueues
from release.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from release.model import Job, Release
    from release.observation import Observation
    from release.redis_access import Client


PRIORITIES: Final = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""What kombu adds to the name of a queue for each of its priorities 0, 3, 6 and 9."""


class Store:
    """What is known of releases, and in its parts of what they are called. ``NotDurable`` without Redis."""

    def __init__(self, client: Client, *, audit_keep: int = KEEP) -> None:
        self._redis: Any = client
        self._observe = load_script(client, "observe")
        self.differences = Differences(client)
        self.events = Events(client)
        self.signals = SignalLines(client)
        self.counts = Counts(client)
        self.history = History(client)
        self.queues = StandingQueues(client)
        self.waits = Waits(client)
        self.tags = HeardTags(client)
        self.consent = Consent(client)
        self.audit = Audit(client, keep=audit_keep)
        self.api_tokens = ApiTokens(client)

    def is_reachable(self) -> bool:
        """Whether Redis answers; raises ``NotDurable`` with the reason when it doesn't."""
        with told_as_not_durable():
            return bool(self._redis.ping())

    def find_release(self, release_id: str) -> Release | None:
        """The release of that id."""
        with told_as_not_durable():
            record = self._redis.hgetall(key("release", release_id))
        return parse_release(record) if record else None

    def find_job(self, job_id: str) -> Job | None:
        """The job of that id."""
        with told_as_not_durable():
            record = self._redis.hgetall(key("job", job_id))
        return parse_job(record) if record else None

    def releases(self, app: str | None = None, *, limit: int = 50) -> list[Release]:
        """The newest first, of one app or of all."""
        if limit < 1:  # in Redis, a range that ends at -1 is all
            return []
        index = key("app", app, "releases") if app else key("releases")
        with told_as_not_durable():
            ids = self._redis.zrevrange(index, 0, limit - 1)
        return self._releases(ids)

    def oldest_releases(self, app: str, *, limit: int) -> tuple[list[Release], int]:
        """The oldest of an app, oldest first, and how many it has in all."""
        index = key("app", app, "releases")
        with told_as_not_durable():
            ids, known = self._redis.zrange(index, 0, limit - 1), self._redis.zcard(index)
        return self._releases(ids), int(known)

    def releases_on_a_color(self, app: str) -> list[Release]:
        """Those that are ready, live, standby or rolled back: whose pods are expected to run."""
        with told_as_not_durable():
            ids = self._redis.smembers(key("app", app, "on-a-color"))
        return sorted(self._releases(sorted(ids)), key=lambda release: release.created_at)

    def jobs_of(self, release_id: str) -> list[Job]:
        """Every job of a release, oldest first."""
        return self._jobs(key("jobs-of", release_id), 0, -1)

    def recent_jobs(self, app: str, *, limit: int = 10) -> list[Job]:
        """An app's jobs of any kind, newest first."""
        return self._jobs(key("app", app, "jobs"), 0, limit - 1) if limit > 0 else []

    def queue(self, name: str) -> list[Job]:
        """The active job, then those behind it in their order; then those held, and those yet to start."""
        return [
            *self._jobs(key("queue", name), 0, -1),
            *self._held(name),
            *(job for job in self.starting() if job.queue == name),
        ]

    def starting(self, app: str | None = None) -> list[Job]:
        """Jobs of one app, or of all, that stand in no queue until what they wait for is there.

        Oldest first: what the end of a freeze lets in goes on in the order in which it came.
        """
        with told_as_not_durable():
            ids = self._redis.zrange(key("starting"), 0, -1)
        jobs = [job for job in self._read_jobs(ids) if app in {None, job.app}]
        return sorted(jobs, key=lambda job: (job.created_at, job.id))

    def checks(self, app: str, commit: str) -> dict[str, CheckState]:
        """What CI said last of each check of a commit."""
        with told_as_not_durable():
            known = self._redis.hgetall(key("checks", app, commit))
        return {name: CheckState(json.loads(said)["state"]) for name, said in known.items()}

    def find_active(self, app: str) -> Job | None:
        """The one job of an app that is offered or runs, in whatever queue."""
        with told_as_not_durable():
            job_id = self._redis.get(key("app", app, "active"))
        return self.find_job(job_id) if job_id else None

    def _held(self, queue: str) -> list[Job]:
        """Jobs that let their queue go on without them, the one that goes on first before the others."""
        with told_as_not_durable():
            ids = self._redis.zrange(key("held"), 0, -1)
        return [job for job in self._read_jobs(ids) if job.queue == queue]

    def log(self, subject: str, *, after: str = "0", limit: int = 1000) -> list[LogLine]:
        """Lines of a release's log (or of a job's that has no release) after the line with id ``after``.

        Where lines before them were cut, the first one says so.
        """
        name = key("log", subject)
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xrange(name, after, after)
            pipeline.xrange(name, f"({after}", "+", count=limit)
            known, entries = pipeline.execute()
        lines = [parse_line(line_id, fields) for line_id, fields in entries]
        return lines if known else [*find_cut(lines, after), *lines]

    def changes(self, release_id: str) -> list[Change]:
        """Every step in a release's life, oldest first."""
        with told_as_not_durable():
            texts = self._redis.lrange(key("changes-of", release_id), 0, -1)
        return [parse_change(text) for text in texts]

    def observation(self, app: str) -> Observation | None:
        """What a worker last saw of an app in the cluster; look at its age."""
        with told_as_not_durable():
            text = self._redis.get(key("app", app, "observation"))
        return parse_observation(text) if text else None

    def observe(self, observation: Observation) -> None:
        """Keep what a worker saw; what is new in it, beside its time, is an event."""
        self._observe(told_of_app(observation))

    def last_seen_before(self, limit: datetime) -> dict[str, datetime]:
        """By app, when a worker last saw it: of those alone that none has seen since ``limit``."""
        latest = f"({limit.timestamp() * 1000:.0f}"
        with told_as_not_durable():
            found = self._redis.zrangebyscore(key("observed-at"), "-inf", latest, withscores=True)
        return {app: moment(at) for app, at in found}

    def spend(self, ticket: str, *, seconds: int) -> bool:
        """Whether this one-time ticket is used for the first time; remembered for ``seconds``."""
        with told_as_not_durable():
            return bool(self._redis.set(key("spent", ticket), "1", nx=True, ex=seconds))

    def end_session(self, session_id: str, *, seconds: int) -> None:
        """Remember that a person signed out, for the ``seconds`` that copies of the cookie would count."""
        with told_as_not_durable():
            self._redis.set(key("ended", session_id), "1", ex=seconds)

    def is_session_ended(self, session_id: str) -> bool:
        """Whether that session was signed out of."""
        with told_as_not_durable():
            return bool(self._redis.exists(key("ended", session_id)))

    def task_ids(self, celery_queue: str) -> list[str]:
        """Ids of the tasks that wait in the broker for a worker.

        Celery's queue is a list of JSON texts for each priority, in the same database; each text names its
        task in its headers.
        """
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for suffix in PRIORITIES:
                pipeline.lrange(celery_queue + suffix, 0, -1)
            lists = pipeline.execute()
        return [json.loads(message)["headers"]["id"] for messages in lists for message in messages]

    def _releases(self, ids: Sequence[str]) -> list[Release]:
        return [parse_release(record) for record in self._hashes("release", ids) if record]

    def _jobs(self, index: str, first: int, last: int) -> list[Job]:
        with told_as_not_durable():
            ids = self._redis.lrange(index, first, last)
        return self._read_jobs(ids)

    def _read_jobs(self, ids: Sequence[str]) -> list[Job]:
        return [parse_job(record) for record in self._hashes("job", ids) if record]

    def _hashes(self, kind: str, ids: Sequence[str]) -> list[dict[str, str]]:
        """All in one round trip."""
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for one in ids:
                pipeline.hgetall(key(kind, one))
            return list(pipeline.execute())
