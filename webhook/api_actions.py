"""What the API changes: each call is durable when it answers 202, and is carried out by a worker later."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import structlog
from flask import Response, g, request

from release.model import JobKind
from release.problems import NotDurable
from release.roles import Action
from webhook import api_answers as answer
from webhook.answers import json_answer
from webhook.api import api, find_position
from webhook.api_bodies import (
    DeployBody,
    NoBody,
    PromoteBody,
    ReasonBody,
    ReleaseBody,
    StartBody,
    validate,
)
from webhook.api_description import describe
from webhook.bodies import read_json
from webhook.differences import look_at_difference
from webhook.guard import check_override, needs
from webhook.lookups import get_app, get_release
from webhook.missed_tags import dismiss, get_missed_tag, look_at_tags
from webhook.presentation import job_json, release_json, tags_json
from webhook.services import services
from webhook.trail import carry_out, request_job

if TYPE_CHECKING:
    from release.model import Actor, Job, Release
    from webhook.services import Accepted

__all__ = ["api"]

ACCEPTED: Final = {HTTPStatus.OK: answer.Accepted, HTTPStatus.ACCEPTED: answer.Accepted}

log = structlog.get_logger(__name__)


@api.post("/apps/<name>/deploy")
@needs(Action.DEPLOY)
@describe(
    "apps",
    body=DeployBody,
    answers=ACCEPTED,
    refuses=("unknown-app", "tag-does-not-match", "tag-refused"),
)
def deploy(name: str) -> Response:
    """A new release of a tag."""
    get_app(name)
    body = validate(DeployBody, read_json(request))
    accepted = request_job(
        lambda: services().requests.deploy(
            name, body.tag, actor=_actor(), commit=body.commit, reason=body.reason
        ),
        reason=body.reason,
        about={"tag": body.tag},
    )
    return _accepted(accepted, "deploy")


@api.post("/apps/<name>/promote")
@needs(Action.PROMOTE)
@describe(
    "apps",
    body=PromoteBody,
    answers=ACCEPTED,
    refuses=(
        "unknown-app",
        "unknown-release",
        "already-queued",
        "nothing-ready",
        "not-ready",
        "color-being-deployed",
        "app-frozen",
        "reason-missing",
        "approvals-missing",
        "release-rejected",
        "own-release",
    ),
)
def promote(name: str) -> Response:
    """Move every user to a release: the one named, else the one that is ready."""
    get_app(name)
    body = validate(PromoteBody, read_json(request))
    about = check_override(name, is_wanted=body.override_freeze)
    accepted = request_job(
        lambda: services().requests.promote(
            name,
            actor=_actor(),
            release_id=body.release,
            reason=body.reason,
            overrides_freeze=body.override_freeze,
        ),
        reason=body.reason,
        release=body.release,
        about=about,
    )
    return _accepted(accepted, "promote")


@api.post("/apps/<name>/rollback")
@needs(Action.ROLLBACK)
@describe(
    "apps",
    body=ReleaseBody,
    answers=ACCEPTED,
    refuses=("unknown-app", "unknown-release", "already-queued", "nothing-on-standby"),
)
def rollback(name: str) -> Response:
    """Move every user back to the release that was live before."""
    get_app(name)
    body = validate(ReleaseBody, read_json(request))
    accepted = request_job(
        lambda: services().requests.rollback(
            name, actor=_actor(), release_id=body.release, reason=body.reason
        ),
        reason=body.reason,
        release=body.release,
    )
    return _accepted(accepted, "rollback")


@api.post("/apps/<name>/decommission")
@needs(Action.DECOMMISSION)
@describe(
    "apps",
    body=ReasonBody,
    answers=ACCEPTED,
    refuses=("unknown-app", "already-queued", "nothing-live"),
)
def decommission(name: str) -> Response:
    """Remove the color that is not live."""
    get_app(name)
    body = validate(ReasonBody, read_json(request))
    accepted = request_job(
        lambda: services().requests.decommission(name, actor=_actor(), reason=body.reason),
        reason=body.reason,
    )
    return _accepted(accepted, "decommission")


@api.post("/apps/<name>/tags/compare")
@needs(Action.COMPARE_TAGS)
@describe("tags", body=NoBody, answers={HTTPStatus.ACCEPTED: answer.Tags}, refuses=("unknown-app",))
def compare_tags(name: str) -> Response:
    """Let a worker compare the tags in Git with what was heard of; what is known so far is answered."""
    get_app(name)
    validate(NoBody, read_json(request))
    carry_out(lambda: services().store.tags.ask(name))
    log.info("comparison asked for", app=name, actor=str(_actor()))
    return json_answer(tags_json(name, look_at_tags(name, services())), HTTPStatus.ACCEPTED)


@api.post("/apps/<name>/tags/dismiss")
@needs(Action.DISMISS_TAG)
@describe("tags", body=DeployBody, answers=answer.Tags, refuses=("unknown-app", "tag-not-missed"))
def dismiss_tag(name: str) -> Response:
    """Decide against a tag that nobody told of: it is listed as dismissed then."""
    get_app(name)
    body = validate(DeployBody, read_json(request))

    def deed() -> None:
        tag = get_missed_tag(name, body.tag, body.commit, services())
        dismiss(name, tag, services(), actor=_actor(), reason=body.reason)
        log.info("tag dismissed", app=name, tag=tag.name, commit=tag.commit, actor=str(_actor()))

    carry_out(deed, reason=body.reason, about={"tag": body.tag})
    return json_answer(tags_json(name, look_at_tags(name, services())))


@api.post("/releases/<release_id>/cancel")
@needs(Action.CANCEL)
@describe(
    "releases",
    body=ReasonBody,
    answers=ACCEPTED,
    refuses=("unknown-release", "nothing-to-cancel", "already-begun"),
)
def cancel(release_id: str) -> Response:
    """Stop a release on its way."""
    release = get_release(release_id)
    body = validate(ReasonBody, read_json(request))
    accepted = request_job(
        lambda: services().requests.cancel(release.id, actor=_actor(), reason=body.reason), reason=body.reason
    )
    return _accepted(accepted, "cancel")


@api.post("/releases/<release_id>/retry")
@needs(Action.RETRY)
@describe(
    "releases",
    body=ReasonBody,
    answers=ACCEPTED,
    refuses=("unknown-release", "not-failed"),
)
def retry(release_id: str) -> Response:
    """Run a failed release's stages again."""
    release = get_release(release_id)
    body = validate(ReasonBody, read_json(request))
    accepted = request_job(
        lambda: services().requests.retry(release.id, actor=_actor(), reason=body.reason), reason=body.reason
    )
    return _accepted(accepted, "retry")


