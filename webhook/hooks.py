"""Webhooks: from a Git host's delivery to a release, in milliseconds.

Only the repository's name, the tag, the commit and the pusher are taken from a payload, and the first of them
only chooses among configured apps. An authentic delivery of an odd tag is never answered with an error: hosts
disable hooks that fail.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from flask import Blueprint, Response, abort, request

from release.model import Actor
from release.problems import Problem
from release.tag import find_color, find_refusal, shown
from webhook.answers import json_answer, unauthorized
from webhook.bodies import HOOK_LIMIT, bad_body, check_json_type, read_body
from webhook.endpoints import Endpoint, secrets_of
from webhook.providers import PROVIDERS
from webhook.providers.events import BadBody, BadShape, BadSignature, Event, Ignored, TagPush
from webhook.services import services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webhook.providers.events import Provider

hooks = Blueprint("hooks", __name__, url_prefix="/webhooks")
log = structlog.get_logger(__name__)


@hooks.post("/<host>")
def take_delivery(host: str) -> Response:
    """Verify, read, hand to the core: 202 when a release was recorded, 200 when there is nothing to do."""
    provider = PROVIDERS.get(host) or abort(HTTPStatus.NOT_FOUND)
    check_json_type(request)
    body = read_body(request, limit=HOOK_LIMIT)
    endpoints = [one for one in services().endpoints if one.provider == host]
    event = _receive(provider, body, endpoints)
    if isinstance(event, Ignored):
        return _nothing(event.reason, event.delivery)
    reason = _find_reason_to_ignore(event.tag)
    if reason:
        return _nothing(reason, event.delivery)
    return _release(event, _endpoints_of(event, provider, body, endpoints))


def _receive(provider: Provider, body: bytes, endpoints: Sequence[Endpoint]) -> Event:
    """The event, or the problem that its sender is told."""
    try:
        return provider.receive(_headers(), body, secrets_of(endpoints))
    except BadSignature:
        log.warning("delivery refused", why="no valid signature", sender=request.remote_addr)
        raise unauthorized() from None
    except BadBody as error:
        raise bad_body(str(error)) from error
    except BadShape as error:
        raise Problem(
            "unexpected-shape",
            "Not a delivery of this host",
            detail=f"the signed body is {error}",
            next_step="check that the hook's address is the one of this Git host",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
        ) from error


def _headers() -> dict[str, str]:
    """As a plain mapping: providers know nothing of Flask."""
    return dict(request.headers.items())


def _find_reason_to_ignore(tag: str) -> str | None:
    """Why a tag starts nothing, if so. The tag is hostile: only its escaped form is repeated."""
    if find_color(tag) is None:
        return f"the tag {shown(tag)} does not end the name of a version with -blue or -green"
    refusal = find_refusal(tag)
    return f"the tag {shown(tag)} can't be released: {refusal}" if refusal else None


def _endpoints_of(
    event: TagPush, provider: Provider, body: bytes, endpoints: Sequence[Endpoint]
) -> list[Endpoint]:
    """The apps of the event's repository whose own secret made the signature.

    Raises:
        Problem: 403 for a repository that no app names; 401 for one signed with another app's secret.
    """
    named = [one for one in endpoints if one.has_repository(event.repository)]
    if not named:
        raise Problem(
            "unknown-repository",
            "Repository not configured",
            detail="the delivery is signed, but its repository is none that may start releases here",
            next_step="name the repository in the webhook section of an app, or remove the hook",
            status=HTTPStatus.FORBIDDEN,
        )
    own = [one for one in named if _is_signed(provider, body, one)]
    if not own:
        log.warning("delivery refused", why="signed with another app's secret", sender=request.remote_addr)
        raise unauthorized()
    return own


def _is_signed(provider: Provider, body: bytes, endpoint: Endpoint) -> bool:
    try:
        provider.verify(_headers(), body, endpoint.secrets)
    except BadSignature:
        return False
    return True


def _release(event: TagPush, endpoints: Sequence[Endpoint]) -> Response:
    """A release for each app. What the core refuses is told in a 200: the delivery itself was fine."""
    outcomes = [_ask(event, endpoint) for endpoint in endpoints]
    is_any_new = any(outcome["result"] == "accepted" for outcome in outcomes)
    first = outcomes[0]
    location = next((outcome["url"] for outcome in outcomes if "url" in outcome), None)
    status = HTTPStatus.ACCEPTED if is_any_new else HTTPStatus.OK
    content = {**first, "delivery": event.delivery, "releases": outcomes}
    return json_answer(content, status, location=location if is_any_new else None)


def _ask(event: TagPush, endpoint: Endpoint) -> dict[str, Any]:
    """What became of a tag for one app. The host may send the delivery again: the core knows it then."""
    about = {"app": endpoint.app, "tag": event.tag}
    try:
        accepted = services().requests.deploy(
            endpoint.app,
            event.tag,
            actor=Actor("git", event.pusher),
            commit=event.commit,
            delivery=event.delivery,
        )
    except Problem as refusal:
        log.info("tag refused", why=refusal.document.slug, delivery=event.delivery, **about)
        reason = f"{refusal.document.detail}; {refusal.document.next_step}"
        return {"result": "refused", "reason": reason, **about}
    result = "accepted" if accepted.is_new else "duplicate"
    log.info("tag received", result=result, release_id=accepted.release_id, delivery=event.delivery, **about)
    address = services().settings.address(f"/releases/{accepted.release_id}")
    reason = "recorded" if accepted.is_new else "this tag at this commit had been received before"
    return {
        "result": result,
        "reason": reason,
        "release": accepted.release_id,
        "job": accepted.job_id,
        "url": address,
        **about,
    }


def _nothing(reason: str, delivery: str) -> Response:
    """200: authentic, understood, and nothing to do."""
    log.info("delivery ignored", why=reason, delivery=delivery)
    return json_answer({"result": "ignored", "reason": reason, "delivery": delivery, "releases": []})
