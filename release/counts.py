"""Numbers for monitoring: what was counted for good, and how things stand now.

The queue's scripts count with the step itself, so the totals are exact and outlive every process. What
stands now is read in two round trips, however many apps and queues there are.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from release.model import Color, JobKind, JobState, Stage
from release.plan import celery_queue
from release.redis_access import key, load_script, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from release.redis_access import Client

BOUNDS: Final = (
    *(100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000),
    *(120_000, 300_000, 600_000, 1_800_000, 3_600_000),
)
"""Upper bounds of durations in milliseconds, as the scripts count them (``common.lua``)."""

NOT_TAKEN: Final = 60.0
"""Seconds after which an offer that no worker took counts as stuck, here and for channels."""

LEASE_OVER: Final = 10.0
"""Seconds after the end of a lease until its job counts as stuck, here and for channels.

A reconciler needs less than one.
"""

FRONT: Final = 5
"""Jobs of a queue that are looked at: one that is active, an app's three switches, and its first deploy.

A deploy is never overtaken by another one, so in an app's own queue none has waited longer than these.
"""

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueLength:
    """How many jobs stand in a queue behind the active one, and since how many seconds the oldest does."""

    waiting: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a worker last saw of an app: ``age`` in seconds; ``live`` None where no color is."""

    age: float
    live: Color | None
    is_readable: bool


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why jobs do not go on, and which workers should carry them on: ``releases`` or ``switches``.

    ``reason``: ``not-taken``: offered, and no worker takes it; ``lease-over``: its worker is gone, and nobody
    has offered it to another one.
    """

    reason: str
    workers: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """All of it. ``totals``: by the names under which the scripts count.

    ``looked``: seconds since a reconciler looked, so since any worker lived; None where none ever did.
    """

    totals: Mapping[Name, int] = field(default_factory=dict)
    queues: Mapping[str, QueueLength] = field(default_factory=dict)
    starting: int = 0
    held: int = 0
    stuck: Mapping[Stuck, int] = field(default_factory=dict)
    looked: float | None = None
    seen: Mapping[str, Seen] = field(default_factory=dict)


class Counts:
    """Reads them."""

    def __init__(self, client: Client) -> None:
        self._redis: Any = client
        self._ask = load_script(client, "numbers")

    def read(self, *, apps: Sequence[str], queues: Iterable[str]) -> Numbers:
        """The numbers of the configured apps and queues, and of queues in which something still stands.

        Raises:
            NotDurable: Redis can't be asked.
        """
        told = json.loads(self._ask([FRONT]))
        with told_as_not_durable():
            observations = self._redis.mget([key("app", app, "observation") for app in apps])
        now = int(told["at"]) / 1000
        looked = told["looked"]
        return Numbers(
            totals=_parse_totals(told["counts"] or []),
            queues={
                **dict.fromkeys(queues, QueueLength(0, 0.0)),
                **{name: _measure(int(length), front or [], now) for name, length, front in told["queues"]},
            },
            starting=int(told["starting"]),
            held=int(told["held"]),
            stuck=Counter(_find_stuck(told["active"], now)),
            looked=max(0.0, now - int(looked) / 1000) if looked else None,
            seen={app: _parse_seen(text, now) for app, text in zip(apps, observations, strict=True) if text},
        )


def _parse_totals(flat: Sequence[str]) -> dict[Name, int]:
    """Names and values by turns. The names are JSON each, and read at once: there may be thousands."""
    names = json.loads(f"[{','.join(flat[::2])}]")
    return {tuple(map(str, name)): int(value) for name, value in zip(names, flat[1::2], strict=True)}


def _measure(length: int, front: Sequence[tuple[str | bool, str | bool]], now: float) -> QueueLength:
    """Only the first of a queue is ever active."""
    waiting = [queued for state, queued in front if state == JobState.WAITING]
    behind = length - (len(front) - len(waiting))
    since = [int(queued) / 1000 for queued in waiting if queued]
    return QueueLength(behind, max(0.0, now - min(since)) if since else 0.0)


def _find_stuck(active: Iterable[Mapping[str, str]], now: float) -> Iterator[Stuck]:
    for job in active:
        stage = Stage(job["stages"].split(",")[int(job["index"])])
        workers = celery_queue(JobKind(job["kind"]), stage)
        if job["state"] == JobState.OFFERED and now - int(job["offered"]) / 1000 > NOT_TAKEN:
            yield Stuck("not-taken", workers)
        elif job["state"] == JobState.RUNNING and now - float(job["deadline"]) / 1000 > LEASE_OVER:
            yield Stuck("lease-over", workers)


def _parse_seen(text: str, now: float) -> Seen:
    """Not all of an observation is needed here, and there may be a thousand of them."""
    data = json.loads(text)
    age = max(0.0, now - datetime.fromisoformat(data["at"]).timestamp())
    live = Color(data["live"]) if data["live"] else None
    return Seen(age, live, is_readable=not data.get("problem"))