@api.post("/releases/<release_id>/start")
@needs(Action.START)
@describe(
    "releases",
    body=StartBody,
    answers=ACCEPTED,
    refuses=("unknown-release", "not-waiting", "app-frozen", "reason-missing"),
)
def start(release_id: str) -> Response:
    """Let a release that waits for CI, its image or the end of a freeze go on without."""
    release = get_release(release_id)
    body = validate(StartBody, read_json(request))
    about = check_override(release.app, is_wanted=body.override_freeze)
    accepted = request_job(
        lambda: services().requests.start(
            release.id, actor=_actor(), reason=body.reason, overrides_freeze=body.override_freeze
        ),
        reason=body.reason,
        about=about,
    )
    return _accepted(accepted, "start")


@api.post("/releases/<release_id>/redeploy")
@needs(Action.REDEPLOY)
@describe(
    "releases",
    body=ReasonBody,
    answers=ACCEPTED,
    refuses=("unknown-release", "no-commit"),
)
def redeploy(release_id: str) -> Response:
    """A new release of the same commit."""
    release = get_release(release_id)
    body = validate(ReasonBody, read_json(request))
    accepted = request_job(
        lambda: services().requests.redeploy(release.id, actor=_actor(), reason=body.reason),
        reason=body.reason,
    )
    return _accepted(accepted, "redeploy")


def _actor() -> Actor:
    return cast("Actor", g.actor)


def _accepted(accepted: Accepted, what: str) -> Response:
    """202 for what is new, 200 for what had been asked before."""
    log.info(
        "accepted",
        what=what,
        actor=str(_actor()),
        release_id=accepted.release_id,
        job_id=accepted.job_id,
        is_new=accepted.is_new,
    )
    status = HTTPStatus.ACCEPTED if accepted.is_new else HTTPStatus.OK
    return json_answer(_read_back(accepted), status, location=f"/api/v1/jobs/{accepted.job_id}")


def _job_json(job: Job) -> answer.Job:
    return job_json(job, now=services().settings.clock(), position=find_position(job))


def _read_back(accepted: Accepted) -> answer.Accepted:
    """Job and release as they are now.

    The request is durable already: where Redis goes away before they are read back, their ids must do.
    """
    store = services().store
    try:
        job = store.find_job(accepted.job_id)
        release = store.find_release(accepted.release_id) if accepted.release_id else None
        return {
            "job": _job_json(job) if job else {"id": accepted.job_id},
            "release": release_json(release) if release else _only_id(accepted.release_id),
            "is_new": accepted.is_new,
            "changes": _sum_up(job, release),
        }
    except NotDurable:
        log.warning("accepted, but not read back", job_id=accepted.job_id)
        return {
            "job": {"id": accepted.job_id},
            "release": _only_id(accepted.release_id),
            "is_new": accepted.is_new,
            "changes": None,
        }


def _sum_up(job: Job | None, release: Release | None) -> str | None:
    """What a promote changes, in a few words, where it is known."""
    if job is None or release is None or job.kind is not JobKind.PROMOTE:
        return None
    view = look_at_difference(release, services())
    return f"{view.summary}, {view.compared}" if view else None


def _only_id(release_id: str | None) -> answer.OnlyId | None:
    return {"id": release_id} if release_id else None
