"""Which events people and programs outside are told of, and what they are told; as pure decisions.

How it is written for each kind of channel is in ``signal_texts``, what waits to be sent in ``signal_lines``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from release.channels import Topic
from release.events import EventKind
from release.model import JobKind, JobState, State
from release.tag import shown

if TYPE_CHECKING:
    from release.channels import CommitStatusChannel, SlackChannel, WebhookChannel
    from release.config import Config
    from release.events import Event
    from release.model import Job, Release

    AnyChannel = SlackChannel | WebhookChannel | CommitStatusChannel

LONGEST: Final = 600
"""Characters of one text: a failure's reason may be a page long."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something to tell. ``what`` is a sentence, ``next_step`` what to do about it; either may be cut.

    ``topics``: what it is about, the closest first; a channel is told under the first that it asks for.
    ``stage`` and ``state`` are those of a stage. ``id`` is the event's.
    """

    id: str
    topics: tuple[Topic, ...]
    app: str
    at: datetime
    what: str
    release_id: str = ""
    tag: str = ""
    color: str = ""
    commit: str = ""
    actor: str = ""
    reason: str = ""
    next_step: str = ""
    stage: str = ""
    state: str = ""

    @property
    def topic(self) -> Topic:
        """What it is about."""
        return self.topics[0]


@dataclass(frozen=True, slots=True)
class Message:
    """A signal for one channel. ``id`` is the same however often it is sent, so that receivers can tell.

    ``subject``: of two messages with the same one, the older is of no use once the newer is there.
    """

    id: str
    channel: str
    signal: Signal
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beside an event when it is told. ``missing``: approvals that the release still needs."""

    release: Release | None = None
    job: Job | None = None
    missing: int = 0


def find_signal(event: Event, facts: Facts) -> Signal | None:
    """What there is to tell of an event; None for most."""
    find = FINDERS.get(event.kind)
    found = find(event, facts) if find else None
    if found is None:
        return None
    release = facts.release
    known = replace(found, color=release.color, commit=release.commit) if release else found
    return _cut(known)


def address(signal: Signal, config: Config) -> list[Message]:
    """A message for each channel that asks for such a signal of such an app."""
    app = config.find_app(signal.app)
    return [
        _message(signal, name, topic)
        for name, channel in config.channels.items()
        if app and channel.covers(signal.app, app.webhook)
        if (topic := next((one for one in signal.topics if one in channel.topics), None))
    ]


def make_test(name: str, *, id: str, actor: str, at: datetime) -> Message:  # noqa: A002 -- as the field
    """What tries a channel."""
    what = f"This is a test of the channel {name}: it works."
    signal = Signal(id, (Topic.TEST,), "", at, what, actor=shown(actor))
    return _message(signal, name, Topic.TEST)


def dump_message(message: Message) -> str:
    """As it waits in Redis."""
    return json.dumps(asdict(message), default=datetime.isoformat)


def parse_message(text: str) -> Message:
    """Read back what ``dump_message`` wrote."""
    data = json.loads(text)
    signal = data.pop("signal")
    topics = tuple(Topic(one) for one in signal.pop("topics"))
    at = datetime.fromisoformat(signal.pop("at"))
    return Message(**data, signal=Signal(topics=topics, at=at, **signal))


def _message(signal: Signal, channel: str, topic: Topic) -> Message:
    is_state = topic is Topic.STAGE
    subject = f"{signal.app} {signal.commit} {signal.stage}" if is_state and signal.commit else ""
    # No dot: receivers of Standard Webhooks separate what is signed by it.
    return Message(f"{signal.id}_{channel}", channel, replace(signal, topics=(topic,)), subject)


def _of_release(event: Event, facts: Facts) -> Signal | None:
    """A step of a release. One that is read back from a cluster comes from nowhere: nothing has happened."""
    if not event.data.get("from"):
        return None
    state, tag = State(event.data["to"]), event.data["tag"]
    if state is State.READY:
        return _ready(event, facts.missing)
    if state is State.LIVE:
        return _signal(event, Topic.LIVE, what=f"{event.app}: {tag} is live, every user gets it.")
    if state is State.ROLLED_BACK:
        what = f"{event.app}: {tag} was rolled back, users were moved away from it."
        return _signal(event, Topic.ROLLED_BACK, what=what, next_step="See why, and push a fixed tag.")
    return None


def _ready(event: Event, missing: int) -> Signal:
    tag = event.data["tag"]
    if missing:
        people = "1 approval" if missing == 1 else f"{missing} approvals"
        return _signal(
            event,
            Topic.WAITING_FOR_APPROVAL,
            Topic.READY,
            what=f"{event.app}: {tag} has passed its stages and waits for {people}.",
            next_step="Approve or reject it.",
        )
    what = f"{event.app}: {tag} is ready, all stages passed."
    return _signal(event, Topic.READY, what=what, next_step=f"verdigris promote {event.app}")


def _of_job(event: Event, facts: Facts) -> Signal | None:
    if event.data["state"] != JobState.FAILED:
        return None
    kind, tag = JobKind(event.data["kind"]), event.data["tag"]
    problem = facts.job.problem if facts.job else None
    found = _signal(event, Topic.FAILED, what=f"{event.app}: the {kind} of {tag} failed.")
    if problem is None:
        return found
    return replace(found, reason=f"{problem.title}: {problem.detail}", next_step=problem.next_step)


def _of_stage(event: Event, facts: Facts) -> Signal:
    del facts
    stage, state = event.data["stage"], event.data["state"]
    what = f"{event.app}: {stage} of {event.data['tag']} {'runs' if state == 'running' else state}."
    return replace(_signal(event, Topic.STAGE, what=what), stage=stage, state=state)


def _of_interference(event: Event, facts: Facts) -> Signal:
    del facts
    data = event.data
    found = _signal(event, Topic.GITOPS_REVERT, what=f"{event.app}: {data['what']}")
    return replace(found, reason=data["users"], next_step=data["next_step"])


def _of_wait(event: Event, facts: Facts) -> Signal:
    del facts
    data = event.data
    what = f"{event.app}: the {data['kind']} of {data['tag']} is stuck in the queue {data['queue']}."
    return replace(_signal(event, Topic.QUEUE_STUCK, what=what), reason=data["text"])


FINDERS: Final = {
    EventKind.RELEASE: _of_release,
    EventKind.JOB: _of_job,
    EventKind.STAGE: _of_stage,
    EventKind.INTERFERENCE: _of_interference,
    EventKind.STUCK: _of_wait,
}


def _signal(event: Event, *topics: Topic, what: str, next_step: str = "") -> Signal:
    return Signal(
        event.id,
        topics,
        event.app,
        event.at,
        what,
        release_id=event.release_id,
        tag=event.data.get("tag", ""),
        color=event.data.get("color", ""),
        actor=event.data.get("actor", ""),
        reason=event.data.get("reason", ""),
        next_step=next_step,
    )


def _cut(signal: Signal) -> Signal:
    """Each text on one line, without what a terminal or a chat would take for more than text."""
    return replace(
        signal,
        what=_one_line(signal.what),
        tag=_one_line(signal.tag),
        actor=_one_line(signal.actor),
        reason=_one_line(signal.reason),
        next_step=_one_line(signal.next_step),
    )


def _one_line(text: str) -> str:
    line = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split())
    )
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
