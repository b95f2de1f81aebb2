"""The audit trail."""

from typing import Any, Literal

from typing_extensions import TypedDict

from release.audit_entries import Outcome
from release.roles import Action
from webhook.api_answers.basics import Actor, Count, Time, documented


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
    action: Action | Literal["change", "sign-in"]
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
