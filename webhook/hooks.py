"""Webhooks: from a Git host's request to a delivery that somebody signed, in milliseconds.

What it means is the provider's to say, what becomes of it is for ``tag_pushes``. An authentic delivery of an
odd tag is never answered with an error: hosts disable hooks that fail.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from flask import Blueprint, Response, abort
from structlog.contextvars import bind_contextvars

from release.problems import Problem
from webhook.answers import json_answer, too_many_refused, unauthorized
from webhook.bodies import HOOK_LIMIT, bad_body, check_json_type, read_body
from webhook.check_reports import note_report
from webhook.current import current_request
from webhook.providers import PROVIDERS
from webhook.providers.events import BadBody, BadShape, CheckReport, Delivery, Event, Ignored
from webhook.services import current_sender, services
from webhook.tag_pushes import release_tags, sort_tags

if TYPE_CHECKING:
    from webhook.endpoints import Circle, Endpoint
    from webhook.providers.events import Provider

hooks = Blueprint("hooks", __name__, url_prefix="/webhooks")
log = structlog.get_logger(__name__)


@hooks.post("/<host>")
def take_delivery(host: str) -> Response:
    """Verify, read, hand to the core: 202 when a release was recorded, else 200: noted, or nothing to do."""
    provider = PROVIDERS.get(host) or abort(HTTPStatus.NOT_FOUND)
    asked = current_request()
    check_json_type(asked)
    body = read_body(asked, limit=HOOK_LIMIT)
    delivery = Delivery(asked.headers, body, services().settings.clock())
    greeting = provider.greet(delivery)
    if greeting:
        return json_answer({"result": "ignored", "reason": greeting.reason, "releases": []})
    signers = _get_signers(delivery, host)
    event = _read(provider, delivery)
    bind_contextvars(delivery=event.delivery)
    if isinstance(event, Ignored):
        return _nothing(event)
    if isinstance(event, CheckReport):
        return _take_report(event, host, signers)
    tags, ignored = sort_tags(event)
    endpoints = _endpoints_of(event.repository, host, signers) if tags else []
    return release_tags(event, tags, endpoints, ignored=ignored)


@hooks.after_request
def count_delivery(answer: Response) -> Response:
    """Each delivery to a host that there is counts, whatever becomes of it."""
    host = (current_request().view_args or {}).get("host")
    if host in PROVIDERS:
        services().metrics.count_delivery(host, answer)
    return answer


def _get_signers(delivery: Delivery, host: str) -> list[Circle]:
    """The apps that the sender has shown to know a secret of.

    Raises:
        Problem: 401, or 429 for a sender that had it too often.
    """
    sender = current_sender()
    signers = services().endpoints.find_signers(delivery, host)
    if not any(one.is_open_to(sender) for one in signers):
        raise _refusal("no valid signature" if not signers else "not one of the app's senders")
    return signers


def _refusal(why: str) -> Problem:
    """For a sender without valid proof; of a flood not every line is logged."""
    sender = current_sender()
    if services().throttle.is_spent(sender):
        return too_many_refused()
    log.warning("delivery refused", why=why, sender=sender)
    return unauthorized()


def _read(provider: Provider, delivery: Delivery) -> Event:
    """The event, or the problem that its sender is told."""
    try:
        return provider.parse(delivery)
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


def _endpoints_of(repository: str, host: str, signers: list[Circle]) -> list[Endpoint]:
    """The apps of the delivery's repository whose own secret made the signature.

    Raises:
        Problem: 403 for a repository that no app names; 401 for one signed with another app's secret.
    """
    own = services().endpoints.of(repository, host, signers, sender=current_sender())
    if own:
        return own
    if services().endpoints.has_repository(repository, host):
        raise _refusal("signed with another app's secret")
    raise Problem(
        "unknown-repository",
        "Repository not configured",
        detail="the delivery is signed, but its repository is none that may start releases here",
        next_step="name the repository in the webhook section of an app, or remove the hook",
        status=HTTPStatus.FORBIDDEN,
    )


def _take_report(report: CheckReport, host: str, signers: list[Circle]) -> Response:
    """A hook of a whole organization tells of many repositories: what is none of ours is no error."""
    if not services().endpoints.has_repository(report.repository, host):
        return _nothing(Ignored("its repository is none that may start releases here", report.delivery))
    return note_report(report, _endpoints_of(report.repository, host, signers))


def _nothing(event: Ignored) -> Response:
    """200: authentic, understood, and nothing to do."""
    log.info("delivery ignored", why=event.reason, delivery=event.delivery)
    return json_answer(
        {"result": "ignored", "reason": event.reason, "delivery": event.delivery, "releases": []}
    )
