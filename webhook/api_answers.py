"""What the API answers, field by field: ``presentation`` fills these in, the OpenAPI document shows them.

A name here is the name of a schema there, a docstring its description. Every field is always there; what is
not known is null. No ``from __future__ import annotations``: the types are read when the document is made.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, with_config
from typing_extensions import TypedDict

from release.approvals import Decision
from release.audit_entries import Outcome
from release.auto_promotion import Block
from release.channels import Topic
from release.difference import Kind as Becoming
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
from release.others import Tool
from release.roles import Action, Role

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""ISO 8601 in UTC, to milliseconds."""

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]

documented = with_config(use_attribute_docstrings=True)


@documented
class Problem(TypedDict):
    """A refusal or failure, as RFC 9457 has it."""

    type: Annotated[str, Field(pattern=r"^https://verdigris\.dev/problems/[a-z0-9-]+$")]
    """Its end is the problem's name, which stays the same from version to version."""
    title: str
    detail: str
    """What happened, to which app, release and object."""
    next_step: str
    """What to do about it."""
    status: Annotated[int, Field(ge=400, le=599)]


@documented
class Actor(TypedDict):
    """Who asked."""

    kind: Annotated[str, Field(examples=["token"])]
    """`git`, `token`, `person`, `verdigris`; `direct` and `cluster` for those who went past the service."""
    name: str


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
class Freeze(TypedDict):
    """A freeze that is on."""

    until: Time
    reason: str
    is_open_end: bool
    """It goes on at `until`: nobody looked further."""


@documented
class NextFreeze(Freeze):
    """The next freeze."""

    at: Time
    """When it begins."""


@documented
class App(TypedDict):
    """One app with what runs where."""

    name: str
    repository: str | None
    namespace: str
    observation: Observation | None
    """Null until a worker has looked."""
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


@documented
class Tag(TypedDict):
    """A tag in Git."""

    tag: str
    commit: str
    was: str | None
    """The commit at which it was heard of, if it was moved."""
    since: Time | None
    by: Actor | None
    """Who dismissed it."""
    reason: str | None


@documented
class Tags(TypedDict):
    """An app's tags that are in Git and were never delivered."""

    app: str
    compared_at: Time | None
    tried_at: Time | None
    error: Problem | None
    """Why the last comparison failed."""
    is_asked: bool
    """A worker is about to compare."""
    missed: list[Tag]
    moved: list[Tag]
    dismissed: list[Tag]


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
class Vote(TypedDict):
    """What somebody said to the promote of a release."""

    actor: Actor
    decision: Decision
    comment: str
    at: Time


@documented
class Approvals(TypedDict):
    """What the votes come to."""

    needed: Count
    missing: Count
    approved_by: list[Actor]
    """Those whose approvals count: nobody's who pushed the tag."""
    rejected_by: Actor | None
    is_approved: bool


@documented
class Stop(TypedDict):
    """Somebody's word that a release shall not be promoted by itself."""

    actor: Actor
    reason: str
    at: Time


@documented
class Countdown(TypedDict):
    """To the promote of a release that comes by itself."""

    due_at: Time
    blocked_by: list[Block]
    """Why it does not come then; empty: it does."""
    freeze: Freeze | None
    """The freeze whose end `due_at` is."""


@documented
class Rules(TypedDict):
    """What people and the app's rules say to the promote of a release."""

    votes: list[Vote]
    """The oldest first."""
    approvals: Approvals | None
    """Null for an app that is not configured any more."""
    countdown: Countdown | None
    stopped: Stop | None


@documented
class Commit(TypedDict):
    """A commit, as it says of itself. Its title and author are whoever pushed it's, in one line."""

    id: str
    title: str
    author: str
    at: Time


@documented
class Compared(TypedDict):
    """What was live when a release was compared with it. Null: not a release of ours, or not known."""

    release: str | None
    tag: str | None
    color: Color
    commit: str | None


@documented
class Commits(TypedDict):
    """What a promote brings to users, and what it takes from them. Of each, the newest are listed."""

    added: list[Commit]
    added_count: Count
    removed: list[Commit]
    removed_count: Count
    files: Count
    """How many files differ."""
    is_related: bool
    """Whether the two have a commit in common."""
    is_cut: bool
    """The history was not read to its end: the counts are the least."""


@documented
class ChangedObject(TypedDict):
    """An object of the manifests, both rendered for the same color, tag and image."""

    object: str
    change: Becoming
    paths: list[str]
    """Its fields that change, never their values."""
    more: Count
    """Fields that are not listed."""


