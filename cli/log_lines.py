"""How the lines of a log are written: in the colors that the app gave them, where there are colors.

Nothing of a line can steer the terminal: only colors and weights pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.color import shows_color
from cli.text import clock_time, plain, styled

if TYPE_CHECKING:
    from cli.client import Json


def print_line(line: Json) -> None:
    """One line of a log, with its time in UTC and its stage."""
    is_colored = shows_color()
    text = styled(line["text"]) if is_colored else plain(line["text"])
    click.echo(f"{clock_time(line['at'])} {plain(line['stage']):<8} {text}", color=is_colored)
