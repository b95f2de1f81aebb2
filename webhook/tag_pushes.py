"""From a push of tags to releases, and to the words that the Git host keeps of it.

Only the tag, the commit and the pusher are taken from a payload; a tag is hostile until it was checked.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from structlog.contextvars import bind_contextvars

from release.model import Actor, State
from release.problems import NotDurable, Problem
from release.tag import find_color, find_refusal, shown
from webhook.answers import json_answer
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response

    from release.model import Release
    from webhook.endpoints import Endpoint
    from webhook.providers.events import NewTag, TagPush
    from webhook.services import Accepted

    Outcome = dict[str, Any]

MOVED: Final = "an existing tag was moved; push a new tag to release that commit"

AGAIN: Final = {State.FAILED: "retry", State.WAITING: "start"}
"""The command that lets a known release go on; for all others, ``redeploy``."""

LOOKED_BACK: Final = 200
"""Releases of an app among which one of the same tag is looked for, where the host does not tell of moves."""

log = structlog.get_logger(__name__)


def sort_tags(push: TagPush) -> tuple[list[NewTag], list[Outcome]]:
    """The tags that name a release, each once, and what is told of the others."""
    reasons = {tag: _find_reason_to_ignore(tag.name) for tag in push.tags}
    fitting = [tag for tag, reason in reasons.items() if reason is None]
    others = [
        {"result": "ignored", "reason": reason, "tag": shown(tag.name)}
        for tag, reason in reasons.items()
        if reason is not None
    ]
    for other in others:
        log.info("delivery ignored", why=other["reason"], delivery=push.delivery)
    return fitting, others


def release_tags(
    push: TagPush, tags: Sequence[NewTag], endpoints: Sequence[Endpoint], *, ignored: list[Outcome]
) -> Response:
    """A release of each tag for each app; without any, the answer tells why the others are ignored.

    What the core refuses is told in a 200: the delivery itself was fine. Should Redis go away half way, the
    answer is a 503, and the delivery sent again finds the first tags to be duplicates.
    """
    outcomes = _ask_for_each(push, tags, endpoints)
    accepted = [outcome for outcome in outcomes if outcome["result"] == "accepted"]
    first = (accepted or outcomes or ignored)[0]
    if len(accepted) == 1:
        bind_contextvars(app=first["app"], release=first["release"])
    content = {**first, "delivery": push.delivery, "releases": outcomes}
    if len(push.tags) > 1:
        content["ignored"] = ignored
    if accepted:
        return json_answer(content, HTTPStatus.ACCEPTED, location=first.get("url"))
    return json_answer(content)


def _ask_for_each(push: TagPush, tags: Sequence[NewTag], endpoints: Sequence[Endpoint]) -> list[Outcome]:
    """What became of each; once something was accepted, nobody may be told that nothing was."""
    outcomes: list[Outcome] = []
    for tag in tags:
        for endpoint in endpoints:
            try:
                outcomes.append(_ask(push, tag, endpoint.app))
            except NotDurable as error:
                raise NotDurable(str(error), is_in_doubt=error.is_in_doubt or bool(outcomes)) from error
    return outcomes


def _find_reason_to_ignore(tag: str) -> str | None:
    """Why a tag starts nothing, if so. Only its escaped form is repeated."""
    if find_color(tag) is None:
        return f"the tag {shown(tag)} does not end the name of a version with -blue or -green"
    refusal = find_refusal(tag)
    return f"the tag {shown(tag)} can't be released: {refusal}" if refusal else None


def _ask(push: TagPush, tag: NewTag, app: str) -> Outcome:
    """What became of a tag for one app. The host may send the delivery again: the core knows it then."""
    about = {"app": app, "tag": tag.name}
    may_move = services().config.apps[app].moved_tags == "release"
    if tag.is_move and not may_move:
        log.info("tag received", result="ignored", why=MOVED, delivery=push.delivery, **about)
        return {"result": "ignored", "reason": MOVED, **_how_to_deploy(app, tag.name), **about}
    moved = None if push.is_move_told or may_move else _find_elsewhere(app, tag)
    if moved:
        log.info("tag received", result="duplicate", release_id=moved.id, delivery=push.delivery, **about)
        return {"result": "duplicate", **_told_as_moved(moved), **about}
    try:
        accepted = services().requests.deploy(
            app,
            tag.name,
            actor=Actor("git", push.pusher),
            commit=tag.commit,
            delivery=_identify(push, tag),
            address=current_sender(),
        )
    except Problem as refusal:
        log.info("tag refused", why=refusal.document.slug, delivery=push.delivery, **about)
        reason = f"{refusal.document.detail}; {refusal.document.next_step}"
        return {"result": "refused", "reason": reason, **about}
    result = "accepted" if accepted.is_new else "duplicate"
    log.info("tag received", result=result, release_id=accepted.release_id, delivery=push.delivery, **about)
    told = {"reason": "recorded"} if accepted.is_new else _told_as_known(accepted, tag.name, app)
    return {"result": result, **told, **_address(accepted.release_id), "job": accepted.job_id, **about}


def _identify(push: TagPush, tag: NewTag) -> str:
    """What the core remembers: a delivery of several tags must not make the second a copy of the first."""
    return push.delivery if len(push.tags) == 1 else f"{push.delivery} {tag.name}"


def _find_elsewhere(app: str, tag: NewTag) -> Release | None:
    """A release of the same tag at another commit; also where one of the two commits is not known (yet)."""
    releases = services().store.releases(app, limit=LOOKED_BACK)
    return next((one for one in releases if one.tag == tag.name and one.commit != tag.commit), None)


def _told_as_moved(release: Release) -> Outcome:
    return {
        "reason": f"this tag was received before, as release {release.id}; a moved tag starts nothing",
        **_how_to_deploy(release.app, release.tag),
        **_address(release.id),
    }


def _how_to_deploy(app: str, tag: str) -> Outcome:
    return {"next_step": f"to release what it names now: verdigris deploy {app} {tag}"}


def _told_as_known(accepted: Accepted, tag: str, app: str) -> Outcome:
    """Which release it is, and how to run it again, as the state that it is in allows."""
    known = services().store.find_release(accepted.release_id) if accepted.release_id else None
    if known is None:
        reason, command = "this tag was received before", f"deploy {app} {tag}"
    else:
        reason = f"this tag was received before, as release {known.id}, which is {known.state}"
        command = f"{AGAIN.get(known.state, 'redeploy')} {known.id}"
        if known.state is State.WAITING:
            return {"reason": reason, "next_step": f"to let it go on without waiting: verdigris {command}"}
    return {"reason": reason, "next_step": f"to run it again: verdigris {command}"}


def _address(release_id: str | None) -> Outcome:
    if release_id is None:
        return {}
    return {"release": release_id, "url": services().settings.address(f"/releases/{release_id}")}
