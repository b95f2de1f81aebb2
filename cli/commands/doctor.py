"""`verdigris doctor`: look at a fresh installation, and tell each fault with its fix.

It works on its own, with the environment and configuration of a worker. What is looked at is in
``worker.checkup``; here it is printed.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

import click

from cli.color import color_option, shows_color
from cli.failures import Exit, Failure
from cli.text import plain
from release.environment import Settings
from release.references import ConfigError
from worker.checkup.checkup import UnknownApp, Wish, examine
from worker.checkup.lines import Grade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.checkup.lines import Line

COLORS: Final = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.FAILED: "red"}
WIDTH: Final = max(len(grade) for grade in Grade) + 1


@click.command
@click.option("--app", metavar="NAME", help="Look at this app's cluster, gateway and repository only.")
@click.option("--url", metavar="URL", help="Address of the web process, to ask it as well.")
@click.option("--json", "is_json", is_flag=True, help="Write JSON, for programs.")
@color_option
def doctor(app: str | None, url: str | None, *, is_json: bool) -> None:
    """Check an installation; each fault with its fix.

    Redis, workers, clusters, rights, Istio, gateways, Git, webhooks, clocks. Nothing is changed. Run it
    where a worker runs: it needs a worker's environment and configuration.

    Exit code 0: all is well, warnings aside. 1: something failed.
    """
    try:
        wish = Wish(Settings.read(os.environ), os.environ, app=app, web=url)
        found = examine(wish)
    except ConfigError as error:
        raise Failure("the environment can't be used", detail=str(error), code=Exit.USAGE) from None
    except UnknownApp as error:
        raise Failure("no such app", detail=str(error), code=Exit.USAGE) from None
    lines = []
    for line in found:
        lines.append(line)
        if not is_json:
            _print(line)
    if is_json:
        click.echo(json.dumps(as_json(lines)))
    else:
        click.echo(summary(lines))
    if any(line.grade is Grade.FAILED for line in lines):
        raise click.exceptions.Exit(Exit.FAILED)


def as_json(lines: Sequence[Line]) -> dict[str, object]:
    """The checkup for programs."""
    return {
        "healthy": all(line.grade is not Grade.FAILED for line in lines),
        "checks": [line.as_json() for line in lines],
    }


def summary(lines: Sequence[Line]) -> str:
    """How many of each grade, the bad ones first."""
    counts = Counter(line.grade for line in lines)
    return ", ".join(f"{counts[grade]} {grade}" for grade in reversed(Grade) if counts[grade])


def _print(line: Line) -> None:
    """One line, which ``grep`` finds whole; on a terminal the fix has one of its own."""
    is_terminal = sys.stdout.isatty()
    grade = f"{line.grade:<{WIDTH}}"
    is_colored = shows_color()
    if is_colored:
        grade = click.style(grade, fg=COLORS[line.grade], bold=line.grade is not Grade.OK)
    gap = f"\n{' ' * WIDTH}" if is_terminal else "; "
    fix = f"{gap}fix: {plain(line.fix)}" if line.fix else ""
    click.echo(f"{grade}{plain(line.about)}: {plain(line.found)}{fix}", color=is_colored)
