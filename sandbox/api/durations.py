"""Ages as kubectl prints them: `5s`, `4m12s`, `84m`, `3h5m`, `2d4h`."""

import sys
from datetime import UTC, datetime

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400

# Up to how many seconds which units are shown: one or two of them, as (seconds, letter).
_FORMS = (
    (2 * MINUTE, ((1, "s"),)),
    (10 * MINUTE, ((MINUTE, "m"), (1, "s"))),
    (3 * HOUR, ((MINUTE, "m"),)),
    (8 * HOUR, ((HOUR, "h"), (MINUTE, "m"))),
    (2 * DAY, ((HOUR, "h"),)),
    (8 * DAY, ((DAY, "d"), (HOUR, "h"))),
    (2 * YEAR, ((DAY, "d"),)),
    (sys.maxsize, ((YEAR, "y"), (DAY, "d"))),
)


def format_age(timestamp: str | None, now: datetime) -> str:
    """How long ago a Kubernetes time was, `<unknown>` without one."""
    if not timestamp:
        return "<unknown>"
    then = datetime.fromisoformat(timestamp).astimezone(UTC)
    return format_duration(int((now - then).total_seconds()))


def format_duration(seconds: int) -> str:
    """Seconds in the short form: a second unit while it matters and is not zero; nothing is ever negative."""
    rest = max(seconds, 0)
    units = next(units for limit, units in _FORMS if rest < limit)
    shown = ""
    for size, letter in units:
        count, rest = divmod(rest, size)
        if count or not shown:
            shown += f"{count}{letter}"
    return shown
