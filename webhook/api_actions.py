"""What the API changes: each call is durable when it answers 202, and is carried out by a worker later."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import structlog
from flask import Response, g, request

from release.problems import NotDurable
from webhook.answers import json_answer
from webhook.api import api, find_position
from webhook.api_bodies import DeployBody, ReasonBody, ReleaseBody, validate
from webhook.bodies import read_json
from webhook.lookups import get_app, get_release
from webhook.presentation import job_json, release_json
from webhook.services import services

if TYPE_CHECKING:
    from release.model import Actor
    from webhook.services import Accepted

__all__ = ["api"]

log = structlog.get_logger(__name__)


@api.post("/apps/<name>/deploy")
def deploy(name: str) -> Response:
    """A new release of a tag."""
    get_app(name)
    body = validate(DeployBody, read_json(request))
    accepted = services().requests.deploy(
        name, body.tag, actor=_actor(), commit=body.commit, reason=body.reason
    )
    return _accepted(accepted, "deploy")


@api.post("/apps/<name>/promote")
def promote(name: str) -> Response:
    """Move every user to a release: the one named, else the one that is ready."""
    get_app(name)
    body = validate(ReleaseBody, read_json(request))
    accepted = services().requests.promote(name, actor=_actor(), release_id=body.release, reason=body.reason)
    return _accepted(accepted, "promote")


@api.post("/apps/<name>/rollback")
def rollback(name: str) -> Response:
    """Move every user back to the release that was live before."""
    get_app(name)
    body = validate(ReleaseBody, read_json(request))
    accepted = services().requests.rollback(name, actor=_actor(), release_id=body.release, reason=body.reason)
    return _accepted(accepted, "rollback")


@api.post("/apps/<name>/decommission")
def decommission(name: str) -> Response:
    """Remove the color that is not live."""
    get_app(name)
    body = validate(ReasonBody, read_json(request))
    return _accepted(
        services().requests.decommission(name, actor=_actor(), reason=body.reason), "decommission"
    )


@api.post("/releases/<release_id>/cancel")
def cancel(release_id: str) -> Response:
    """Stop a release on its way."""
    release = get_release(release_id)
    body = validate(ReasonBody, read_json(request))
    return _accepted(services().requests.cancel(release.id, actor=_actor(), reason=body.reason), "cancel")


@api.post("/releases/<release_id>/retry")
def retry(release_id: str) -> Response:
    """Run a failed release's stages again."""
    release = get_release(release_id)
    body = validate(ReasonBody, read_json(request))
    return _accepted(services().requests.retry(release.id, actor=_actor(), reason=body.reason), "retry")


@api.post("/releases/<release_id>/redeploy")
def redeploy(release_id: str) -> Response:
    """A new release of the same commit."""
    release = get_release(release_id)
    body = validate(ReasonBody, read_json(request))
    return _accepted(services().requests.redeploy(release.id, actor=_actor(), reason=body.reason), "redeploy")


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
    content = {**_describe(accepted), "is_new": accepted.is_new}
    return json_answer(content, status, location=f"/api/v1/jobs/{accepted.job_id}")


def _describe(accepted: Accepted) -> dict[str, Any]:
    """Job and release as they are now.

    The request is durable already: where Redis goes away before they are read back, their ids must do.
    """
    store = services().store
    try:
        job = store.find_job(accepted.job_id)
        release = store.find_release(accepted.release_id) if accepted.release_id else None
        return {
            "job": job_json(job, position=find_position(job)) if job else {"id": accepted.job_id},
            "release": release_json(release) if release else _only_id(accepted.release_id),
        }
    except NotDurable:
        log.warning("accepted, but not read back", job_id=accepted.job_id)
        return {"job": {"id": accepted.job_id}, "release": _only_id(accepted.release_id)}


def _only_id(release_id: str | None) -> dict[str, str] | None:
    return {"id": release_id} if release_id else None
