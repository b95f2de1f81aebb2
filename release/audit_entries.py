"""What stands in the audit trail, and what one may look for in it. Plain values; nothing here asks Redis."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

from release.model import Actor
from release.records import dump, moment
from release.roles import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANGE: Final = "change"
"""The action of an entry that is a step in a release's life, whoever's request caused it."""

SIGN_IN: Final = "sign-in"
"""The action of an entry about somebody whom the provider vouches for, and who has no role here."""

LONGEST: Final = {"actor": 256, "address": 64, "app": 64, "release": 64, "reason": 1000, "why": 64}
"""Characters of what others write; the rest is cut, so that no entry is worth a thousand."""

LARGEST_STATE: Final = 4096
"""Characters of ``before`` or ``after`` as JSON. What is larger is a mistake of ours, and left out."""

KINDS: Final = frozenset({"git", "token", "person", "direct", "cluster", "verdigris"})
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

ActionName = Action | Literal["change", "sign-in"]


class Outcome(StrEnum):
    """What became of it. ``accepted``: a worker carries it out later."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """What is entered.

    ``address``: of the sender; empty where there was none. ``why``: the slug of a refusal. ``before`` and
    ``after``: what it changed, small and without secrets.
    """

    actor: Actor
    action: ActionName
    outcome: Outcome
    address: str = ""
    app: str = ""
    release: str = ""
    reason: str = ""
    why: str = ""
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)

    def as_record(self) -> dict[str, str]:
        """The fields that the scripts write."""
        return {
            **{name: _cut(str(getattr(self, name)), most) for name, most in LONGEST.items()},
            "action": str(self.action),
            "outcome": str(self.outcome),
            "before": _dump_state(self.before),
            "after": _dump_state(self.after),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(NewEntry):
    """What was entered. ``number`` counts from 1 and goes on where entries were cut at the beginning."""

    id: str
    at: datetime
    number: int

    @classmethod
    def parse(cls, entry_id: str, record: Mapping[str, str]) -> Entry:
        """Read what a script wrote."""
        return cls(
            id=entry_id,
            at=moment(entry_id.partition("-")[0]),
            number=int(record["n"]),
            actor=Actor.parse(record["actor"]),
            action=_parse_action(record["action"]),
            outcome=Outcome(record["outcome"]),
            address=record["address"],
            app=record["app"],
            release=record["release"],
            reason=record["reason"],
            why=record["why"],
            before=json.loads(record["before"]),
            after=json.loads(record["after"]),
        )

    def as_json(self) -> dict[str, Any]:
        """As the API and the export show it; null for what does not apply."""
        return {
            "id": self.id,
            "number": self.number,
            "at": self.at.isoformat(timespec="milliseconds"),
            "actor": {"kind": self.actor.kind, "name": self.actor.name},
            "address": self.address or None,
            "action": str(self.action),
            "app": self.app or None,
            "release": self.release or None,
            "reason": self.reason,
            "outcome": str(self.outcome),
            "why": self.why or None,
            "before": dict(self.before),
            "after": dict(self.after),
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted: those that fit everything that is named.

    ``actor``: ``token:ci``, or a name alone for whoever has it. ``since`` itself counts, ``until`` does not.
    """

    app: str | None = None
    actor: str | None = None
    action: str | None = None
    release: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def named(self) -> dict[str, str]:
        """What is named besides times."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, str)}

    def fits(self, record: Mapping[str, str]) -> bool:
        """Whether an entry is wanted, by its fields. Its time is a matter of where one looks."""
        return all(self.has(name, record[name]) for name in self.named)

    def has(self, name: str, value: str) -> bool:
        """Whether an entry with this value is wanted, as far as this field goes."""
        if name != "actor":
            return bool(value == self.named[name])
        kind, wanted = split_actor(self.named[name])
        found = Actor.parse(value)
        return found.name == wanted and kind in {None, found.kind}


def split_actor(text: str) -> tuple[str | None, str]:
    """Kind and name of who is looked for. Names may have colons, so only a known kind is one."""
    kind, colon, name = text.partition(":")
    return (kind, name) if colon and kind in KINDS else (None, text)


def milliseconds(time: datetime) -> int:
    """The first millisecond that is not before ``time``: entries know no finer time."""
    return max(0, -((EPOCH - time) // timedelta(milliseconds=1)))


def _parse_action(text: str) -> ActionName:
    if text == CHANGE:
        return CHANGE
    return SIGN_IN if text == SIGN_IN else Action(text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _dump_state(state: Mapping[str, object]) -> str:
    text = dump(dict(state))
    return text if len(text) <= LARGEST_STATE else dump({"cut": f"{len(text)} characters"})
