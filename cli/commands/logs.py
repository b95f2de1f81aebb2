"""`verdigris logs`: what the stages of a release said, also while they say it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

from cli.completing import AppName, AppOrReleaseId
from cli.failures import Failure, Refusal
from cli.following import Asking, check_outcome, follow_log, new_lines
from cli.log_lines import print_line
from cli.naming import find_id, is_tag
from cli.session import Session, client_command
from cli.text import plain
from release.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.client import Json

APP_NAME: Final = re.compile(r"[-a-z0-9]+$")
"""The names of apps are in lower case, the ids of releases in upper case; a tag may look like an app's."""


@click.command
@click.argument("subject", metavar="TAG|ID|APP", type=AppOrReleaseId())
@click.option("--app", type=AppName(), help="Whose release, where several apps have one of that tag.")
@click.option("-f", "--follow", is_flag=True, help="Go on until none of its jobs waits or runs.")
@client_command
def logs(session: Session, *, subject: str, app: str | None, follow: bool) -> None:
    """The log of a release, or of the newest one of an app.

    With --follow the exit code tells how the last job of the release ended. With --json, each line is a JSON
    object of its own.
    """

    def show_line(line: Json) -> None:
        if session.is_json:
            session.dump(line)
        else:
            print_line(line)

    asking = Asking(
        session.client, session.surroundings, None, lambda text: click.echo(plain(text), err=True)
    )
    release = find_release(asking.get if follow else session.client.get, subject, app, asking.tell)
    if not follow:
        for line in new_lines(session.client.get, release, "0"):
            show_line(line)
        return
    jobs = follow_log(asking, release, show_line=show_line)
    if jobs:
        last = max(jobs, key=lambda job: str(job["created_at"]))
        check_outcome(last, JobState.DONE)


def find_release(get: Callable[..., Json], subject: str, app: str | None, tell: Callable[[str], None]) -> str:
    """The id of the release that is meant: by id, by tag, or the newest one of an app.

    Raises:
        Failure: no such app, or one without releases; no such tag, or one of several apps.
    """
    if app or not APP_NAME.match(subject):
        return find_id(get, subject, app)
    try:
        found: list[Json] = get("releases", app=subject, limit=1)["releases"]
    except Refusal:
        if not is_tag(subject):
            raise
        return find_id(get, subject, None)
    if not found:
        raise Failure(
            f"{subject} has no release yet", next_step=f"`verdigris deploy {subject} TAG` makes one"
        )
    tell(f"release {found[0]['id']} ({found[0]['tag']})")
    return str(found[0]["id"])
