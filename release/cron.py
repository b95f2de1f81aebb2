"""When a cron expression comes, on the clocks of a time zone.

The expression is matched against what clocks show; what that means where clocks are changed is in
``wall_clock``: a time that they skip comes when they skip it, one that they show twice comes once, at first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cronsim import CronSim, CronSimError

from release.wall_clock import moment_at, wall_at

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

FIELDS: Final = 5
SECOND: Final = timedelta(seconds=1)
ANY_DAY: Final = datetime(2026, 1, 1)  # noqa: DTZ001 -- on the clock of whatever zone


def check_cron(text: str) -> str:
    """An expression of five fields that comes at all.

    Raises:
        ValueError: it is none, or no day of the next 50 years fits it, as 30 February.
    """
    try:
        comes = len(text.split()) == FIELDS and next(CronSim(text, ANY_DAY), None)
    except CronSimError as error:
        message = f'must be a time as cron has it, as in "0 17 * * fri": {error}'
        raise ValueError(message) from error
    if not comes:
        message = 'must be five fields that fit some day, as in "0 17 * * fri"'
        raise ValueError(message)
    return text


def find_last(cron: str, zone: ZoneInfo, *, at: datetime) -> datetime | None:
    """The last time that the expression came, ``at`` included; None if not in 50 years."""
    wall = wall_at(at, zone)
    # While clocks show an hour again, all of what they showed the first time is over.
    shown_again = at - moment_at(wall, zone)
    latest = (wall + shown_again).replace(microsecond=0) + SECOND
    moments = (moment_at(one, zone) for one in CronSim(cron, latest, reverse=True))
    return next((moment for moment in moments if moment <= at), None)


def find_next(cron: str, zone: ZoneInfo, *, after: datetime) -> datetime | None:
    """The next time that the expression comes after a moment; None if not in 50 years."""
    moments = (moment_at(one, zone) for one in CronSim(cron, wall_at(after, zone)))
    return next((moment for moment in moments if moment > after), None)
