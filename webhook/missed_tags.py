"""Tags that are in Git and were never delivered: what people are told of each, and what they may ask for.

A worker compares; this process never talks to Git, it only asks for a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from release.model import Color
from release.problems import Problem
from release.tag import find_color, shown, with_color
from release.tag_watch import Heard, is_shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from release.model import Actor
    from release.problems import ProblemDocument
    from release.tag_watch import KnownTag
    from webhook.services import Services
    from webhook.standing import Standing

SHORT: Final = 10
SHOWN: Final = 20
"""Tags of an app that its page lists: the newest versions; the API has them all."""


@dataclass(frozen=True, slots=True)
class MissedTag:
    """A tag on a page, and what its button does. ``against``: why it would be refused; then there is none."""

    tag: KnownTag
    color: Color
    what: str
    loses: str = ""
    against: str = ""


@dataclass(frozen=True, slots=True)
class TagsView:
    """What the last comparison of an app left to be told.

    ``error``: why the last try failed. ``is_asked``: another one was asked for and is not made yet.
    """

    compared_at: datetime | None
    tried_at: datetime | None
    error: ProblemDocument | None
    is_asked: bool
    missed: tuple[KnownTag, ...]
    dismissed: tuple[KnownTag, ...]


def look_at_tags(app: str, services: Services) -> TagsView:
    """What is known of an app's tags that nobody told of."""
    last, asked = services.store.tags.find_last(app)
    now = services.settings.clock()
    tags = [one for one in services.store.tags.never_delivered(app) if is_shown(one, now=now)]
    return TagsView(
        compared_at=last.compared_at if last else None,
        tried_at=last.tried_at if last else None,
        error=last.error if last else None,
        is_asked=asked != (last.answered if last else 0),
        missed=tuple(one for one in tags if one.heard.is_open),
        dismissed=tuple(one for one in tags if one.heard is Heard.DISMISSED),
    )


def describe_tags(tags: Iterable[KnownTag], standing: Standing) -> tuple[MissedTag, ...]:
    """Each with its button, as the app stands now."""
    return tuple(_describe(tag, standing) for tag in tags)


def get_missed_tag(app: str, tag: str, commit: str, services: Services) -> KnownTag:
    """The tag of that name that nobody told of, at the commit that the caller saw (any, where it is empty).

    Raises:
        Problem: ``tag-not-missed``: it is no such tag, or was heard of or moved meanwhile.
    """
    tags = services.store.tags.never_delivered(app)
    found = next((one for one in tags if one.name == tag and one.heard.is_open), None)
    if found is None or commit not in {"", found.commit}:
        raise Problem(
            "tag-not-missed",
            "No such missed tag",
            detail=f"{app}: {shown(tag)!r} is none that is in Git, at that commit, and was never delivered: "
            "it was released, moved, dismissed or deleted meanwhile, or the name is wrong",
            next_step=f"see `verdigris tags {app}`; `verdigris deploy` releases any tag",
        )
    return found


def dismiss(app: str, tag: KnownTag, services: Services, *, actor: Actor, reason: str) -> None:
    """Keep that somebody decided against a tag: it is told no more, unless it is moved."""
    dismissed = replace(tag, heard=Heard.DISMISSED, by=str(actor), reason=reason)
    services.store.tags.dismiss(app, dismissed)


def identify(tag: KnownTag) -> str:
    """What its release is known by: a delivery that comes late, or a second click, is a duplicate then."""
    return f"missed {tag.name} {tag.commit}"


def _describe(tag: KnownTag, standing: Standing) -> MissedTag:
    color = find_color(tag.name) or Color.BLUE  # each was listed because it names one
    return MissedTag(
        tag,
        color,
        what=_tell(tag, color, standing),
        loses=_tell_loss(color, standing),
        against=_find_against(tag, color, standing),
    )


def _tell(tag: KnownTag, color: Color, standing: Standing) -> str:
    moved = f"{tag.name} was moved in Git, from {tag.was[:SHORT]}. " if tag.heard is Heard.MOVED else ""
    return (
        f"{moved}Deploys commit {tag.commit[:SHORT]} to {color}, runs the migrations and tests it there. "
        + standing.tell_users_stay()
    )


def _tell_loss(color: Color, standing: Standing) -> str:
    idle = standing.idle if standing.live else None
    if idle is None or idle.color is not color:
        return ""
    return f"It replaces {idle.tag} on {color}: no more switching to that one."


def _find_against(tag: KnownTag, color: Color, standing: Standing) -> str:
    if standing.live is not color:
        return ""
    return f"{color} is live: push the same commit as {with_color(tag.name, color.other)}"
