"""When an app is frozen: deploys wait then, and promotes are refused. Pure; a rollback never asks here.

Windows that overlap, or of which one begins where another ends, are one freeze to whoever waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from release.cron import find_last, find_next
from release.rules import RepeatedFreeze

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from release.rules import Freeze

MOST_JOINED: Final = 100
"""How many windows that join are followed: every hour for an hour never ends."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze that is on ``until`` a moment, which is not part of it any more.

    ``reason``: those of all windows that it is made of. ``is_open_end``: it goes on at ``until`` as well, and
    nobody looked further.
    """

    until: datetime
    reason: str
    is_open_end: bool = False

    def tell_end(self) -> str:
        """``2026-12-27 00:00 UTC``, or that it lasts at least until then."""
        return f"{'at least ' if self.is_open_end else ''}{self.until:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Coming:
    """The next freeze: when it begins, and what it is then."""

    at: datetime
    freeze: Frozen


def find_freeze(freezes: Sequence[Freeze], now: datetime) -> Frozen | None:
    """The freeze that is on, to the end of the last window that joins without a gap."""
    until, reasons, joined = now, dict[str, None](), 0
    while (found := _find_windows(freezes, until)) and joined < MOST_JOINED:
        until = max(end for end, _ in found)
        reasons |= dict.fromkeys(reason for _, reason in found if reason)
        joined += 1
    if not joined:
        return None
    return Frozen(until.astimezone(UTC), "; ".join(reasons), is_open_end=bool(found))


def find_next_freeze(freezes: Sequence[Freeze], now: datetime) -> Coming | None:
    """The freeze after the one that is on, or the next where none is."""
    current = find_freeze(freezes, now)
    if current and current.is_open_end:
        return None
    after = current.until if current else now
    begins = [at for at in (_find_begin(one, after) for one in freezes) if at]
    freeze = find_freeze(freezes, min(begins)) if begins else None
    return Coming(min(begins).astimezone(UTC), freeze) if freeze else None


def _find_windows(freezes: Sequence[Freeze], at: datetime) -> list[tuple[datetime, str]]:
    """End and reason of each window that is on at a moment."""
    ends = ((_find_end(one, at), one.reason) for one in freezes)
    return [(end, reason) for end, reason in ends if end]


def _find_end(freeze: Freeze, at: datetime) -> datetime | None:
    """The end of the window that is on; of a repeated one the last that began, as it ends last."""
    if isinstance(freeze, RepeatedFreeze):
        began = find_last(freeze.cron, ZoneInfo(freeze.zone), at=at)
        end = began + timedelta(seconds=freeze.lasts) if began else at
        return end if end > at else None
    return freeze.ends_at if freeze.begins_at <= at < freeze.ends_at else None


def _find_begin(freeze: Freeze, after: datetime) -> datetime | None:
    if isinstance(freeze, RepeatedFreeze):
        return find_next(freeze.cron, ZoneInfo(freeze.zone), after=after)
    return freeze.begins_at if freeze.begins_at > after else None
