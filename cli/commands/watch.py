"""`verdigris watch`: apps as they change, on a page of the terminal's own, or as a line for each change."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import click

from cli.completing import AppName
from cli.failures import Exit
from cli.session import Session, client_command
from cli.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERVAL: Final = 2.0


@click.command
@click.argument("app", required=False, type=AppName())
@click.option(
    "--interval",
    type=click.FloatRange(min=0.5, max=3600),
    default=INTERVAL,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@client_command
def watch(session: Session, *, app: str | None, interval: float) -> None:
    """Apps as they change, until Ctrl-C.

    A server that is away is asked again until it is back. Where stdout is no terminal there is a line for
    each change; with --json a JSON object.
    """
    looking = Watch(session.client, session.surroundings, app, interval)
    try:
        with ended_by_sigterm():
            if not session.is_json and is_page_possible():
                from cli.watch_page import show_page  # noqa: PLC0415 -- slow to import

                show_page(looking)
            for seen in looking.run():
                if session.is_json:
                    session.dump(seen.as_json())
                else:
                    click.echo(seen.told())
    except KeyboardInterrupt:
        raise click.exceptions.Exit(Exit.INTERRUPTED) from None


def is_page_possible() -> bool:
    """Whether stdout is a terminal that knows how to put a page aside."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """As by Ctrl-C: the terminal is left as it was then, too."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
