"""Commands that only look: apps, releases, one release or job, and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import tables
from cli.failures import Refusal
from cli.following import Asking, follow_log, new_lines
from cli.session import Session, client_command

if TYPE_CHECKING:
    from cli.client import Json

NOT_FOUND = 404


@click.command
@click.argument("name", required=False)
@client_command
def apps(session: Session, *, name: str | None) -> None:
    """Every app with what runs where, or one with its queue."""
    answer = session.client.get("apps", name) if name else session.client.get("apps")
    if session.is_json:
        session.dump(answer)
    elif name:
        tables.print_app(answer)
    else:
        tables.print_apps(answer["apps"])


@click.command
@click.option("--app", help="Only this app's.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many.")
@client_command
def releases(session: Session, *, app: str | None, limit: int) -> None:
    """The newest releases."""
    answer = session.client.get("releases", app=app, limit=limit)
    if session.is_json:
        session.dump(answer)
    else:
        tables.print_releases(answer["releases"])


@click.command
@click.argument("id_", metavar="RELEASE|JOB")
@client_command
def show(session: Session, *, id_: str) -> None:
    """One release with its jobs and steps, or one job."""
    try:
        answer = session.client.get("releases", id_)
    except Refusal as refusal:
        if refusal.status != NOT_FOUND:
            raise
        _show_job(session, id_, refusal)
        return
    if session.is_json:
        session.dump(answer)
    else:
        tables.print_release(answer)


def _show_job(session: Session, job_id: str, no_release: Refusal) -> None:
    try:
        job = session.client.get("jobs", job_id)
    except Refusal as refusal:
        raise (no_release if refusal.status == NOT_FOUND else refusal) from None
    if session.is_json:
        session.dump(job)
    else:
        tables.print_job(job)


@click.command
@click.argument("release")
@click.option("-f", "--follow", is_flag=True, help="Go on until none of its jobs waits or runs.")
@client_command
def logs(session: Session, *, release: str, follow: bool) -> None:
    """The log of a release.

    With --json, each line is a JSON object of its own.
    """

    def show_line(line: Json) -> None:
        if session.is_json:
            session.dump(line)
        else:
            tables.print_line(line)

    asking = Asking(session.client, session.surroundings, None, lambda text: click.echo(text, err=True))
    if follow:
        follow_log(asking, release, show_line=show_line)
        return
    for line in new_lines(session.client.get, release, "0"):
        show_line(line)
