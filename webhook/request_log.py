"""Each request is counted and told in a line of the log, and all lines about it carry its id.

A line names the route, not the path: an address may hold a ticket, a query a token. What the request is
about (delivery, app, release, job) is bound once, so that one finds the way from a delivery to its stages.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from release.tag import shown
from webhook.lookups import ID
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER: Final = "Request-Id"
QUIET: Final = frozenset({"health.show_alive", "health.show_ready", "scrape.show_metrics", "static"})
"""Asked all the time by programs: only told where the answer is no good one."""

BAD: Final = 400
TOO_MANY: Final = 429

log = structlog.get_logger(__name__)


def log_requests(app: Flask) -> None:
    """Have every request of ``app`` counted and told. To be called before other functions are added."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    """Threads are used again: what the request before has bound must not stand in the lines of this one."""
    clear_contextvars()
    g.began, g.request_id = time.perf_counter(), secrets.token_hex(8)
    bind_contextvars(request=g.request_id, **dict(_find_subject()))


def _find_subject() -> Iterator[tuple[str, str]]:
    """What the address names, as far as it may be there: an unknown name is the sender's own."""
    given = request.view_args or {}
    if services().config.find_app(str(given.get("name", ""))):
        yield "app", given["name"]
    for name, told in (("release_id", "release"), ("job_id", "job")):
        if ID.fullmatch(str(given.get(name, ""))):
            yield told, given[name]


def _end(answer: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else None
    seconds = time.perf_counter() - g.began
    services().metrics.count_request(request.method, route, answer.status_code, seconds=seconds)
    answer.headers[HEADER] = g.request_id
    if _is_worth_a_line(answer):
        log.info(
            "request",
            method=request.method[:20],
            route=route,
            status=answer.status_code,
            ms=round(seconds * 1000, 1),
            sender=current_sender(),
            **_find_asked(),
        )
    return answer


def _is_worth_a_line(answer: Response) -> bool:
    """Who floods is only counted: they must not fill the disk."""
    is_quiet = request.endpoint in QUIET and answer.status_code < BAD
    return answer.status_code != TOO_MANY and not is_quiet


def _find_asked() -> dict[str, str]:
    """Who asks, and for what, where that was found out meanwhile."""
    asked, who = g.get("asked"), g.get("actor") or g.get("person")
    found = {"actor": str(who)} if who else {}
    if asked:
        about = {"app": asked.app, "release": asked.release}
        found |= {name: shown(value) for name, value in about.items() if value}
    return found


def _forget(_error: BaseException | None) -> None:
    clear_contextvars()
