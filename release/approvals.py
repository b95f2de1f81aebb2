"""Whether people have said yes to a release, as pure decisions. What they said is kept by ``consent``.

Who pushed a tag can't approve it, and nobody counts twice. A rejection is final for the release: a fix is
another one. A rollback never asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from release import rule_refusals
from release.identities import identify, is_among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from release.model import Actor, Release
    from release.rules import Promotion


class Decision(StrEnum):
    """What somebody says to a release."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person said to a release, and when."""

    actor: Actor
    decision: Decision
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes come to. ``missing``: so many approvals more are needed.

    ``approved_by``: those whose approvals count, in the order in which they came.
    """

    is_approved: bool
    missing: int
    rejected_by: Actor | None = None
    approved_by: tuple[Actor, ...] = ()


def find_pushers(release: Release, find_release: Callable[[str], Release | None]) -> tuple[Actor, ...]:
    """Who asked for a release, and for those that it is a redeploy of: they brought its commit.

    A release that is forgotten by now has no say: nobody knows who pushed it.
    """
    pushers = [release.actor]
    seen = {release.id}
    while release.redeploy_of and release.redeploy_of not in seen:
        found = find_release(release.redeploy_of)
        if found is None:
            break
        seen.add(found.id)
        pushers.append(found.actor)
        release = found
    return tuple(pushers)


def judge(
    needed: int, votes: Sequence[Vote], *, pushers: Iterable[Actor], people: Mapping[str, str]
) -> Verdict:
    """What the votes come to where ``needed`` approvals are asked for.

    Those of pushers don't count, however they came to be there: ``people`` may have been completed since.
    """
    excluded = {identify(actor, people) for actor in pushers}
    approvers: dict[str, Actor] = {}
    for vote in votes:
        who = identify(vote.actor, people)
        if vote.decision is Decision.APPROVE and who not in excluded:
            approvers.setdefault(who, vote.actor)
    rejected_by = next((vote.actor for vote in votes if vote.decision is Decision.REJECT), None)
    missing = max(0, needed - len(approvers))
    return Verdict(
        is_approved=not missing and rejected_by is None,
        missing=missing,
        rejected_by=rejected_by,
        approved_by=tuple(approvers.values()),
    )


def check_promotion(
    release: Release,
    rule: Promotion,
    verdict: Verdict,
    *,
    actor: Actor,
    pushers: Iterable[Actor],
    people: Mapping[str, str],
) -> None:
    """Refuse a promote that people have not agreed to, or that is not this person's to make.

    Raises:
        Problem: the release was rejected, approvals are missing, or the actor pushed its tag where the app
            says ``pusher: refused``.
    """
    if verdict.rejected_by:
        raise rule_refusals.rejected(release, verdict.rejected_by)
    if not verdict.is_approved:
        raise rule_refusals.approvals_missing(release, verdict.missing)
    if rule.pusher == "refused" and is_among(actor, pushers, people):
        raise rule_refusals.own_release(release, actor, "promote")
