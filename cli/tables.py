"""What people see of apps, releases and jobs: tables and short lists.

Values are put into cells as plain text, never as markup. A pipe gets whole lines, a terminal gets them
wrapped, colors as it can show (NO_COLOR is heard).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.rule_words import told_approvals, told_countdown, told_freeze, told_next_freeze, vote_row
from cli.text import clock_time, duration, plain, shown_seconds, shown_time, told_actor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from cli.client import Json

STYLES: Final = {
    "live": "green",
    "ready": "cyan",
    "done": "green",
    "passed": "green",
    "failed": "red",
    "running": "yellow",
    "blue": "blue",
    "green": "green",
}
PIPE_WIDTH: Final = 10_000
NOTHING: Final = "-"
SHORT_COMMIT: Final = 10


def print_apps(apps: Sequence[Json]) -> None:
    """Every app with what runs on each color."""
    if not apps:
        _print("no apps are configured")
        return
    rows = [[app["name"], *_colors(app), _waiting(app["queue"]), _seen(app["observation"])] for app in apps]
    _table(["app", "live", "blue", "green", "queue", "seen"], rows)
    for app in apps:
        if (app["observation"] or {}).get("interference"):
            _print(f"{app['name']}: {app['observation']['interference']['what']}", style="red")
        if (app["observation"] or {}).get("problem"):
            _print(f"{app['name']}: {app['observation']['problem']}", style="red")


def print_app(app: Json) -> None:
    """One app with its queue."""
    observation = app["observation"] or {}
    live, blue, green = _colors(app)
    if observation.get("interference"):
        _print_interference(observation["interference"])
    _list(
        {
            "app": app["name"],
            "namespace": app["namespace"],
            "repository": app["repository"],
            "live": live,
            "blue": blue,
            "green": green,
            "test route": observation.get("test_route"),
            "rollback": _rollback(app.get("rollback_safe")),
            "frozen": told_freeze(app.get("freeze")),
            "next freeze": told_next_freeze(app.get("next_freeze")),
            "seen": _seen(app["observation"]),
            "problem": observation.get("problem"),
        }
    )
    if app["queue"]:
        _print("")
        print_jobs(app["queue"])


def _print_interference(found: Json) -> None:
    """What somebody else undid, before all else."""
    _print(f"{found['what']}.", style="red")
    _print(f"{found['users']}.")
    if found["again"]:
        _print(f"{found['again']}.", style="red")
    _print(f"Next: {found['next_step']}\n")


def print_releases(releases: Sequence[Json]) -> None:
    """Releases in the order given."""
    if not releases:
        _print("no releases yet; push a tag such as v1.0-blue, or `verdigris deploy APP TAG`")
        return
    rows = [
        [
            release["id"],
            release["app"],
            release["tag"],
            release["state"],
            shown_time(release["created_at"]),
            told_actor(release["actor"]),
            release["reason"],
        ]
        for release in releases
    ]
    _table(["release", "app", "tag", "state", "created", "by", "reason"], rows)


def print_release(answer: Json) -> None:
    """One release with its jobs and the steps of its life."""
    release = answer["release"]
    commit = (release["commit"] or "")[:SHORT_COMMIT]
    _list(
        {
            "release": release["id"],
            "app": release["app"],
            "tag": release["tag"],
            "state": release["state"],
            "reason": release["reason"],
            "commit": commit,
            "image": release["image"],
            "migration": _migration(release.get("migration")),
            "approvals": told_approvals(answer.get("approvals")),
            "by itself": told_countdown(answer),
            "by": told_actor(release["actor"]),
            "redeploy of": release["redeploy_of"],
            "created": shown_time(release["created_at"]),
        }
    )
    if answer["jobs"]:
        _print("")
        print_jobs(answer["jobs"])
    if answer["changes"]:
        _print("")
        _table(
            ["when", "to", "by", "reason"],
            [
                [shown_time(one["at"]), one["to"], told_actor(one["actor"]), one["reason"]]
                for one in answer["changes"]
            ],
        )
    _print_votes(answer.get("votes") or [])
    for warning in release.get("warnings") or []:
        _print(f"\nwarning: {warning}", style="yellow")
    _print_by_hand(release)
    for job in answer["jobs"]:
        _print_problem(job)


def _print_votes(votes: Sequence[Json]) -> None:
    if votes:
        _print("")
        _table(["when", "vote", "by", "comment"], map(vote_row, votes))


def _migration(migration: Json | None) -> str:
    """Its kind and, where there is more to tell, how far it is and since when."""
    told = migration or {}
    at = shown_time(told["at"]) if told.get("at") else ""
    return " ".join(filter(None, (told.get("kind"), told.get("state"), at)))


def _print_by_hand(release: Json) -> None:
    """The commands of an emergency, each on a line of its own that can be copied whole."""
    by_hand = release.get("by_hand") or {}
    for title, name in (("by hand, to it", "promote"), ("by hand, back", "rollback")):
        if by_hand.get(name):
            _print(f"\n{title}:", style="bold")
            click.echo(plain(by_hand[name]))


def print_jobs(jobs: Sequence[Json]) -> None:
    """Jobs in the order given."""
    rows = [
        [
            job["id"],
            job["kind"],
            job["tag"],
            job["doing"],
            duration(job["started_at"], job["ended_at"]),
            told_actor(job["actor"]),
        ]
        for job in jobs
    ]
    _table(["job", "kind", "tag", "state", "took", "by"], rows)


def print_job(job: Json) -> None:
    """One job with its stages."""
    _list(
        {
            "job": job["id"],
            "kind": job["kind"],
            "app": job["app"],
            "tag": job["tag"],
            "release": job["release"],
            "state": job["doing"],
            "queue": job["queue"],
            "position": job["position"],
            "by": told_actor(job["actor"]),
            "reason": job["reason"],
            "created": shown_time(job["created_at"]),
        }
    )
    _print("")
    _table(
        ["stage", "state", "took"],
        [[run["stage"], run["state"], duration(run["started_at"], run["ended_at"])] for run in job["stages"]],
    )
    _print_problem(job)


def print_tags(answer: Json) -> None:
    """Tags in Git that nobody told of, and how to release one."""
    rows = [
        [
            one["tag"],
            state if not one["was"] else f"{state} from {one['was'][:SHORT_COMMIT]}",
            one["commit"],
            shown_time(one["since"]),
            told_actor(one["by"]) if one["by"] else "",
            one["reason"] or "",
        ]
        for state in ("missed", "moved", "dismissed")
        for one in answer[state]
    ]
    if rows:
        _table(["tag", "state", "commit", "seen first", "by", "reason"], rows)
        _print(f"\nrelease one with `verdigris deploy {answer['app']} TAG --commit COMMIT`")
    elif answer["compared_at"]:
        _print(f"none that was seen more than a minute ago; compared {shown_time(answer['compared_at'])}")
    else:
        _print("not compared yet; is a worker running? --compare asks for it")
    if answer["error"]:
        _print(f"\n{answer['error']['title']}: {answer['error']['detail']}", style="red")
        _print(f"Next: {answer['error']['next_step']}")


def print_tokens(tokens: Sequence[Json]) -> None:
    """API tokens, those of the configuration too."""
    rows = [
        [
            one["name"],
            one["role"],
            ", ".join(one["apps"]) or "all",
            f"{shown_time(one['expires'])}{' (past)' if one['is_expired'] else ''}",
            "configuration" if one["is_configured"] else told_actor(one["made_by"]),
            shown_time(one["made_at"]),
            shown_time(one["last_used"]),
        ]
        for one in tokens
    ]
    _table(["name", "role", "apps", "expires", "made by", "made", "last used"], rows)


def print_line(line: Json) -> None:
    """One line of a log."""
    click.echo(f"{clock_time(line['at'])} {plain(line['stage']):<8} {plain(line['text'])}")


def _print_problem(job: Json) -> None:
    problem = job["problem"]
    if problem:
        _print(f"\n{job['kind']}: {problem['title']}", style="red")
        _print(problem["detail"])
        _print(f"Next: {problem['next_step']}")


def _colors(app: Json) -> tuple[str, str, str]:
    """The live color, and what runs on blue and on green."""
    observation = app["observation"]
    if not observation:
        return "not seen yet", NOTHING, NOTHING
    states = {release["id"]: release["state"] for release in app["releases"]}
    blue, green = (_color(observation[color], states) for color in ("blue", "green"))
    return observation["live"] or "none", blue, green


def _rollback(safety: Json | None) -> str:
    """Whether users can be moved back safely; else since when not, and why."""
    if not safety:
        return ""
    if safety["safe"]:
        return f"safe: {safety['why']}"
    since = f" since {shown_time(safety['since'])}" if safety["since"] else ""
    return f"not safe{since}: {safety['why']}"


def _color(color: Json, states: dict[str, str]) -> str:
    if not color["exists"]:
        return NOTHING
    state = states.get(color["release"] or "", "")
    words = [color["tag"] or "unknown tag", state, f"{color['available']}/{color['replicas']}"]
    return " ".join(word for word in words if word)


def _waiting(queue: Sequence[Json]) -> str:
    return ", ".join(f"{job['kind']} {job['tag']}: {job['doing']}" for job in queue[:1]) + (
        f" (+{len(queue) - 1})" if len(queue) > 1 else ""
    )


def _seen(observation: Json | None) -> str:
    if not observation:
        return "not yet; is a worker running?"
    age = f"{shown_seconds(observation['age_seconds'])} ago"
    return f"{age}, stale: is a worker running?" if observation["is_stale"] else age


def _show(content: RenderableType) -> None:
    """Print as wide as the terminal is; into a pipe as wide as it gets, without blanks at line ends."""
    console = Console(file=sys.stdout, highlight=False, markup=False)
    if console.is_terminal:
        console.print(content)
        return
    console.width = PIPE_WIDTH
    with console.capture() as capture:
        console.print(content)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def _print(text: str, *, style: str = "") -> None:
    _show(Text("\n".join(plain(line) for line in text.split("\n")), style=style))


def _cell(value: object) -> Text:
    text = plain(value if value is not None else "")
    return Text(text, style=STYLES.get(text, ""))


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    _show(table)


def _list(fields: dict[str, object]) -> None:
    """Names and values; what is empty is left out."""
    table = Table.grid(padding=(0, 2))
    for name, value in fields.items():
        if value not in (None, ""):
            table.add_row(Text(name, style="bold"), _cell(value))
    _show(table)
