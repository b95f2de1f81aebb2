"""Text made fit to print: tags, reasons and logs may steer a terminal, and not every output has colors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ESCAPE_SEQUENCE: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])")
"""What programs send to color their output (CSI), to set titles (OSC), and the short forms."""


def plain(text: object) -> str:
    """One line without escape sequences; what else is not printable is shown escaped."""
    without = ESCAPE_SEQUENCE.sub("", str(text)).replace("\t", "    ")
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in without)


def has_colors(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to write in color: to a terminal, unless somebody said NO_COLOR (no-color.org)."""
    return is_terminal and not environment.get("NO_COLOR")


def told_actor(actor: Mapping[str, str]) -> str:
    """``token:ci``, as it is kept."""
    return f"{actor['kind']}:{actor['name']}"


def shown_time(text: str | None) -> str:
    """A time of the API's, to the second, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if text else ""


def clock_time(text: str) -> str:
    """The time of day in UTC, for the lines of a log."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%H:%M:%S}"


def shown_seconds(seconds: float) -> str:
    """A duration for people: ``4 s``, ``3 min 5 s``, ``2 h 0 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def duration(started: str | None, ended: str | None) -> str:
    """How long something took; empty where it has not begun or ended."""
    if not (started and ended):
        return ""
    return shown_seconds((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds())
