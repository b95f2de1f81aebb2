"""Which tags of Git nobody told us of: what Git lists against what was heard, as pure decisions.

What stood in Git when an app was compared for the first time is nobody's omission: it is known from then on
and starts nothing, then or later. With Redis emptied, or another repository, there is a first time again. A
tag that is gone from Git is remembered for a while: a host that lists nothing for a moment must not make
everything new, and a tag that comes back at another commit was moved.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from release.problems import ProblemDocument  # noqa: TC001 -- pydantic reads it where comparisons are parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GRACE: Final = timedelta(seconds=60)
"""How long the delivery of a tag may be under way before the tag counts as missed."""

REMEMBERED: Final = timedelta(days=90)
"""How long a tag is known that is gone from Git: as long as a delivery is known as a duplicate."""

RETRY_SECONDS: Final = 60
"""How soon a comparison that failed is tried again, where that is not due earlier."""

Told = frozenset[str]
"""Commits at which a tag was heard of; an empty text for one whose commit was not known then."""

NEVER: Final[Told] = frozenset()


class Heard(StrEnum):
    """How a tag at its commit was heard of."""

    BEFORE = "before"
    DELIVERED = "delivered"
    MISSED = "missed"
    MOVED = "moved"
    DISMISSED = "dismissed"

    @property
    def is_open(self) -> bool:
        """Whether a person is asked what shall become of it."""
        return self in {Heard.MISSED, Heard.MOVED}


@dataclass(frozen=True, slots=True)
class KnownTag:
    """A tag as it was last compared. ``since``: when it was first seen at this commit.

    ``was``: the commit that it was heard of at, where it was moved. ``gone_at``: since when Git lists it no
    more. ``by`` and ``reason``: who decided that it shall not be released, and why.
    """

    name: str
    commit: str
    heard: Heard
    since: datetime
    was: str = ""
    gone_at: datetime | None = None
    by: str = ""
    reason: str = ""

    @property
    def is_listed(self) -> bool:
        """Whether people are told of it: in Git, and never delivered; also where somebody dismissed it."""
        return self.gone_at is None and (self.heard.is_open or self.heard is Heard.DISMISSED)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The last comparison of an app. ``repository`` is the fingerprint of what was asked.

    ``compared_at``: of the last one that could be made. ``error``: why the one at ``tried_at`` could not.
    ``answered``: the last of the requests for one that it answers.
    """

    repository: str
    tried_at: datetime
    compared_at: datetime | None = None
    error: ProblemDocument | None = None
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """What a comparison found.

    ``changed`` is what is known now instead of before, ``forgotten`` what is known no more. ``found`` are
    those of ``changed`` that are open and were not known at their commits, in the order of their versions.
    """

    changed: tuple[KnownTag, ...] = ()
    forgotten: tuple[str, ...] = ()
    found: tuple[KnownTag, ...] = ()


def fingerprint(address: str) -> str:
    """An address of a repository made comparable: it may hold a password, which Redis must not."""
    return hashlib.sha256(address.encode()).hexdigest()[:32]


def is_due(last: Comparison | None, *, asked: int, interval: float, now: datetime) -> bool:
    """Whether to compare now: somebody asked (``asked`` counts requests), or ``interval`` seconds are over.

    An interval of 0 means on demand only.
    """
    if asked != (last.answered if last else 0):
        return True
    if not interval or last is None:
        return bool(interval)
    seconds = min(interval, RETRY_SECONDS) if last.error else interval
    return (now - last.tried_at).total_seconds() >= seconds


def find_unsettled(known: Mapping[str, KnownTag], listed: Mapping[str, str]) -> dict[str, str]:
    """Those of ``listed`` (tag → commit) of which it has to be found out whether they were heard of."""
    return {name: commit for name, commit in listed.items() if not _is_settled(known.get(name), commit)}


def compare(
    known: Mapping[str, KnownTag] | None,
    listed: Mapping[str, str],
    told: Mapping[str, Told],
    *,
    now: datetime,
) -> Difference:
    """What is new in Git. ``listed`` is tag → commit; ``known`` is None at an app's first comparison.

    ``told`` has the commits at which the unsettled tags were heard of.
    """
    if known is None:
        first = (KnownTag(name, commit, Heard.BEFORE, now) for name, commit in listed.items())
        return Difference(changed=tuple(first))
    judged = {
        name: _judge(name, commit, known.get(name), told.get(name, NEVER), now)
        for name, commit in listed.items()
    }
    left = {name: last for name, last in known.items() if name not in listed}
    gone = {name: replace(last, gone_at=now) for name, last in left.items() if last.gone_at is None}
    changed = [tag for name, tag in (judged | gone).items() if tag != known.get(name)]
    return Difference(
        changed=tuple(changed),
        forgotten=tuple(name for name, last in left.items() if _is_over(last, now)),
        found=sort_by_version(tag for tag in changed if _is_found(tag, known.get(tag.name))),
    )


def sort_by_version(tags: Iterable[KnownTag]) -> tuple[KnownTag, ...]:
    """The oldest version first, ``v1.9`` before ``v1.10``, ``v2.0-rc1`` before ``v2.0``.

    By version and not by date, as Git's list has no dates: the last to be queued, which older ones give way
    to where the app says so, is then the newest version.
    """
    return tuple(sorted(tags, key=lambda tag: _version_of(tag.name)))


def is_shown(tag: KnownTag, *, now: datetime) -> bool:
    """Whether people are asked about it by now."""
    return tag.is_listed and now - tag.since >= GRACE


def _is_settled(last: KnownTag | None, commit: str) -> bool:
    return last is not None and last.commit == commit and not last.heard.is_open


def _judge(name: str, commit: str, last: KnownTag | None, told: Told, now: datetime) -> KnownTag:
    same = last if last and last.commit == commit else None
    if same and not same.heard.is_open:
        return replace(same, gone_at=None)
    if commit in told or "" in told:
        return KnownTag(name, commit, Heard.DELIVERED, now)
    if same:
        return replace(same, gone_at=None)
    was = last.commit if last else min(told, default="")
    return KnownTag(name, commit, Heard.MOVED if was else Heard.MISSED, now, was=was)


def _is_found(tag: KnownTag, last: KnownTag | None) -> bool:
    return tag.gone_at is None and tag.heard.is_open and (last is None or last.commit != tag.commit)


def _is_over(last: KnownTag, now: datetime) -> bool:
    return last.gone_at is not None and now - last.gone_at > REMEMBERED


def _version_of(tag: str) -> tuple[object, ...]:
    """Numbers count as numbers; what follows a hyphen, but for the color, comes before the version itself."""
    core, _, before = tag.rpartition("-")[0].partition("-")
    return _parts_of(core), not before, _parts_of(before), tag


def _parts_of(text: str) -> tuple[tuple[bool, int, str], ...]:
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((not part[0].isdigit(), int(part) if part[0].isdigit() else 0, part) for part in parts)
