"""What people say to the promote of a release: yes, no, or not by itself. No job comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.completing import ReleaseId
from cli.naming import by_tag
from cli.rule_words import told_approvals, told_stop
from cli.session import Session, client_command

if TYPE_CHECKING:
    from cli.client import Json

comment_option = click.option("--comment", default="", help="What there is to say; kept with the release.")


@click.command
@click.argument("release", metavar="TAG|ID", type=ReleaseId())
@comment_option
@client_command
@by_tag
def approve(session: Session, *, release: str, comment: str) -> None:
    """Say yes to the promote of a release.

    Each person counts once, and whoever pushed the tag can't.
    """
    _tell(session, "approved", session.client.post("releases", release, "approve", comment=comment))


@click.command
@click.argument("release", metavar="TAG|ID", type=ReleaseId())
@comment_option
@client_command
@by_tag
def reject(session: Session, *, release: str, comment: str) -> None:
    """Say no to the promote of a release.

    That is final: a fix needs a new tag.
    """
    _tell(session, "rejected", session.client.post("releases", release, "reject", comment=comment))


@click.command(name="stop-countdown")
@click.argument("release", metavar="TAG|ID", type=ReleaseId())
@click.option("--reason", default="", help="Why; kept with the release.")
@client_command
@by_tag
def stop_countdown(session: Session, *, release: str, reason: str) -> None:
    """Let a release not be promoted by itself.

    It can still be promoted by hand.
    """
    answer = session.client.post("releases", release, "stop-countdown", reason=reason)
    if session.is_json:
        session.dump(answer)
        return
    stopped = told_stop(answer["stopped"])
    session.tell(f"{answer['release']['tag']} is not promoted by itself: {stopped}")


def _tell(session: Session, said: str, answer: Json) -> None:
    if session.is_json:
        session.dump(answer)
    else:
        told = told_approvals(answer["approvals"]) or "no approval is needed"
        session.tell(f"{said} {answer['release']['tag']}: {told}")
