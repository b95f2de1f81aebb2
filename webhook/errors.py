"""Every refusal and failure as an answer: problem+json for programs, a page for people, no secrets."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from flask import Response, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from release.problems import NotDurable, Problem, ProblemDocument
from release.tag import shown
from webhook.answers import (
    RETRY_SECONDS,
    plain_problem,
    problem_answer,
    redis_away,
    redis_unread,
    too_many_refused,
)
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from flask import Flask

PROGRAMS: Final = ("/api/", "/webhooks/", "/healthz", "/readyz", "/metrics")
REFUSED: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    }
)
"""What is told before anybody has shown who they are. The rest is of a signed delivery, or of a reader."""

READERS: Final = frozenset({"api", "pages"})

log = structlog.get_logger(__name__)


def handle_errors(app: Flask) -> None:
    """Have every exception of ``app`` answered here."""
    app.register_error_handler(Problem, _answer_problem)
    app.register_error_handler(NotDurable, _answer_not_durable)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_crash)
    app.after_request(_say_when_to_return)


def _answer_problem(problem: Problem) -> Response:
    return _answer(problem.document)


def _answer_not_durable(error: NotDurable) -> Response:
    log.warning("redis away", why=str(error), path=_told_path())
    is_reading = request.method in {"GET", "HEAD"}
    return _answer((redis_unread() if is_reading else redis_away(error)).document)


def _answer_http(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status < HTTPStatus.BAD_REQUEST:
        return make_response(error)
    problem = (
        _stale_form() if isinstance(error, CSRFError) else plain_problem(status, error.description or "")
    )
    answer = _answer(problem.document)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _answer_crash(error: Exception) -> Response:
    """Ours to mend: the log has the trace, the answer only says where to look."""
    log.error("request failed", path=_told_path(), method=request.method, exc_info=error)
    problem = Problem(
        "internal-error",
        "Verdigris made a mistake",
        detail="the request failed for a reason that is not yours; the log of the web process tells it",
        next_step="try again; if it stays, report it with that part of the log",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    return _answer(problem.document)


def _told_path() -> str:
    """The path, but for one that opens a door: while Redis is away, a ticket is not spent yet."""
    is_secret = request.url_rule is not None and "ticket" in (request.view_args or {})
    return request.url_rule.rule if is_secret and request.url_rule else shown(request.path)


def _stale_form() -> Problem:
    return Problem(
        "stale-form",
        "This form is out of date",
        detail="the page was open in a session that has ended, so nothing was done",
        next_step="go back, reload the page and try again",
        status=HTTPStatus.BAD_REQUEST,
    )


def _answer(document: ProblemDocument) -> Response:
    """The one door out for every refusal; a stranger who was refused too often is only told that."""
    if _is_told_to_a_stranger(document):
        sender = current_sender()
        if services().throttle.is_spent(sender):
            document = too_many_refused().document
        elif document.status == HTTPStatus.UNAUTHORIZED:
            log.warning("request refused", path=_told_path(), sender=sender)
    if request.path.startswith(PROGRAMS):
        return problem_answer(document)
    return make_response(render_template("problem.html", problem=document), document.status)


def _is_told_to_a_stranger(document: ProblemDocument) -> bool:
    """Whether it counts against the sender. Nothing does of those who have shown a token or are signed in."""
    if g.get("is_counted") or g.get("actor") or g.get("person"):
        return False
    if document.status == HTTPStatus.NOT_FOUND and request.blueprint in READERS:
        return False
    return document.status in REFUSED or document.slug == "stale-form"


def _say_when_to_return(answer: Response) -> Response:
    """Each 503 has the header, also those that are no exception: the readiness probe's."""
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS and "retry_after" in g:
        answer.headers["Retry-After"] = str(g.retry_after)
    if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers.setdefault("Retry-After", str(RETRY_SECONDS))
    return answer