@documented
class ChangedKey(TypedDict):
    """A key of the configuration. Its value is told nowhere."""

    name: str
    where: str
    """`verdigris.yml`, or the object that holds it."""
    change: Becoming


@documented
class MigrationBetween(TypedDict):
    """A migration since the live release: its own, or of a release on the way to it."""

    release: str
    tag: str
    kind: Migration


@documented
class Difference(TypedDict):
    """What a promote of a release changes against what was live when a worker looked. Null: not known."""

    summary: str
    """In a few words."""
    compared: str
    """With what, in words."""
    is_current: bool
    """Whether that is still live."""
    at: Time
    base: Compared | None
    """Null where nothing was live."""
    commits: Commits | None
    objects: list[ChangedObject] | None
    more_objects: Count
    keys: list[ChangedKey] | None
    more_keys: Count
    migrations: list[MigrationBetween]
    rollback: str | None
    """Whether a rollback stays safe, in words."""
    notes: list[str]
    """What numbers do not tell, and why something is not known."""


@documented
class ReleaseWithLife(Rules):
    """One release with its jobs, and every step of its life, the oldest first."""

    release: Release
    jobs: list[Job]
    changes: list[Change]
    difference: Difference | None
    """Null before a worker has looked: its sanity comes first."""


@documented
class Voted(TypedDict):
    """A release, and what its votes come to with the one that was just given."""

    release: Release
    approvals: Approvals


@documented
class Stopped(TypedDict):
    """A release that is not promoted by itself, and the stop that stands."""

    release: Release
    stopped: Stop


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


@documented
class OnlyId(TypedDict):
    """What was accepted but could not be read back: it is durable, ask for it later."""

    id: str


@documented
class Token(TypedDict):
    """An API token, without what it is made of."""

    name: str
    role: Role
    apps: list[str]
    """Empty: all."""
    expires: Time | None
    is_expired: bool
    is_configured: bool
    """It stands in the configuration, and is changed there."""
    made_by: Actor | None
    made_at: Time | None
    last_used: Time | None
    """To the minute; null if never, or not known."""


@documented
class Channel(TypedDict):
    """Where signals go. Each was sent or dropped, or waits."""

    name: str
    kind: Literal["slack", "webhook", "commit-status"]
    apps: list[str]
    """Empty: all."""
    events: list[Topic]
    pending: Count
    sent: Count
    sent_at: Time | None
    """When one was taken last."""
    sent_id: str | None
    failing_since: Time | None
    """Null where the last try went well, or none was made."""
    error: str | None
    """What went wrong last, mended since or not."""
    error_at: Time | None
    error_id: str | None
    next_try: Time | None
    dropped: Count
    dropped_at: Time | None
    dropped_why: str | None


@documented
class Channels(TypedDict):
    """Every channel of the configuration."""

    channels: list[Channel]


@documented
class ChannelTest(TypedDict):
    """A test that is on its way."""

    message: str
    """The `sent_id` or `error_id` of the channel, once it was tried."""


@documented
class Tokens(TypedDict):
    """Every token."""

    tokens: list[Token]


@documented
class MadeToken(TypedDict):
    """A new token."""

    token: Token
    text: Annotated[str, Field(examples=["vdg_…"])]
    """What to send along. Nobody can read it again."""


@documented
class RevokedToken(TypedDict):
    """A token that has ended."""

    token: Token


@documented
class AuditEntry(TypedDict):
    """Something that was asked for, or a step in a release's life."""

    id: str
    number: Count
    """Counts from 1, also past entries that are gone."""
    at: Time
    actor: Actor
    address: str | None
    """Of the sender, where there was one."""
    action: Action | Literal["change"]
    app: str | None
    release: str | None
    reason: str
    outcome: Outcome
    why: str | None
    """The problem's name, of what was refused."""
    before: dict[str, Any]
    after: dict[str, Any]


@documented
class AuditPage(TypedDict):
    """Some entries of the audit trail, the newest first. There may be few, even none, and still a `next`."""

    entries: list[AuditEntry]
    next: str | None
    """Ask with it as `after` for what is older; null at the end."""
    cut: Count
    """How many entries the trail has lost at its beginning."""


@documented
class Accepted(TypedDict):
    """What a request became. It is durable; a worker carries it out."""

    job: Job | OnlyId
    release: Release | OnlyId | None
    is_new: bool
    """False: this had been asked before, and the job is the first one's."""
    changes: str | None
    """Of a promote, what it changes, in a few words; null where that is not known, and for all else."""
