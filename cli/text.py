"""Text made fit to print: tags, reasons and logs may steer a terminal, and not every output has colors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ESCAPE_SEQUENCE: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])")
"""What programs send to color their output (CSI), to set titles and more (OSC, DCS), and the short forms."""

LOOKS: Final = re.compile(r"\x1b\[[0-9;:]{0,40}m")
"""Colors and weights (SGR): the one kind of sequence that changes nothing but how what follows looks."""

SHORT_COMMIT: Final = 10
"""Characters of a commit's id that people are shown."""

AS_BEFORE: Final = "\x1b[0m"
AGES: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def plain(text: object) -> str:
    """One line without escape sequences; what else is not printable is shown escaped."""
    without = ESCAPE_SEQUENCE.sub("", str(text)).replace("\t", "    ")
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in without)


def styled(text: str) -> str:
    """One line that keeps its colors and no other sequence, and ends as the terminal was before.

    What it is made of is either one of ``LOOKS`` or printable, so no new sequence can come together.
    """
    looks = LOOKS.findall(text)
    if not looks:
        return plain(text)
    told = [plain(part) for part in LOOKS.split(text)]
    return "".join(f"{part}{look}" for part, look in zip(told, [*looks, AS_BEFORE], strict=True))


def has_colors(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to write in color: to a terminal that can, or with FORCE_COLOR (force-color.org) anywhere.

    NO_COLOR (no-color.org) is stronger than both.
    """
    if environment.get("NO_COLOR"):
        return False
    return bool(environment.get("FORCE_COLOR")) or (is_terminal and environment.get("TERM") != "dumb")


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


def shown_age(seconds: float) -> str:
    """How long ago, in one unit: ``12 s``, ``5 min``, ``3 h``, ``4 d``."""
    for length, unit in AGES:
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, int(seconds))} s"


def duration(started: str | None, ended: str | None) -> str:
    """How long something took; empty where it has not begun or ended."""
    if not (started and ended):
        return ""
    return shown_seconds((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds())
