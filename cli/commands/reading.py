"""Commands that only look: apps, queues, releases, one release or job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli import release_tables, tables
from cli.completing import AppName, ReleaseId
from cli.failures import Refusal
from cli.naming import MOST, by_tag
from cli.session import Session, client_command
from release.model import Color, State

if TYPE_CHECKING:
    from cli.client import Json

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
@click.option("--state", type=click.Choice([one.value for one in State]), help="Only those in this state.")
@click.option("--color", type=click.Choice([one.value for one in Color]), help="Only those of this color.")
@click.option(
    "--search", metavar="TEXT", help="Only with this in tag or actor, or where the commit begins so."
)
@click.option("--after", metavar="PLACE", help="Go on after this: what an earlier answer says of older ones.")
@click.option("--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="How many.")
@client_command
def releases(session: Session, *, search: str | None, limit: int, **chosen: str | None) -> None:
    """The newest releases, or those that are looked for."""
    answer = _find_releases(session, limit, {**chosen, "q": search})
    if session.is_json:
        session.dump(answer)
        return
    if answer["releases"] or not any((search, *chosen.values())):
        release_tables.print_releases(answer["releases"])
    else:
        session.tell("no release is like that")
    if older := answer.get("next"):
        session.tell(f"older ones: --after {older}")


def _find_releases(session: Session, limit: int, wanted: dict[str, str | None]) -> Json:
    """As many as are wanted: where the server looks for some, a page may be short and still not the last."""
    answer = session.client.get("releases", **wanted, limit=limit)
    found = answer["releases"]
    while len(found) < limit and (place := answer.get("next")):
        answer = session.client.get("releases", **wanted | {"after": place}, limit=limit - len(found))
        found += answer["releases"]
    return {**answer, "releases": found}


@click.command
@click.argument("app", required=False, type=AppName())
@client_command
def queue(session: Session, *, app: str | None) -> None:
    """Every queue: what runs, and what waits for what.

    With APP its queues alone; where other apps go through them, too, their jobs are there as well.
    """
    apps = [session.client.get("apps", app)] if app else session.client.get("apps")["apps"]
    jobs = {job["id"]: job for one in apps for job in one["queue"]}
    queues = [
        {"name": name, "jobs": [job for job in jobs.values() if job["queue"] == name]}
        for name in sorted({str(job["queue"]) for job in jobs.values()})
    ]
    if session.is_json:
        session.dump({"queues": queues})
    else:
        tables.print_queues(queues)


@click.command
@click.argument("release", metavar="TAG|ID|JOB", type=ReleaseId())
@client_command
@by_tag
def show(session: Session, *, release: str) -> None:
    """One release with its jobs and steps, or one job."""
    try:
        answer = session.client.get("releases", release)
    except Refusal as refusal:
        if refusal.status != NOT_FOUND:
            raise
        _show_job(session, release, refusal)
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
