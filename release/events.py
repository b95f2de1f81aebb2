"""What happens, as a stream: every step of releases, jobs and stages, votes, and what workers find out.

The queue's scripts write it with the step itself (``tell_event`` in ``common.lua``), so that neither stands
without the other. Pages listen to it, signals go out by it. It is cut at about ten thousand events: what
must last is in the records and in the audit trail.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from release.records import moment, parse_line
from release.redis_access import key, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from release.records import LogLine
    from release.redis_access import Client

MOST_KEPT: Final = 10_000
"""Events, about; as ``common.lua`` cuts them."""

BEGINNING: Final = "0-0"
"""Before the first event."""


class EventKind(StrEnum):
    """What an event is about."""

    RELEASE = "release"
    JOB = "job"
    STAGE = "stage"
    VOTE = "vote"
    OBSERVED = "observed"
    INTERFERENCE = "interference"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. ``id`` orders events; an app's own have no ``release_id``.

    ``data`` holds, by kind: ``release``: from, to, tag, actor, reason. ``job``: job, kind, queue, tag, color,
    state, actor. ``stage``: job, kind, tag, color, stage, state, attempt. ``vote``: tag, decision, actor,
    comment. ``interference``: mark, what, users, next_step. ``stuck``: job, kind, queue, tag, text.
    """

    id: str
    kind: EventKind
    app: str
    release_id: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What happened, and new lines of the logs that were listened to, by release."""

    events: tuple[Event, ...] = ()
    lines: Mapping[str, tuple[LogLine, ...]] = field(default_factory=dict)


class Events:
    """Reads the stream. Each method raises ``NotDurable`` while Redis can't be asked."""

    def __init__(self, client: Client) -> None:
        self._redis: Any = client

    def last_id(self) -> str:
        """The newest event's id: what comes after it has not happened yet."""
        with told_as_not_durable():
            newest = self._redis.xrevrange(key("events"), count=1)
        return str(newest[0][0]) if newest else BEGINNING

    def read(self, *, after: str, wait: float = 0, limit: int = 500) -> list[Event]:
        """Events after the one of id ``after``, oldest first; without any, wait so many seconds for one."""
        block = max(1, round(wait * 1000)) if wait else None
        with told_as_not_durable():
            answer = self._redis.xread({key("events"): after}, count=limit, block=block)
        return [parse_event(event_id, fields) for _, found in answer for event_id, fields in found]

    def listen(self, *, after: str, logs: Mapping[str, str], wait: float, limit: int = 500) -> Heard:
        """Events after one, and lines of each log after one, by the releases of ``logs``; or wait for any.

        ``wait``: seconds, fewer than the client's timeout. At most ``limit`` are told of each stream.
        """
        subjects = {key("log", release_id): release_id for release_id in logs}
        streams = {key("events"): after} | {name: logs[subjects[name]] for name in subjects}
        with told_as_not_durable():
            answer = dict(self._redis.xread(streams, count=limit, block=max(1, round(wait * 1000))))
        events = tuple(parse_event(*entry) for entry in answer.pop(key("events"), ()))
        lines = {
            subjects[name]: tuple(parse_line(*entry) for entry in found) for name, found in answer.items()
        }
        return Heard(events, lines)

    def touched(self) -> dict[str, int]:
        """By app, a number that is another one after each event of it."""
        with told_as_not_durable():
            known = self._redis.hgetall(key("touched"))
        return {app: int(number) for app, number in known.items()}


def tell_seen(pipeline: Any, app: str, at: datetime) -> None:  # noqa: ANN401 -- redis-py's own
    """Let everybody hear, with what else the pipeline writes, that a worker saw something of an app."""
    told = {"kind": EventKind.OBSERVED.value, "app": app, "release": ""}
    data = json.dumps({"at": round(at.timestamp() * 1000)})
    pipeline.xadd(key("events"), {**told, "data": data}, maxlen=MOST_KEPT, approximate=True)
    pipeline.hincrby(key("touched"), app, 1)


def parse_event(event_id: str, fields: Mapping[str, str]) -> Event:
    """An event from its entry in the stream."""
    data = json.loads(fields["data"])
    at = moment(data["at"])
    return Event(event_id, EventKind(fields["kind"]), fields["app"], fields["release"], at, data)
