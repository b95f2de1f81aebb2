"""`verdigris audit`: the audit trail, chosen from or written out whole, as an administrator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from cli.completing import AppName, ReleaseId
from cli.naming import find_id
from cli.session import Session, client_command
from cli.text import plain, shown_time, told_actor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cli.client import Json

OUTCOMES: Final = ("accepted", "refused", "done")
MOST: Final = 200
"""Entries that one call answers."""

TIME: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.command
@click.option("--app", type=AppName(), help="Only of this app.")
@click.option("--actor", help="Only by this one: token:ci, or a name for whoever has it.")
@click.option("--action", help="Only of this kind, such as promote; `change` is a step in a release's life.")
@click.option("--release", type=ReleaseId(), metavar="TAG|ID", help="Only about this release.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only what came out so.")
@click.option("--since", type=TIME, help="From this time on, in UTC.")
@click.option("--until", type=TIME, help="Before this time, in UTC.")
@click.option("--after", metavar="ID", help="Go on after the entry of this id.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many, the newest.")
@click.option("--export", "is_export", is_flag=True, help="All of it from the oldest on, as lines of JSON.")
@client_command
def audit(
    session: Session,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    is_export: bool,
    **chosen: str | None,
) -> None:
    """Who asked for what, and what became of it.

    Every step of every release is there, too. That takes an administrator; who is that for some apps names
    one with --app.
    """
    wanted = {**chosen, "since": _in_utc(since), "until": _in_utc(until)}
    if named := chosen["release"]:
        wanted["release"] = find_id(session.client.get, named, chosen["app"])
    if is_export:
        _export(session, wanted)
        return
    found = list(_read(session, wanted, limit))
    if session.is_json:
        session.dump({"entries": found})
        return
    for entry in found:
        click.echo(_tell(entry))


def _export(session: Session, wanted: dict[str, str | None]) -> None:
    """Answer by answer, until one has nothing more."""
    last = ""
    while True:
        begun = last
        for last in session.client.lines("audit", "export", **wanted):
            click.echo(last)
        if last == begun:
            return
        wanted = {**wanted, "after": json.loads(last)["id"]}


def _read(session: Session, wanted: dict[str, str | None], limit: int) -> Iterator[Json]:
    """The newest entries, page by page: a page may be short and still not the last."""
    while limit > 0:
        page = session.client.get("audit", **wanted, limit=min(limit, MOST))
        yield from page["entries"]
        limit -= len(page["entries"])
        if page["next"] is None:
            return
        wanted = {**wanted, "after": page["next"]}


def _tell(entry: Json) -> str:
    """One line: when, who, what, and what became of it."""
    outcome = f"{entry['outcome']} ({entry['why']})" if entry["why"] else entry["outcome"]
    sender = f" from {entry['address']}" if entry["address"] else ""
    tag = entry["after"].get("tag") or entry["before"].get("tag") or ""
    about = [entry["action"], entry["app"] or "", entry["release"] or "", tag, outcome, _tell_states(entry)]
    words = " ".join(plain(one) for one in about if one)
    reason = f": {plain(entry['reason'])}" if entry["reason"] else ""
    return f"{shown_time(entry['at'])}  {plain(told_actor(entry['actor']) + sender)}  {words}{reason}"


def _tell_states(entry: Json) -> str:
    """The release's step, where it made one; its first one, from nowhere, is never that of a request."""
    before, after = entry["before"].get("state"), entry["after"].get("state")
    if entry["action"] == "change":
        before = before or "new"
    return f"{before} → {after}" if before and after and after != before else ""


def _in_utc(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%dT%H:%M:%S}Z" if time else None
