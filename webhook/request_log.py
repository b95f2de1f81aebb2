"""Each request is counted and told in a line of the log, and all lines about it carry its id.

A line names the route, not the path: an address may hold a ticket, a query a token. What the request is
about (delivery, app, release, job) is bound once, so that one finds the way from a delivery to its stages.
"""

from __future__ import annotations

import time
from random import getrandbits
from typing import TYPE_CHECKING, Any, Final

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars

from release.tag import shown
from webhook.current import current_notes, current_request
from webhook.lookups import ID
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask, Request, Response

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
    notes = current_notes()
    notes.began, notes.request_id = time.perf_counter(), f"{getrandbits(64):016x}"
    bind_contextvars(request=notes.request_id, **dict(_find_subject(current_request().view_args or {})))


def _find_subject(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the address names, as far as it may be there: an unknown name is the sender's own."""
    if "name" in given and services().config.find_app(str(given["name"])):
        yield "app", given["name"]
    for name, told in (("release_id", "release"), ("job_id", "job")):
        if name in given and ID.fullmatch(str(given[name])):
            yield told, given[name]


def _end(answer: Response) -> Response:
    asked, notes = current_request(), current_notes()
    route = asked.url_rule.rule if asked.url_rule else None
    seconds = time.perf_counter() - notes.began
    services().metrics.count_request(asked.method, route, answer.status_code, seconds=seconds)
    answer.headers[HEADER] = notes.request_id
    if _is_worth_a_line(asked, answer):
        log.info(
            "request",
            method=asked.method[:20],
            route=route,
            status=answer.status_code,
            ms=round(seconds * 1000, 1),
            sender=current_sender(),
            **_find_asked(notes),
        )
    return answer


def _is_worth_a_line(asked: Request, answer: Response) -> bool:
    """Who floods is only counted: they must not fill the disk."""
    is_quiet = asked.endpoint in QUIET and answer.status_code < BAD
    return answer.status_code != TOO_MANY and not is_quiet


def _find_asked(notes: Any) -> dict[str, str]:  # noqa: ANN401 -- as Flask has them
    """Who asks, and for what, where that was found out meanwhile."""
    asked, who = notes.get("asked"), notes.get("actor") or notes.get("person")
    found = {"actor": str(who)} if who else {}
    if asked:
        about = {"app": asked.app, "release": asked.release}
        found |= {name: shown(value) for name, value in about.items() if value}
    return found


def _forget(_error: BaseException | None) -> None:
    clear_contextvars()
