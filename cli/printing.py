"""How things are drawn: tables, lists and lines, as wide as the terminal is, in color where it can show them.

Values are put into cells as plain text, never as markup. A pipe gets whole lines, a terminal gets them
wrapped.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.color import shows_color
from cli.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

STYLES: Final = {
    "live": "green",
    "ready": "cyan",
    "done": "green",
    "passed": "green",
    "failed": "red",
    "running": "yellow",
    "blue": "blue",
    "green": "green",
}
PIPE_WIDTH: Final = 10_000
IDS: Final = frozenset({"release", "job"})
"""Columns of what is copied: whole, as long as another one can give way."""


def make_console() -> Console:
    """A console for stdout that has heard what is wanted of colors."""
    is_colored = shows_color()
    return Console(
        file=sys.stdout,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=not is_colored,
        force_terminal=True if is_colored else sys.stdout.isatty(),
    )


def show(content: RenderableType) -> None:
    """Print as wide as the terminal is; into a pipe as wide as it gets, without blanks at line ends."""
    console = make_console()
    if sys.stdout.isatty():
        console.print(content)
        return
    console.width = PIPE_WIDTH
    with console.capture() as capture:
        console.print(content)
    for line in capture.get().splitlines():
        click.echo(line.rstrip(), color=shows_color())


def show_line(text: str, *, style: str = "") -> None:
    """Print lines of text."""
    show(Text("\n".join(plain(line) for line in text.split("\n")), style=style))


def make_cell(value: object) -> Text:
    """A value as a cell; states and colors have a color of their own."""
    if isinstance(value, Text):
        return value
    text = plain(value if value is not None else "")
    return Text(text, style=STYLES.get(text, ""))


def make_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Rows under headings."""
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in columns:
        table.add_column(column.upper(), overflow="fold", no_wrap=column in IDS)
    for row in rows:
        table.add_row(*(make_cell(value) for value in row))
    return table


def make_list(fields: dict[str, object]) -> Table:
    """Names and values; what is empty is left out."""
    table = Table.grid(padding=(0, 2))
    for name, value in fields.items():
        if value not in (None, ""):
            table.add_row(Text(name, style="bold"), make_cell(value))
    return table


def show_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows under headings."""
    show(make_table(columns, rows))


def show_list(fields: dict[str, object]) -> None:
    """Print names and values."""
    show(make_list(fields))
