"""What people say to the promote of a release, over the API. No job: what it comes to is the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import structlog
from flask import Response, g, request

from release.roles import Action
from webhook import api_answers as answer
from webhook.answers import json_answer
from webhook.api_actions import api
from webhook.api_bodies import ReasonBody, VoteBody, validate
from webhook.api_description import describe
from webhook.bodies import read_json
from webhook.guard import needs
from webhook.lookups import get_app, get_release
from webhook.presentation import approvals_json, release_json, stop_json
from webhook.services import services
from webhook.trail import carry_out

if TYPE_CHECKING:
    from release.approvals import Verdict
    from release.model import Actor, Release

__all__ = ["api"]

log = structlog.get_logger(__name__)


@api.post("/releases/<release_id>/approve")
@needs(Action.APPROVE)
@describe(
    "releases",
    body=VoteBody,
    answers=answer.Voted,
    refuses=(
        "unknown-app",
        "unknown-release",
        "own-release",
        "already-approved",
        "release-rejected",
        "past-approval",
    ),
)
def approve(release_id: str) -> Response:
    """Say yes to the promote of a release. Whoever pushed its tag can't."""
    release = get_release(release_id)
    body = validate(VoteBody, read_json(request))
    verdict = carry_out(
        lambda: services().requests.approve(release.id, actor=_actor(), comment=body.comment),
        reason=body.comment,
        about={"decision": "approve"},
    )
    return _tell_verdict(release, verdict, "approved")


@api.post("/releases/<release_id>/reject")
@needs(Action.APPROVE)
@describe(
    "releases",
    body=VoteBody,
    answers=answer.Voted,
    refuses=("unknown-app", "unknown-release", "release-rejected", "being-promoted", "past-approval"),
)
def reject(release_id: str) -> Response:
    """Say no to the promote of a release, for good: it is never promoted, and a fix needs a new tag."""
    release = get_release(release_id)
    body = validate(VoteBody, read_json(request))
    verdict = carry_out(
        lambda: services().requests.reject(release.id, actor=_actor(), comment=body.comment),
        reason=body.comment,
        about={"decision": "reject"},
    )
    return _tell_verdict(release, verdict, "rejected")


@api.post("/releases/<release_id>/stop-countdown")
@needs(Action.STOP_COUNTDOWN)
@describe(
    "releases",
    body=ReasonBody,
    answers=answer.Stopped,
    refuses=("unknown-app", "unknown-release", "no-countdown", "being-promoted"),
)
def stop_countdown(release_id: str) -> Response:
    """Let a release not be promoted by itself. It can still be promoted by hand."""
    release = get_release(release_id)
    body = validate(ReasonBody, read_json(request))
    stop = carry_out(
        lambda: services().requests.stop_countdown(release.id, actor=_actor(), reason=body.reason),
        reason=body.reason,
    )
    log.info("countdown stopped", release_id=release.id, actor=str(_actor()))
    found: answer.Stopped = {"release": release_json(release), "stopped": stop_json(stop)}
    return json_answer(found)


def _tell_verdict(release: Release, verdict: Verdict, what: str) -> Response:
    log.info(what, release_id=release.id, actor=str(_actor()), missing=verdict.missing)
    needed = get_app(release.app).promote.approvals
    found: answer.Voted = {
        "release": release_json(release),
        "approvals": approvals_json(verdict, needed=needed),
    }
    return json_answer(found)


def _actor() -> Actor:
    return cast("Actor", g.actor)
