"""Releases, their jobs, logs and lives."""

from typing_extensions import TypedDict

from release.model import (
    Color,
    JobKind,
    JobState,
    Migration,
    MigrationState,
    Stage,
    StageState,
    StartWhen,
    State,
)
from webhook.api_answers.basics import Actor, Count, Problem, Seconds, Time, documented
from webhook.api_answers.differences import Difference
from webhook.api_answers.rules import Rules


@documented
class ByHand(TypedDict):
    """The `kubectl` commands that do without Verdigris what it would do."""

    promote: str | None
    rollback: str | None


@documented
class MigrationRun(TypedDict):
    """What is known of a release's migration."""

    kind: Migration | None
    state: MigrationState | None
    """`pending`: due at the decommission of the other color."""
    at: Time | None
    """When it began, was put off or given up."""


@documented
class Release(TypedDict):
    """One tag of one app on its way."""

    id: str
    app: str
    tag: str
    color: Color
    commit: str | None
    image: str | None
    state: State
    reason: str
    """Why it is in its state, in words."""
    actor: Actor
    redeploy_of: str | None
    """The release whose commit this one deploys again."""
    start_when: StartWhen
    """What it waits for before it goes into its queue."""
    by_hand: ByHand
    warnings: list[str]
    migration: MigrationRun
    created_at: Time
    updated_at: Time


@documented
class StageOfJob(TypedDict):
    """One stage of a job as it went."""

    stage: Stage
    state: StageState
    started_at: Time | None
    ended_at: Time | None


@documented
class Probe(TypedDict):
    """What a prober saw of a switch, on both routes."""

    requests: Count
    lost: Count
    """How many of them the app did not answer."""
    first_new: Seconds | None
    """Seconds from the call until users first met the new version."""
    last_old: Seconds | None
    """Seconds from the call until they last met the old one."""


@documented
class Job(TypedDict):
    """One action on one release, in a queue."""

    id: str
    app: str
    kind: JobKind
    queue: str
    position: Count | None
    """Its place in its queue: 0 is the active one, null when it is over."""
    state: JobState
    doing: str
    """The same in words."""
    color: Color
    release: str | None
    tag: str
    stage: Stage | None
    """The stage that runs, or runs next."""
    stages: list[StageOfJob]
    attempt: Count
    actor: Actor
    reason: str
    cancel_requested_by: Actor | None
    problem: Problem | None
    """What ended it, if it ended badly."""
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    held_until: Time | None
    """So long its queue goes on without it, so that what runs can be rolled back to."""
    start_by: Time | None
    """When it fails if what its release waits for has not come."""
    probe: Probe | None


@documented
class Releases(TypedDict):
    """Releases, the newest first."""

    releases: list[Release]
    next: str | None
    """Ask again with this as `after`: there may be older ones, also where this list is short or empty."""


Change = TypedDict(  # in this form because of the field "from"
    "Change",
    {"at": Time, "from": State | None, "to": State, "actor": Actor, "reason": str},
)
Change.__doc__ = "One step in a release's life."


@documented
class ReleaseWithLife(Rules):
    """One release with its jobs, and every step of its life, the oldest first."""

    release: Release
    jobs: list[Job]
    changes: list[Change]
    difference: Difference | None
    """Null before a worker has looked, as its sanity comes first, and where no promote comes of it."""


@documented
class LogLine(TypedDict):
    """One line of a log."""

    id: str
    at: Time
    stage: str
    text: str


@documented
class Log(TypedDict):
    """Some lines of a log, the oldest first."""

    lines: list[LogLine]
    next: str
    """Ask with it as `after` for what follows."""
