"""What has changed between two looks at the apps, as facts that programs and people can read one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.glance import COLORS, find_troubles, told_job
from cli.rule_words import told_freeze
from cli.text import clock_time, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cli.client import Json

JOB: Final = "job"


@dataclass(frozen=True, slots=True)
class Seen:
    """One change. ``what``: live, blue, green, trouble, freeze or job, and ``server`` for none of an app's.

    ``before`` and ``after`` are None where there was or is nothing; ``job`` is the id of one.
    """

    at: str
    app: str | None
    what: str
    before: str | None
    after: str | None
    job: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "at": self.at,
            "app": self.app,
            "what": self.what,
            "from": self.before,
            "to": self.after,
            "job": self.job,
        }

    def told(self) -> str:
        """For people, in one line."""
        subject = self.app or "verdigris"
        if self.what == JOB or self.app is None:
            words = f"{self.after}"
        elif self.before is None or self.after is None:
            words = f"{self.what}: {self.after or f'no longer {self.before}'}"
        else:
            words = f"{self.what}: {self.before} -> {self.after}"
        return f"{clock_time(self.at)} {plain(subject)}  {plain(words)}"


def compare(before: Iterable[Json], after: Iterable[Json], at: str) -> Iterator[Seen]:
    """Every change of every app. A job that has left is told with None, for its end stands elsewhere."""
    old, new = ({app["name"]: find_facts(app) for app in apps} for apps in (before, after))
    for name in dict.fromkeys([*new, *old]):
        was, is_ = old.get(name, {}), new.get(name, {})
        for fact in dict.fromkeys([*is_, *was]):
            if was.get(fact) != is_.get(fact):
                what, job = fact
                yield Seen(at, name, what, was.get(fact), is_.get(fact), job)


Fact = tuple[str, str | None]
"""What it is about, and of which job."""


def find_facts(app: Json) -> dict[Fact, str | None]:
    """What is known of an app, without what changes by the mere passing of time."""
    seen = app["observation"] or {}
    facts: dict[Fact, str | None] = {("live", None): seen.get("live")}
    states = {release["id"]: release["state"] for release in app["releases"]}
    facts |= {(color, None): _tell_color(seen.get(color), states) for color in COLORS}
    facts["freeze", None] = told_freeze(app.get("freeze")) or None
    facts["trouble", None] = "; ".join(find_troubles(app)) or None
    return facts | {(JOB, job["id"]): told_job(job, {}) for job in app["queue"]}


def _tell_color(seen: Json | None, states: dict[str, str]) -> str | None:
    if not seen or not seen["exists"]:
        return None
    state = states.get(seen["release"] or "", "")
    pods = f"{seen['available']}/{seen['replicas']}"
    return " ".join(filter(None, (seen["tag"] or "unknown tag", state, pods)))
