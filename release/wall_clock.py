"""Times on the clocks of a zone, and the moments that they stand for, also where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def check_zone(name: str) -> str:
    """The name of a time zone that this machine knows.

    Raises:
        ValueError: it knows none of that name. What ``zoneinfo`` raises depends on the name's characters.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = "no such time zone on this machine; use a name such as Europe/Berlin or UTC"
        raise ValueError(message) from error
    return name


def moment_at(wall: datetime, zone: ZoneInfo, *, is_last: bool = False) -> datetime:
    """The moment at which clocks of a zone show ``wall``, which has no zone of its own.

    A time that they skip is the moment at which they do so; of a time that they show twice it is the first
    one, or with ``is_last`` the last. So a later time on the clock is never an earlier moment.
    """
    moment = wall.replace(tzinfo=zone, fold=int(is_last)).astimezone(UTC)
    while wall_at(moment, zone) != wall:
        wall = wall.replace(second=0, microsecond=0) + timedelta(minutes=1)
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
    return moment


def wall_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks of a zone show at a moment, without the zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
