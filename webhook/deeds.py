"""Who did what to an app, each deed a sentence: who, what, to which tag; when, why, and what became of it.

Of the audit trail, what people, tokens and Git hosts asked for. A step of a release is a deed only where no
request of ours is behind it: a tag that was pushed, users that somebody moved in the cluster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from release.audit_entries import CHANGE, Filter, Outcome
from release.model import CLUSTER, DIRECT, VERDIGRIS, JobKind, JobState, State
from release.roles import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from release.audit_entries import Entry
    from release.model import Actor, Job
    from webhook.services import Store

SHOWN: Final = 8
ENTRIES: Final = 40
"""Entries of the audit trail that are read, the newest."""
GIT: Final = "git"
REJECT: Final = "reject"
"""What ``Action.APPROVE`` covers as well."""
PUSHED: Final = "pushed {}"
MOVED: Final = "moved every user to {}"
IDLE: Final = "the color that is not live"
"""Where its job is not known any more."""
LOST: Final = "a release that is not known any more"

ASKED: Final[Mapping[str, str]] = {
    Action.READ: "see this app",
    Action.DEPLOY: "deploy {}",
    Action.REDEPLOY: "deploy {} again",
    Action.RETRY: "try {} again",
    Action.CANCEL: "cancel {}",
    Action.START: "start {} without waiting",
    Action.COMPARE_TAGS: "compare the tags with those in Git",
    Action.DISMISS_TAG: "dismiss {}",
    Action.PROMOTE: "promote {}",
    Action.ROLLBACK: "roll back to {}",
    Action.DECOMMISSION: f"decommission {IDLE}",
    Action.APPROVE: "approve {}",
    REJECT: "reject {}",
    Action.STOP_COUNTDOWN: "stop the countdown of {}",
    Action.OVERRIDE_FREEZE: "override the freeze",
    Action.READ_AUDIT: "read the audit trail",
    Action.MANAGE_TOKENS: "manage API tokens",
    Action.TEST_CHANNEL: "test a channel",
}
"""What was asked for. ``{}`` is the tag."""

DONE: Final[Mapping[str, str]] = {
    Action.APPROVE: "approved {}",
    REJECT: "rejected {}",
    Action.STOP_COUNTDOWN: "stopped the countdown of {}",
    Action.DISMISS_TAG: "dismissed {}",
}
"""What is done at once. All else is asked for: a worker does it."""
TAG: Final = re.compile(r" (?:(?:to|of) )?\{\}")


@dataclass(frozen=True, slots=True)
class Deed:
    """One line: ``actor`` did ``what``, where ``{}`` is ``tag``, and links to the release if there is one.

    ``outcome``: what became of it, where that is worth a word; ``state`` is its look. ``job_id``: of the job
    that carries it out, where one does.
    """

    actor: Actor
    what: str
    tag: str
    release_id: str
    at: datetime
    reason: str = ""
    outcome: str = ""
    state: str = ""
    job_id: str = ""

    @property
    def before(self) -> str:
        """The sentence up to the tag."""
        return self.what.partition("{}")[0].strip()

    @property
    def after(self) -> str:
        """The rest of it."""
        return self.what.partition("{}")[2].strip()

    @property
    def names_tag(self) -> bool:
        """Whether a tag belongs into it."""
        return "{}" in self.what


def read_deeds(app: str, store: Store, tags: Mapping[str, str]) -> tuple[Deed, ...]:
    """The newest of an app. ``tags``: of releases that are at hand, by id.

    Raises:
        NotDurable: Redis can't be asked.
    """
    page = store.audit.read(Filter(app=app), limit=ENTRIES)
    shown = [one for one in page.entries if is_deed(one)][:SHOWN]
    return tuple(deed_of_entry(one, _find_tag(one, store, tags)) for one in shown)


def is_deed(entry: Entry) -> bool:
    """Whether somebody did it; what follows from it is told elsewhere."""
    if entry.action != CHANGE:
        return entry.actor.kind != VERDIGRIS.kind
    if entry.actor.kind == GIT:
        return not entry.before
    return entry.actor.kind in {DIRECT, CLUSTER} and entry.after.get("state") == State.LIVE


def deed_of_entry(entry: Entry, tag: str) -> Deed:
    """An entry of the trail as a sentence."""
    is_refused = entry.outcome is Outcome.REFUSED
    return Deed(
        actor=entry.actor,
        what=_tell_entry(entry) if tag else TAG.sub("", _tell_entry(entry)),
        tag=tag,
        release_id="" if tag == LOST else entry.release,
        at=entry.at,
        reason="" if entry.action == CHANGE else entry.reason,
        outcome=f"refused: {entry.why}" if is_refused else "",
        state=JobState.FAILED if is_refused else "",
        job_id=str(entry.after.get("job") or ""),
    )


def tell_end(deed: Deed, jobs: Sequence[Job]) -> Deed:
    """A deed with what became of it, by its job or the deploy that a push began; ``jobs``: those at hand."""
    begun = deed.release_id if deed.what == PUSHED else ""
    job = next((one for one in jobs if one.id == deed.job_id), None) or next(
        (one for one in reversed(jobs) if begun and one.release_id == begun and one.kind is JobKind.DEPLOY),
        None,
    )
    if job is None or deed.outcome:
        return deed
    return replace(deed, what=_name_color(deed.what, job), outcome=job.state, state=job.state)


def _name_color(what: str, job: Job) -> str:
    return what.replace(IDLE, str(job.color)) if job.kind is JobKind.DECOMMISSION else what


def deed_of_job(job: Job) -> Deed:
    """A job as a sentence, for those who may not read the trail."""
    is_pushed = job.actor.kind == GIT and job.kind is JobKind.DEPLOY
    return Deed(
        actor=job.actor,
        what=PUSHED if is_pushed else _name_color(f"asked to {ASKED[job.kind]}", job),
        tag=job.tag,
        release_id=job.release_id or "",
        at=job.created_at,
        reason=job.reason,
        outcome=job.state,
        state=job.state,
    )


def _tell_entry(entry: Entry) -> str:
    if entry.action == CHANGE:
        return PUSHED if entry.actor.kind == GIT else MOVED
    is_done, asked = entry.outcome is Outcome.DONE, str(entry.action)
    if entry.after.get("decision") == REJECT:
        asked = REJECT
    return DONE[asked] if is_done and asked in DONE else f"asked to {ASKED[asked]}"


def _find_tag(entry: Entry, store: Store, tags: Mapping[str, str]) -> str:
    """The entry's own, else its release's."""
    told = entry.after.get("tag") or entry.before.get("tag") or tags.get(entry.release)
    if told or not entry.release:
        return str(told or "")
    release = store.find_release(entry.release)
    return release.tag if release else LOST
