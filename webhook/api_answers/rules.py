"""What people and an app's rules say: freezes, approvals, countdowns."""

from typing_extensions import TypedDict

from release.approvals import Decision
from release.auto_promotion import Block
from webhook.api_answers.basics import Actor, Count, Time, documented


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
