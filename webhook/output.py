"""A release's output: its lines as pages have them, the end of it, what was searched for, all of it as text.

Text that a command wrote is hostile: ``terminal`` makes it harmless.
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from webhook.terminal import colored_html, without_sequences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from release.records import LogLine

    Read = Callable[[str], Sequence[LogLine]]
    """Lines after the one of that id, a part at a time."""

LINES_SHOWN: Final = 1000
PARTS_READ: Final = 20
"""How many parts of a log, of a thousand lines each, are read at most: a log keeps about ten."""

_LINE_ID: Final = re.compile(r"[0-9]{1,18}(?:-[0-9]{1,18})?")
_LINE: Final = Markup(
    '<p id="line-{id}"><time datetime="{iso}">{clock}</time> <b>{stage}</b> <span>{text}</span></p>'
)


def line_html(line: LogLine) -> Markup:
    """One line, without a line break."""
    return _LINE.format(
        id=line.id,
        iso=line.at.isoformat(timespec="seconds"),
        clock=line.at.astimezone(UTC).strftime("%H:%M:%S"),
        stage=without_sequences(line.stage),
        text=Markup(colored_html(line.text).replace("\n", " ")),  # noqa: S704 -- still escaped
    )


def lines_html(lines: Iterable[LogLine]) -> str:
    """Several, each on a line of its own."""
    return "\n".join(line_html(line) for line in lines)


def line_text(line: LogLine) -> str:
    """One line as plain text."""
    at = line.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{at} {line.stage:<8} {without_sequences(line.text)}\n"


def find_last_lines(read: Read, wanted: str = "") -> tuple[list[LogLine], str]:
    """The end of a log, only of lines that have ``wanted`` in them, in any case; and its very last id."""
    lines: list[LogLine] = []
    last = "0"
    for part in parts_of(read):
        last = part[-1].id
        lines = [*lines, *(line for line in part if has(line, wanted))][-LINES_SHOWN:]
    return lines, last


def has(line: LogLine, wanted: str) -> bool:
    """Whether a line is what was searched for: by what it reads as, or by its stage."""
    return wanted.casefold() in f"{line.stage} {without_sequences(line.text)}".casefold()


def find_last_seen(*told: str | None) -> str:
    """The later of the ids by which a page says which line it has last; ``0``, the beginning, without any."""
    return max((one for one in told if one and _LINE_ID.fullmatch(one)), key=order, default="0")


def order(line_id: str) -> tuple[int, int]:
    """How ids of lines follow each other."""
    first, _, second = line_id.partition("-")
    return int(first), int(second or 0)


def parts_of(read: Read) -> Iterator[Sequence[LogLine]]:
    """A log, from its beginning."""
    after = "0"
    for _ in range(PARTS_READ):
        part = read(after)
        if not part:
            return
        yield part
        after = part[-1].id
