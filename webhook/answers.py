"""Answers in JSON, good and bad: one form for hooks and API."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import Response
from werkzeug.urls import iri_to_uri

from release.problems import Problem, ProblemDocument

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIEnvironment

    from werkzeug.datastructures import Headers

    from release.problems import NotDurable

RETRY_SECONDS: Final = 5


class JsonAnswer(Response):
    """``content`` as JSON."""

    def __init__(self, content: Mapping[str, Any], status: int, *, location: str | None = None) -> None:
        super().__init__(json.dumps(content) + "\n", status, content_type="application/json")
        self.content = content
        if location:
            self.headers["Location"] = location if location.isascii() else iri_to_uri(location)

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """As they are: nothing is to be made whole, and the length is known."""
        del environ
        return self.headers


def json_answer(
    content: Mapping[str, Any], status: int = HTTPStatus.OK, *, location: str | None = None
) -> JsonAnswer:
    """``content`` as JSON."""
    return JsonAnswer(content, status, location=location)


def problem_answer(document: ProblemDocument) -> Response:
    """A refusal as RFC 9457 has it, with the headers that its status asks for."""
    answer = Response(json.dumps(document.as_json()) + "\n", document.status)
    answer.headers["Content-Type"] = "application/problem+json"
    if document.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="verdigris"'
    if document.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def redis_away(error: NotDurable) -> Problem:
    """503: nothing was accepted or, where Redis kept silent, nobody knows."""
    if not error.is_in_doubt:
        return Problem(
            "not-durable",
            "Nothing was accepted",
            detail="Redis can't be reached, or refuses requests",
            next_step=f"ask again in {RETRY_SECONDS} seconds",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        )
    return Problem(
        "not-durable",
        "It is not known whether this was accepted",
        detail="Redis did not answer in time; what reached it is carried out once it goes on",
        next_step=(
            f"ask again in {RETRY_SECONDS} seconds: a delivery sent again is not doubled, nor is what "
            "waits or runs by then"
        ),
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


def too_many_sign_ins(seconds: int) -> Problem:
    """429: whatever token came with the attempt, it was not looked at."""
    return Problem(
        "too-many-sign-ins",
        "Too many attempts to sign in",
        detail="too many attempts to sign in came from this address, so this one was not looked at",
        next_step=f"try again in {seconds} seconds; the command line works meanwhile",
        status=HTTPStatus.TOO_MANY_REQUESTS,
    )


def too_many_calls(seconds: int) -> Problem:
    """429: a program that went wild. Nothing was done."""
    return Problem(
        "too-many-calls",
        "Too many calls",
        detail="more calls came with this token, or from this address, than are answered; nothing was done",
        next_step=f"ask again in {seconds} seconds, and less often",
        status=HTTPStatus.TOO_MANY_REQUESTS,
    )


def no_role(detail: str) -> Problem:
    """403: the provider vouches for somebody whose groups have no grant."""
    return Problem(
        "no-role",
        "You have no role here",
        detail=detail,
        next_step="ask whoever runs Verdigris for a group that stands in its `grants`, then sign in again",
        status=HTTPStatus.FORBIDDEN,
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
