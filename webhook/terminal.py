"""Output of commands as pages show it: colors as classes, and nothing else that steers a terminal.

Logs are kept as commands wrote them; each door out makes them harmless in its own way: this one for pages,
``cli.text`` for terminals. Of the escape sequences only SGR has a meaning here (ECMA-48, 8.3.117). The
libraries that turn it into HTML take other sequences for text, or write styles into the page, which its
policy forbids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from webhook.filters import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

COLORS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_PARTS: Final = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0)),
    *((0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)),
)
"""Red, green and blue of each, to find the nearest of a color that programs mix themselves."""

_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)(?P<parameters>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~]?)"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS and the like
    r"|\x1b[ -/]*[0-~]?"  # all else that begins so
)
_NUMBERS: Final = re.compile(r"[0-9]{0,3}(?:[;:][0-9]{0,3}){0,31}")


@dataclass(frozen=True, slots=True)
class _Look:
    """How what follows is written."""

    text: str = ""
    back: str = ""
    is_bold: bool = False
    is_faint: bool = False
    is_italic: bool = False
    is_underlined: bool = False

    def classes(self) -> str:
        flags = {
            "bold": self.is_bold,
            "faint": self.is_faint,
            "italic": self.is_italic,
            "underlined": self.is_underlined,
        }
        named = [f"ink-{self.text}"] if self.text else []
        named += [f"paper-{self.back}"] if self.back else []
        return " ".join([*named, *(name for name, is_on in flags.items() if is_on)])


PLAIN: Final = _Look()
_FLAGS: Final[dict[int, dict[str, Any]]] = {
    1: {"is_bold": True},
    2: {"is_faint": True},
    3: {"is_italic": True},
    4: {"is_underlined": True},
    22: {"is_bold": False, "is_faint": False},
    23: {"is_italic": False},
    24: {"is_underlined": False},
}


def colored_html(text: str) -> Markup:
    """A line of output, escaped, its colors as ``span`` with classes of ``style.css``."""
    return Markup("").join(_spans(text))


def without_sequences(text: str) -> str:
    """A line of output without any escape sequence, what else is not printable written out."""
    return printable(_SEQUENCE.sub("", text))


def _spans(text: str) -> Iterator[Markup]:
    look, begun = PLAIN, 0
    for found in _SEQUENCE.finditer(text):
        yield _span(text[begun : found.start()], look)
        begun = found.end()
        if found["final"] == "m" and not found["between"] and _NUMBERS.fullmatch(found["parameters"]):
            look = _follow(look, [int(one or 0) for one in re.split("[;:]", found["parameters"])])
    yield _span(text[begun:], look)


def _span(text: str, look: _Look) -> Markup:
    shown = escape(printable(text))
    classes = look.classes()
    return Markup('<span class="{}">{}</span>').format(classes, shown) if text and classes else shown


def _follow(look: _Look, numbers: list[int]) -> _Look:
    """The look after a sequence's numbers. What is unknown, as blinking, changes nothing."""
    left = iter(numbers)
    for number in left:
        if number == 0:
            look = PLAIN
        elif number in _FLAGS:
            look = replace(look, **_FLAGS[number])
        elif number in {38, 48}:
            color = _mixed(left)
            look = replace(look, text=color) if number == 38 else replace(look, back=color)  # noqa: PLR2004 -- SGR's own
        else:
            look = _dye(look, number)
    return look


def _dye(look: _Look, number: int) -> _Look:
    """30 to 37 and 90 to 97 color the text, 40 to 47 and 100 to 107 what is behind; 39 and 49 undo it."""
    tens, color = divmod(number, 10)
    name = COLORS[color] if color < len(COLORS) else ""
    is_undone = color == 9  # noqa: PLR2004 -- SGR's own
    if tens in {3, 9} and (name or number == 39):  # noqa: PLR2004 -- the same
        return replace(look, text="" if is_undone else name)
    if tens in {4, 10} and (name or number == 49):  # noqa: PLR2004 -- the same
        return replace(look, back="" if is_undone else name)
    return look


def _mixed(numbers: Iterator[int]) -> str:
    """The color after 38 or 48: ``5;n`` of a table of 256, or ``2;r;g;b``. The nearest that we have."""
    form = next(numbers, 0)
    if form == 5:  # noqa: PLR2004 -- SGR's own
        return _of_table(next(numbers, 0))
    if form == 2:  # noqa: PLR2004 -- the same
        return _nearest(next(numbers, 0), next(numbers, 0), next(numbers, 0))
    return ""


def _of_table(number: int) -> str:
    """Of xterm's 256: sixteen by name, a cube of six steps a side, and grays."""
    if number < 2 * len(COLORS):
        return COLORS[number % len(COLORS)]
    if number < 232:  # noqa: PLR2004 -- the first gray
        red, rest = divmod(number - 16, 36)
        green, blue = divmod(rest, 6)
        return _nearest(red * 51, green * 51, blue * 51)
    gray = (number - 232) * 10 + 8
    return _nearest(gray, gray, gray)


def _nearest(*parts: int) -> str:
    def distance(color: tuple[int, int, int]) -> int:
        return sum((one - other) ** 2 for one, other in zip(parts, color, strict=True))

    return COLORS[min(range(len(COLORS)), key=lambda index: distance(_PARTS[index]))]
