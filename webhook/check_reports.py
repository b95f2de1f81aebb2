"""From what a host tells of its CI to the releases that waited for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from webhook.answers import json_answer
from webhook.services import services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response

    from webhook.endpoints import Endpoint
    from webhook.providers.events import CheckReport

log = structlog.get_logger(__name__)


def note_report(report: CheckReport, endpoints: Sequence[Endpoint]) -> Response:
    """200, once it is kept, with the releases that it lets into their queue."""
    started = []
    for endpoint in endpoints:
        ids = services().requests.note_checks(endpoint.app, report.commit, report.checks)
        started += [{"app": endpoint.app, "release": one, "result": "started"} for one in ids]
    told = [f"{check.name}: {check.state}" for check in report.checks]
    log.info("checks noted", commit=report.commit, checks=told, started=started, delivery=report.delivery)
    return json_answer(
        {
            "result": "noted",
            "reason": "what CI says is kept for releases that wait for it",
            "delivery": report.delivery,
            "commit": report.commit,
            "releases": started,
        }
    )
