"""What waits to be told outside, in Redis: a line for each channel, and how its channel fares.

From an event to its messages it is one step, which a cursor lets happen once, however many workers read.
From a line one message at a time is offered to Celery; who claims it sends it and says what became of it.
What a dead worker leaves is offered again, under the same id: receivers may see it twice, and can tell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from release.events import BEGINNING, Event, parse_event
from release.records import find_moment, moment
from release.redis_access import key, load_script, told_as_not_durable
from release.signals import dump_message, parse_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from release.redis_access import Client
    from release.signals import Message

log = structlog.get_logger(__name__)

OFFERED: Final = 120.0
"""Seconds after which a message that nobody took is offered again."""

CLAIMED: Final = 30.0
"""Seconds after which a message whose sender has not come back is offered again; sending takes less."""

OLDEST_EVENT: Final = 3600.0
"""Seconds after which nobody is told of an event any more: it is history by then."""

OLDEST_TRY: Final = 86_400.0
"""Seconds for which a message is tried."""


@dataclass(frozen=True, slots=True)
class Timing:
    """In seconds; tests need not wait."""

    offered: float = OFFERED
    claimed: float = CLAIMED
    oldest_event: float = OLDEST_EVENT
    oldest_try: float = OLDEST_TRY


@dataclass(frozen=True, slots=True)
class SignalOffer:
    """The first message of a line, for whoever takes it. ``number`` rises with each offer of a channel."""

    message: Message
    number: int


@dataclass(frozen=True, slots=True)
class SignalClaim:
    """A message to send now. ``failures``: so many times in a row its channel has failed."""

    message: Message
    failures: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that were read, those that could not be understood left out; ``place`` is behind them all.

    ``is_cut``: what the cursor stands at is not kept any more, so some between it and these may be gone, too.
    """

    cursor: str
    place: str
    events: tuple[Event, ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel fares. Each message was ``sent``, ``dropped``, or is ``pending``.

    ``failing_since`` is None where the last try went well, or none was made.
    """

    name: str
    pending: int = 0
    sent: int = 0
    dropped: int = 0
    sent_at: datetime | None = None
    sent_id: str = ""
    failing_since: datetime | None = None
    error: str = ""
    error_at: datetime | None = None
    error_id: str = ""
    next_try: datetime | None = None
    dropped_at: datetime | None = None
    dropped_why: str = ""


class SignalLines:
    """Reads events, keeps messages, tells states. Each method raises ``NotDurable`` without Redis."""

    def __init__(self, client: Client, timing: Timing | None = None) -> None:
        self._redis: Any = client
        self._run = load_script(client, "signals")
        self._timing = timing or Timing()

    def begin(self) -> str:
        """Where to read on. The first worker ever begins at now: what happened before it nobody is told."""
        with told_as_not_durable():
            cursor = self._redis.get(key("signals", "cursor"))
            if cursor is None:
                newest = self._redis.xrevrange(key("events"), count=1)
                self._redis.set(key("signals", "cursor"), newest[0][0] if newest else BEGINNING, nx=True)
                cursor = self._redis.get(key("signals", "cursor"))
        return str(cursor)

    def read(self, *, after: str, wait: float = 0, limit: int = 200) -> Batch:
        """What happened after the cursor; without anything, wait so many seconds for it.

        An entry that is not understood, of a newer version perhaps, is told in the log and passed over.
        """
        block = max(1, round(wait * 1000)) if wait else None
        with told_as_not_durable():
            answer = self._redis.xread({key("events"): after}, count=limit, block=block)
            entries = answer[0][1] if answer else []
            is_cut = bool(entries) and not self._is_kept(after)
        events = [event for event in (_parse(*entry) for entry in entries) if event]
        return Batch(after, entries[-1][0] if entries else after, tuple(events), is_cut)

    def _is_kept(self, event_id: str) -> bool:
        return event_id == BEGINNING or bool(self._redis.xrange(key("events"), event_id, event_id))

    def take(self, batch: Batch, messages: Iterable[Message], *, channels: Iterable[str] = ()) -> bool:
        """Put the messages of a batch into their lines, and go past it; False where somebody else did.

        Where events were cut before they were read, the state of the ``channels`` says so from then on.
        """
        return bool(self._take(batch.cursor, batch.place, messages, channels if batch.is_cut else ()))

    def add(self, message: Message) -> None:
        """Put a message that no event caused behind the others of its channel."""
        self._take("", "", [message])

    def offer(self, channels: Iterable[str]) -> list[SignalOffer]:
        """The next message of each line of which none is on its way, and whose channel need not rest."""
        offers = json.loads(self._run(["offer", _milliseconds(self._timing.offered), *channels]))
        return [SignalOffer(parse_message(one["data"]), int(one["number"])) for one in offers]

    def claim(self, channel: str, message_id: str, *, number: int) -> SignalClaim | None:
        """Take a message that was offered; None where another offer counts, or somebody took it."""
        answer = self._run(["claim", channel, message_id, number, _milliseconds(self._timing.claimed)])
        if not answer:
            return None
        found = json.loads(answer)
        return SignalClaim(parse_message(found["data"]), int(found["failures"]))

    def note_sent(self, channel: str, message_id: str, *, number: int) -> bool:
        """It is told: it leaves its line. False where that was known."""
        return self._end(channel, message_id, number, "sent")

    def note_failure(
        self, channel: str, message_id: str, *, number: int, error: str, again_in: float | None
    ) -> bool:
        """It was not told. ``again_in``: seconds for which the channel rests; None: it never will be."""
        outcome = "later" if again_in is not None else "never"
        return self._end(channel, message_id, number, outcome, error, again_in or 0)

    def states(self, channels: Sequence[str]) -> list[ChannelState]:
        """How each channel fares, in one round trip."""
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for name in channels:
                pipeline.hgetall(key("signals", "channel", name))
                pipeline.llen(key("signals", "line", name))
            answers = pipeline.execute()
        return [
            _parse_state(name, record, pending)
            for name, record, pending in zip(channels, answers[::2], answers[1::2], strict=True)
        ]

    def failing(self, channels: Iterable[str]) -> dict[str, datetime]:
        """Those of the channels that fail, and since when; in one round trip."""
        with told_as_not_durable():
            known = self._redis.hgetall(key("signals", "failing"))
        return {name: moment(known[name]) for name in channels if name in known}

    def _take(self, cursor: str, place: str, messages: Iterable[Message], missed: Iterable[str] = ()) -> int:
        told = [
            {
                "id": one.id,
                "channel": one.channel,
                "subject": one.subject,
                "at": round(one.signal.at.timestamp() * 1000),
                "data": dump_message(one),
            }
            for one in messages
        ]
        oldest = _milliseconds(self._timing.oldest_event)
        return int(self._run(["take", cursor, place, oldest, json.dumps(told), json.dumps(list(missed))]))

    def _end(
        self, channel: str, message_id: str, number: int, outcome: str, error: str = "", rest: float = 0
    ) -> bool:
        wait, oldest = _milliseconds(rest), _milliseconds(self._timing.oldest_try)
        return bool(self._run(["end", channel, message_id, number, outcome, error, wait, oldest]))


def _parse(event_id: str, fields: Mapping[str, str]) -> Event | None:
    try:
        return parse_event(event_id, fields)
    except (KeyError, TypeError, ValueError):
        log.exception("an event is not understood: no signal tells of it", entry=event_id)
        return None


def _parse_state(name: str, record: Mapping[str, str], pending: int) -> ChannelState:
    return ChannelState(
        name=name,
        pending=int(pending),
        sent=int(record.get("sent", 0)),
        dropped=int(record.get("dropped", 0)),
        sent_at=find_moment(record.get("sent_at")),
        sent_id=record.get("sent_id", ""),
        failing_since=find_moment(record.get("failing_since")),
        error=record.get("error", ""),
        error_at=find_moment(record.get("error_at")),
        error_id=record.get("error_id", ""),
        next_try=find_moment(record.get("next_try")),
        dropped_at=find_moment(record.get("dropped_at")),
        dropped_why=record.get("dropped_why", ""),
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
