"""Answers in JSON, good and bad: one form for hooks and API."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import Response

from release.problems import Problem, ProblemDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

RETRY_SECONDS: Final = 5


def json_answer(
    content: Mapping[str, Any], status: int = HTTPStatus.OK, *, location: str | None = None
) -> Response:
    """``content`` as JSON."""
    answer = Response(json.dumps(content) + "\n", status, mimetype="application/json")
    if location:
        answer.headers["Location"] = location
    return answer


def problem_answer(document: ProblemDocument) -> Response:
    """A refusal as RFC 9457 has it, with the headers that its status asks for."""
    answer = Response(json.dumps(document.as_json()) + "\n", document.status)
    answer.headers["Content-Type"] = "application/problem+json"
    if document.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="verdigris"'
    if document.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def redis_away() -> Problem:
    """503: nothing was accepted."""
    return Problem(
        "not-durable",
        "Nothing was accepted",
        detail="Redis did not confirm the request in time",
        next_step=f"ask again in {RETRY_SECONDS} seconds",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    )


def redis_unread() -> Problem:
    """503: a read that can't be answered now; nothing was asked for, so nothing was lost."""
    return Problem(
        "not-durable",
        "Redis is away",
        detail="what you asked for can't be read just now; releases and users are not affected by that",
        next_step=f"ask again in {RETRY_SECONDS} seconds",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    )


def unauthorized() -> Problem:
    """401: the same words whatever was missing or wrong."""
    return Problem(
        "not-authorized",
        "Not authorized",
        detail="the request carries no valid proof of who sent it",
        next_step="check the secret or token that the sender uses",
        status=HTTPStatus.UNAUTHORIZED,
    )


def too_many_refused() -> Problem:
    """429: in place of a 401 that the sender has had too often."""
    return Problem(
        "too-many-refused",
        "Too many refused requests",
        detail="too many requests without valid proof came from this sender",
        next_step="check the secret that the sender uses; signed requests are taken all the same",
        status=HTTPStatus.TOO_MANY_REQUESTS,
    )


def plain_problem(status: int, description: str) -> Problem:
    """What the web framework refuses: an unknown address, a wrong method."""
    phrase = HTTPStatus(status).phrase
    return Problem(
        phrase.lower().replace(" ", "-"),
        phrase,
        detail=description or phrase,
        next_step="check the address and the method against the documentation",
        status=status,
    )
