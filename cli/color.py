"""Whether this command writes in color: what the environment says, and --no-color, which is stronger."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Any

import click

from cli.text import has_colors, plain

if TYPE_CHECKING:
    from collections.abc import Callable


def color_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add --no-color."""

    def refuse_color(context: click.Context, _: click.Parameter, is_plain: bool) -> None:  # noqa: FBT001 -- click's
        if is_plain:
            context.color = False

    option = click.option(
        "--no-color",
        is_flag=True,
        expose_value=False,
        callback=refuse_color,
        help="No colors, as with NO_COLOR in the environment.",
    )
    return option(function)


def shows_color(file: IO[Any] | None = None) -> bool:
    """Whether to write in color to ``file``, which is stdout unless told otherwise."""
    context = click.get_current_context(silent=True)
    if context is not None and context.color is False:
        return False
    return has_colors(os.environ, is_terminal=(file or sys.stdout).isatty())


def say(text: str, *, fg: str | None = None, bold: bool = False) -> None:
    """Write one line to stdout in this color, where there are colors."""
    is_colored = shows_color()
    shown = click.style(plain(text), fg=fg, bold=bold) if is_colored else plain(text)
    click.echo(shown, color=is_colored)
