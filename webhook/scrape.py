"""``/metrics``: for Prometheus, with a token of a viewer of all apps unless the configuration lets it in."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, request

from release.roles import Action
from webhook.api import check_caller
from webhook.guard import check_rights, needs
from webhook.senders import is_among
from webhook.services import current_sender, services

scrape = Blueprint("scrape", __name__)


@scrape.before_request
def check_scraper() -> None:
    """As an API call, but for those whom the configuration lets in.

    Raises:
        Problem: 401, 403 or 429.
        NotDurable: the token may be one that was made at run time, and Redis can't be asked.
    """
    sender = current_sender()
    if _is_let_in(sender):
        services().throttle.check_calls(None, sender)
        return
    check_caller()
    check_rights()


@scrape.get("/metrics")
@needs(Action.READ)
def show_metrics() -> Response:
    """200 also while Redis is away: with what this process itself knows."""
    accept = request.headers.get("Accept", "")
    body, content_type = services().metrics.tell(services().redis_metrics, accept=accept)
    return Response(body, HTTPStatus.OK, content_type=content_type)


def _is_let_in(sender: str) -> bool:
    given = services().config.metrics
    return given.public or is_among(sender, given.networks)
