"""Commands that only look: apps, releases, one release or job."""

from __future__ import annotations

from typing import Final

import click

from cli import release_tables, tables
from cli.completing import AppName, ReleaseId
from cli.failures import Refusal
from cli.session import Session, client_command

NOT_FOUND: Final = 404


@click.command
@click.argument("name", required=False, type=AppName())
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
@click.option("--app", type=AppName(), help="Only this app's.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many.")
@client_command
def releases(session: Session, *, app: str | None, limit: int) -> None:
    """The newest releases."""
    answer = session.client.get("releases", app=app, limit=limit)
    if session.is_json:
        session.dump(answer)
    else:
        release_tables.print_releases(answer["releases"])


@click.command
@click.argument("id_", metavar="RELEASE|JOB", type=ReleaseId())
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
        release_tables.print_release(answer)


def _show_job(session: Session, job_id: str, no_release: Refusal) -> None:
    try:
        job = session.client.get("jobs", job_id)
    except Refusal as refusal:
        raise (no_release if refusal.status == NOT_FOUND else refusal) from None
    if session.is_json:
        session.dump(job)
    else:
        release_tables.print_job(job)
