"""An app at a glance, in words: what users are on, what runs or waits and for what, what failed last.

From the API's answers alone. Ages count in the server's time: a clock that is wrong here misleads nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cli.rule_words import told_freeze
from cli.text import shown_age

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cli.client import Json

RECENT: Final = 200
"""The newest releases, among which the last failure of each app is looked for."""

COLORS: Final = ("blue", "green")
NOTHING: Final = "-"
STARTS: Final = {
    "ci-passed": "waiting for CI",
    "image-exists": "waiting for its image",
    "freeze-ends": "waiting for the end of the freeze",
}


@dataclass(frozen=True, slots=True)
class Glance:
    """What was answered. ``recent``: the newest releases, newest first; ``now``: the server's time."""

    apps: Sequence[Json]
    recent: Sequence[Json]
    now: datetime

    def sorted_apps(self) -> list[Json]:
        """What needs attention first, then what is busy, then by name."""
        return sorted(self.apps, key=lambda app: (not find_troubles(app), not app["queue"], str(app["name"])))

    def find_release(self, release_id: str | None) -> Json | None:
        """A release that an app or the newest ones name."""
        known = (one for app in self.apps for one in app["releases"])
        return next((one for one in (*known, *self.recent) if one["id"] == release_id), None)

    def find_last_failure(self, app: str) -> Json | None:
        """The newest failed release of an app, where it is among the newest of all."""
        return next((one for one in self.recent if one["app"] == app and one["state"] == "failed"), None)

    def age_of(self, time: str | None) -> str:
        """How long ago that was."""
        return shown_age((self.now - datetime.fromisoformat(time)).total_seconds()) if time else ""


def take_glance(get: Callable[..., Json], app: str | None, *, here: datetime) -> Glance:
    """Two questions, however many apps there are; ``here`` is the time where nobody tells the server's.

    Raises:
        Failure: as ``get`` does.
    """
    apps: list[Json] = [get("apps", app)] if app else get("apps")["apps"]
    recent = get("releases", app=app, limit=RECENT)["releases"]
    return Glance(apps, recent, find_server_time(apps, here))


def find_server_time(apps: Iterable[Json], here: datetime) -> datetime:
    """The server's time, which each observation tells with its age; else the time here."""
    for app in apps:
        if seen := app["observation"]:
            return datetime.fromisoformat(seen["at"]) + timedelta(seconds=seen["age_seconds"])
    return here


def find_troubles(app: Json) -> list[str]:
    """What somebody has to look at, in the server's words: it has the one rule."""
    return list(app.get("attention", ()))


def told_live(app: Json) -> str:
    """The color that users are on."""
    return str(app["observation"]["live"] or "none") if app["observation"] else "unknown"


def told_color(app: Json, color: str, glance: Glance) -> str:
    """``v2.0-blue live 2/2 3 h``: what runs there, how many of its pods, and since when it is so."""
    seen = (app["observation"] or {}).get(color)
    if not seen or not seen["exists"]:
        return NOTHING
    release = glance.find_release(seen["release"])
    state, since = (release["state"], glance.age_of(release["updated_at"])) if release else ("", "")
    pods = f"{seen['available']}/{seen['replicas']}"
    return " ".join(filter(None, (seen["tag"] or "unknown tag", state, pods, since)))


def told_job(job: Json, releases: Mapping[str, Json]) -> str:
    """``deploy v2.1-green: waiting for its turn, 1 ahead``: what is done, or waited for."""
    doing = str(job["doing"]).partition(": ")[0]  # what helps is told of the app, first of all
    starts = STARTS.get(str(releases.get(job["release"] or "", {}).get("start_when")))
    if job.get("start_by") and starts:
        doing = f"{starts}, {doing.partition(', ')[2]}"
    if job["state"] == "waiting" and job["position"]:
        doing = f"{doing}, {job['position']} ahead"
    return f"{job['kind']} {job['tag']}: {doing}"


def told_now(app: Json, glance: Glance) -> str:
    """What runs or waits, the first of it; else a freeze that is on."""
    if not app["queue"]:
        return f"frozen {told_freeze(app['freeze'])}" if app.get("freeze") else NOTHING
    more = f" (+{len(app['queue']) - 1})" if len(app["queue"]) > 1 else ""
    return told_job(app["queue"][0], {one["id"]: one for one in glance.recent}) + more


def told_failure(app: Json, glance: Glance) -> str:
    """The last failure, and how long ago it was."""
    failed = glance.find_last_failure(app["name"])
    return f"{failed['tag']} {glance.age_of(failed['updated_at'])} ago" if failed else NOTHING


def told_users(app: Json, color: str) -> str:
    """Who gets to a color."""
    seen = app["observation"]
    if seen["live"] == color:
        return "everybody"
    return "test cookie" if seen.get("test_route") == color else "nobody"
