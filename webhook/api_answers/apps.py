"""Apps: what a worker saw of them, what waits, where a rollback leads."""

from typing_extensions import TypedDict

from release.model import Color
from release.others import Tool
from webhook.api_answers.basics import Count, Seconds, Time, documented
from webhook.api_answers.releases import Job, Release
from webhook.api_answers.rules import Freeze, NextFreeze


@documented
class ColorSeen(TypedDict):
    """What runs on one color."""

    exists: bool
    release: str | None
    tag: str | None
    commit: str | None
    replicas: Count
    available: Count
    passed: bool
    """Whether what runs there has passed its stages."""


@documented
class Interference(TypedDict):
    """What somebody else undid in the cluster, and who, as far as the cluster tells."""

    what: str
    users: str
    """What users get."""
    next_step: str
    again: str | None
    """That it is a fight, where it is one."""
    times: Count
    """How often within an hour."""
    seen_at: Time
    manager: str | None
    operation: str | None
    written_at: Time | None
    tool: Tool | None


@documented
class Observation(TypedDict):
    """What a worker last saw of an app in the cluster."""

    at: Time
    age_seconds: Seconds
    is_stale: bool
    live: Color | None
    live_release: str | None
    previous_release: str | None
    test_route: Color | None
    problem: str | None
    """Why the cluster could not be read, in words."""
    interference: Interference | None
    blue: ColorSeen
    green: ColorSeen


@documented
class WayBack(TypedDict):
    """The release that a rollback would move users to."""

    id: str
    tag: str
    color: Color


@documented
class RollbackSafety(TypedDict):
    """Whether moving users back is safe."""

    safe: bool
    since: Time | None
    """Since when it is not."""
    why: str


@documented
class App(TypedDict):
    """One app with what runs where."""

    name: str
    repository: str | None
    namespace: str
    observation: Observation | None
    """Null until a worker has looked."""
    attention: list[str]
    """What somebody should look at before anything else, in words, the worst first; empty: nothing."""
    releases: list[Release]
    """Those whose pods are expected to run."""
    can_roll_back_to: WayBack | None
    rollback_note: str
    """Whether a way leads back, in words."""
    rollback_safe: RollbackSafety
    freeze: Freeze | None
    """Deploys wait, and promotes are refused."""
    next_freeze: NextFreeze | None
    queue: list[Job]


@documented
class Apps(TypedDict):
    """Every app."""

    apps: list[App]
