"""The words of this program as types: colors, states, stages, releases and jobs.

Plain values only: what may follow what is in ``transitions``, who runs when in ``order`` and ``queue``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from release.problems import ProblemDocument


class Color(StrEnum):
    """One of the two places an app can run in."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Color:
        """The color that is not this one."""
        return Color.GREEN if self is Color.BLUE else Color.BLUE


class State(StrEnum):
    """Where a release is in its life. ``transitions.TRANSITIONS`` says what follows what."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    LIVE = "live"
    STANDBY = "standby"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    RETIRED = "retired"


class Stage(StrEnum):
    """One step of a job; each is a Celery task of its own."""

    SANITY = "sanity"
    DEPLOY = "deploy"
    MIGRATE = "migrate"
    SMOKE = "smoke"
    ACTIVATE = "activate"
    ROLLBACK = "rollback"
    DECOMMISSION = "decommission"


class JobKind(StrEnum):
    """What is asked for a release."""

    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    DECOMMISSION = "decommission"


class JobState(StrEnum):
    """Where a job is: behind others, offered to a worker, claimed by one, or over."""

    WAITING = "waiting"
    OFFERED = "offered"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


class StartWhen(StrEnum):
    """What a deploy waits for before it goes into its queue; a freeze keeps each of them waiting as well."""

    PUSHED = "pushed"
    CI_PASSED = "ci-passed"
    IMAGE_EXISTS = "image-exists"
    FREEZE_ENDS = "freeze-ends"


class StageState(StrEnum):
    """What became of one stage of one job."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Migration(StrEnum):
    """What a release's migration does to what the version before needs, and so when it may run (ADR 9)."""

    NONE = "none"
    EXPAND = "expand"
    CONTRACT = "contract"


class MigrationState(StrEnum):
    """How far a migration is. ``running`` is also what is left of one whose end nobody saw."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """A release's migration: ``kind`` is None until it was looked for, ``state`` until there is more to tell.

    ``at``: when it began; of one that has not begun, when it was put off or given up.
    """

    kind: Migration | None = None
    state: MigrationState | None = None
    at: datetime | None = None

    @property
    def is_due(self) -> bool:
        """Whether a decommission of the other color has to run it, as far as is known."""
        return self.kind in {None, Migration.CONTRACT} and self.state is not MigrationState.PASSED

    @property
    def has_contracted(self) -> bool:
        """Whether older versions may not work any more: from its beginning on, however it ended."""
        begun = {MigrationState.RUNNING, MigrationState.PASSED, MigrationState.FAILED}
        return self.kind is Migration.CONTRACT and self.state in begun


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked: ``kind`` is ``git``, ``token``, ``person``, ``direct``, ``cluster`` or ``verdigris``.

    ``name`` is its.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        """``git:octocat``, the form kept in Redis and shown on pages."""
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Actor:
        """Read back what ``str`` wrote."""
        kind, _, name = text.partition(":")
        return cls(kind, name)


VERDIGRIS = Actor("verdigris", "verdigris")

DIRECT = "direct"
"""The kind of an actor who acted on the cluster without the service: ``--direct``, or ``kubectl``."""

CLUSTER = "cluster"
"""The kind of an actor who changed the route and told nobody: by the name that the cluster has of them."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """Commands that do without Verdigris what a promote of a release does, and what undoes it; or empty."""

    promote: str = ""
    rollback: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """One tag of one app on its way. ``reason`` tells why it is in its state, in words for people.

    ``warnings``: what sanity found that refuses nothing, each with what to do about it. ``start_when``: what
    it waits for, or still waited for when it failed; ``pushed`` once it has gone into its queue.
    ``delivery``: the Git host's id of the request that brought it, as logs have it. ``is_read_back``: it, or
    what it repeats, was read back after Redis was emptied. ``was``: its state before its last step.
    """

    id: str
    app: str
    tag: str
    color: Color
    commit: str
    state: State
    actor: Actor
    created_at: datetime
    updated_at: datetime
    image: str | None = None
    reason: str = ""
    redeploy_of: str | None = None
    by_hand: ByHand = ByHand()
    warnings: tuple[str, ...] = ()
    migration: MigrationRecord = MigrationRecord()
    start_when: StartWhen = StartWhen.PUSHED
    delivery: str = ""
    is_read_back: bool = False
    was: State | None = None


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of a job as it went."""

    stage: Stage
    state: StageState
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a prober saw of a switch, on both routes. ``lost``: requests that the app did not answer.

    ``first_new``: seconds from the call to the new version's first answer, ``last_old``: to the old one's
    last; None where the answers of the two are alike.
    """

    requests: int
    lost: int
    first_new: float | None = None
    last_old: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One action on one release, in a queue.

    ``release_id`` is None only for the decommission of a color that no known release runs in;
    ``color`` is the color acted on. ``fence`` rises with each take-over; ``attempt`` counts those of the
    current stage from 1. ``problem`` holds the refusal or failure that ended it. ``held_until``: so long its
    queue goes on without it, so that ``held_for``, a tag, can be rolled back to. ``start_by``: it stands in
    no queue, and waits so long for what its release's ``start_when`` names. ``turn_at``: when its turn came,
    from when on it waited for a worker; ``offered_at``: since when its stage does.
    """

    id: str
    app: str
    kind: JobKind
    queue: str
    state: JobState
    color: Color
    release_id: str | None
    tag: str
    stages: tuple[StageRun, ...]
    stage_index: int
    fence: int
    attempt: int
    actor: Actor
    reason: str
    created_at: datetime
    owner: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_requested_by: Actor | None = None
    problem: ProblemDocument | None = None
    held_until: datetime | None = None
    held_for: str = ""
    start_by: datetime | None = None
    probe: Probe | None = None
    turn_at: datetime | None = None
    offered_at: datetime | None = None

    @property
    def stage(self) -> Stage:
        """The stage that runs, or runs next."""
        return self.stages[min(self.stage_index, len(self.stages) - 1)].stage
