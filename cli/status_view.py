"""Apps at a glance, drawn: all of them as one table, or one in more detail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from cli.glance import (
    COLORS,
    NOTHING,
    find_troubles,
    told_color,
    told_failure,
    told_job,
    told_live,
    told_now,
    told_users,
)
from cli.printing import make_list, make_table
from cli.rule_words import told_freeze, told_next_freeze, told_rollback
from cli.text import plain, shown_age, told_actor

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from cli.client import Json
    from cli.glance import Glance

NEWEST: Final = 5
WIDE: Final = 90
"""Columns of a terminal, from which on a table of all apps can be read."""

COLUMNS: Final = ("app", "live", "blue", "green", "now", "last failure")


def draw_all(glance: Glance) -> RenderableType:
    """A line for each trouble, and what there is to say of each app."""
    if not glance.apps:
        return Text("no apps are configured")
    apps = glance.sorted_apps()
    troubles = [_trouble(f"{app['name']}: {what}") for app in apps for what in find_troubles(app)]
    gap = [Text("")] if troubles else []
    return Group(*troubles, *gap, AllApps([_row(app, glance) for app in apps]))


def _row(app: Json, glance: Glance) -> list[str]:
    """As ``COLUMNS`` has it."""
    colors = (told_color(app, color, glance) for color in COLORS)
    return [app["name"], told_live(app), *colors, told_now(app, glance), told_failure(app, glance)]


@dataclass(frozen=True)
class AllApps:
    """A row for each app; where a row does not fit, a line for each thing there is to say of it."""

    rows: list[list[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """By the width that there is."""
        del console
        if options.max_width >= WIDE:
            yield make_table(COLUMNS, self.rows)
            return
        for name, *values in self.rows:
            yield Text(plain(name), style="bold")
            said = {f"  {column}": value for column, value in zip(COLUMNS[1:], values, strict=True)}
            yield make_list({column: value for column, value in said.items() if value != NOTHING})


def draw_one(app: Json, glance: Glance) -> RenderableType:
    """One app: its troubles, its colors, its queue, its newest releases."""
    parts: list[RenderableType] = [_trouble(what) for what in find_troubles(app)]
    if interference := (app["observation"] or {}).get("interference"):
        parts += [Text(plain(f"{interference['users']}.")), Text(plain(f"Next: {interference['next_step']}"))]
    if parts:
        parts.append(Text(""))
    parts.append(make_list(_facts(app, glance)))
    if app["observation"]:
        parts += [Text(""), _colors(app, glance)]
    if app["queue"]:
        parts += [Text(""), _queue(app, glance)]
    if glance.recent:
        parts += [Text(""), _releases(glance)]
    return Group(*parts)


def _facts(app: Json, glance: Glance) -> dict[str, object]:
    seen, failed = app["observation"], glance.find_last_failure(app["name"])
    return {
        "app": app["name"],
        "live": told_live(app),
        "rollback": told_rollback(app),
        "frozen": told_freeze(app.get("freeze")),
        "next freeze": told_next_freeze(app.get("next_freeze")),
        "last failure": f"{told_failure(app, glance)}: {failed['reason']} ({failed['id']})" if failed else "",
        "seen": f"{shown_age(seen['age_seconds'])} ago" if seen else "",
    }


def _colors(app: Json, glance: Glance) -> RenderableType:
    rows = []
    for color in COLORS:
        seen = app["observation"][color]
        release = glance.find_release(seen["release"]) or {}
        pods = f"{seen['available']}/{seen['replicas']}" if seen["exists"] else "none"
        since = glance.age_of(release.get("updated_at"))
        rows.append(
            [color, told_users(app, color), seen["tag"], release.get("state"), pods, since, seen["release"]]
        )
    return make_table(["color", "reached by", "tag", "state", "pods", "since", "release"], rows)


def _queue(app: Json, glance: Glance) -> RenderableType:
    known = {one["id"]: one for one in glance.recent}
    rows = [
        [told_job(job, known), glance.age_of(job["created_at"]), told_actor(job["actor"]), job["id"]]
        for job in app["queue"]
    ]
    return make_table(["runs or waits", "for", "by", "job"], rows)


def _releases(glance: Glance) -> RenderableType:
    rows = [
        [one["tag"], one["state"], glance.age_of(one["updated_at"]), one["reason"], one["id"]]
        for one in glance.recent[:NEWEST]
    ]
    return make_table(["newest", "state", "since", "reason", "release"], rows)


def _trouble(what: str) -> Text:
    return Text(plain(f"! {what}"), style="red")
