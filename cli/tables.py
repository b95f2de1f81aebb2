"""What people see of apps, tags and tokens: tables and short lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.following import told_doing
from cli.printing import show_line, show_list, show_table
from cli.release_tables import print_jobs
from cli.rule_words import told_freeze, told_next_freeze, told_rollback
from cli.text import SHORT_COMMIT, shown_seconds, shown_time, told_actor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.client import Json

NOTHING: Final = "-"


def print_apps(apps: Sequence[Json]) -> None:
    """Every app with what runs on each color."""
    if not apps:
        show_line("no apps are configured")
        return
    rows = [[app["name"], *_colors(app), _waiting(app["queue"]), _seen(app["observation"])] for app in apps]
    show_table(["app", "live", "blue", "green", "queue", "seen"], rows)
    for app in apps:
        if (app["observation"] or {}).get("interference"):
            show_line(f"{app['name']}: {app['observation']['interference']['what']}", style="red")
        if (app["observation"] or {}).get("problem"):
            show_line(f"{app['name']}: {app['observation']['problem']}", style="red")


def print_app(app: Json) -> None:
    """One app with its queue."""
    observation = app["observation"] or {}
    live, blue, green = _colors(app)
    if observation.get("interference"):
        _print_interference(observation["interference"])
    show_list(
        {
            "app": app["name"],
            "namespace": app["namespace"],
            "repository": app["repository"],
            "live": live,
            "blue": blue,
            "green": green,
            "test route": observation.get("test_route"),
            "rollback": told_rollback(app),
            "frozen": told_freeze(app.get("freeze")),
            "next freeze": told_next_freeze(app.get("next_freeze")),
            "seen": _seen(app["observation"]),
            "problem": observation.get("problem"),
        }
    )
    if app["queue"]:
        show_line("")
        print_jobs(app["queue"])


def print_queues(queues: Sequence[Json]) -> None:
    """Every queue with its jobs in their order, whichever apps they are of."""
    if not queues:
        show_line("nothing runs, and nothing waits")
        return
    rows = [
        [
            queue["name"],
            job["app"],
            job["kind"],
            job["tag"],
            told_doing(job),
            shown_time(job["created_at"]),
            told_actor(job["actor"]),
            job["id"],
        ]
        for queue in queues
        for job in queue["jobs"]
    ]
    show_table(["queue", "app", "kind", "tag", "state", "asked", "by", "job"], rows)


def _print_interference(found: Json) -> None:
    """What somebody else undid, before all else."""
    show_line(f"{found['what']}.", style="red")
    show_line(f"{found['users']}.")
    if found["again"]:
        show_line(f"{found['again']}.", style="red")
    show_line(f"Next: {found['next_step']}\n")


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
        show_table(["tag", "state", "commit", "seen first", "by", "reason"], rows)
        show_line(f"\nrelease one with `verdigris deploy {answer['app']} TAG --commit COMMIT`")
    elif answer["compared_at"]:
        show_line(f"none that was seen more than a minute ago; compared {shown_time(answer['compared_at'])}")
    else:
        show_line("not compared yet; is a worker running? --compare asks for it")
    if answer["error"]:
        show_line(f"\n{answer['error']['title']}: {answer['error']['detail']}", style="red")
        show_line(f"Next: {answer['error']['next_step']}")


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
    show_table(["name", "role", "apps", "expires", "made by", "made", "last used"], rows)


def _colors(app: Json) -> tuple[str, str, str]:
    """The live color, and what runs on blue and on green."""
    observation = app["observation"]
    if not observation:
        return "not seen yet", NOTHING, NOTHING
    states = {release["id"]: release["state"] for release in app["releases"]}
    blue, green = (_color(observation[color], states) for color in ("blue", "green"))
    return observation["live"] or "none", blue, green


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
