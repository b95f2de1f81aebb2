"""Whether the process lives (``/healthz``) and can work (``/readyz``), for probes and load balancers."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response

from release.problems import NotDurable
from webhook.answers import json_answer
from webhook.services import services

health = Blueprint("health", __name__)


@health.get("/healthz")
def show_alive() -> Response:
    """200 as long as requests are handled; Redis away is no reason to restart this process."""
    return json_answer({"status": "alive"})


@health.get("/readyz")
def show_ready() -> Response:
    """200 when requests can be accepted, else 503, with each check by name."""
    checks = {"redis": _redis(), "configuration": "ok"}
    is_ready = all(result == "ok" for result in checks.values())
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return json_answer({"status": "ready" if is_ready else "not ready", "checks": checks}, status)


def _redis() -> str:
    """The configuration was checked before the process started; only Redis can go away later."""
    try:
        return "ok" if services().store.is_reachable() else "no answer"
    except NotDurable:
        return "no answer within a second"
