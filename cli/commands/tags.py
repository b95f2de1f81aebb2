"""`verdigris tags`: what is in Git and was never delivered; a worker compares, also on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli import tables
from cli.completing import AppName, MissedTag
from cli.failures import Exit, Failure
from cli.following import Asking
from cli.session import Session, client_command

if TYPE_CHECKING:
    from cli.client import Json

TIMEOUT: Final = 90.0
"""Seconds: Git may take 30 of them, and another app's Git as many before."""


@click.command
@click.argument("app", type=AppName())
@click.option("--compare", is_flag=True, help="Compare now, and wait for it.")
@click.option(
    "--dismiss",
    metavar="TAG",
    type=MissedTag(),
    help="Decide against one: it is not told as missed any more.",
)
@click.option("--reason", default="", help="With --dismiss: why; kept with the tag.")
@client_command
def tags(session: Session, *, app: str, compare: bool, dismiss: str | None, reason: str) -> None:
    """Tags that are in Git and were never delivered.

    None of them starts by itself. `verdigris deploy APP TAG` releases one.
    """
    if reason and not dismiss:
        raise click.UsageError("--reason is for --dismiss")
    if dismiss:
        answer = session.client.post("apps", app, "tags", "dismiss", tag=dismiss, reason=reason)
    elif compare:
        answer = _compare(session, app)
    else:
        answer = session.client.get("apps", app, "tags")
    failure = _find_failure(answer) if compare else None
    if not session.is_json:
        tables.print_tags(answer)
    elif failure is None:
        session.dump(answer)
    if failure:
        raise failure


def _find_failure(answer: Json) -> Failure | None:
    """Why a comparison failed; in JSON what is known so far stands beside."""
    error = answer["error"]
    if not error:
        return None
    failure = Failure("the tags could not be compared", detail=error["detail"], next_step=error["next_step"])
    failure.beside = {**answer, "error": {**error, "exit_code": int(Exit.FAILED)}}
    return failure


def _compare(session: Session, app: str) -> Json:
    """Ask for a comparison and wait for it.

    Raises:
        Failure: no worker has made it in time.
    """
    asking = Asking(session.client, session.surroundings, TIMEOUT, session.tell)
    answer = session.client.post("apps", app, "tags", "compare")
    try:
        while answer["is_asked"]:
            asking.pause(what="not compared")
            answer = asking.get("apps", app, "tags")
    except Failure as failure:
        failure.next_step = failure.next_step or "see whether a worker runs; its comparison is shown later"
        raise
    return answer
