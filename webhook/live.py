"""Pages stay up to date: what is new is told to them as server-sent events, as it happens.

``/live`` says when to ask for a page's changing part again; a release's own also brings the lines of its
log. Under gunicorn the worker sends (``arrivals``), so that no thread is kept; elsewhere each stream has one.
A page without such a connection asks every two seconds instead.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from flask import Response, copy_current_request_context, current_app, g, request

from release.roles import Action
from webhook.departures import Outgoing
from webhook.guard import Scope, needs
from webhook.hub import Hub, Listener
from webhook.lookups import get_app, get_release
from webhook.output import find_last_seen, lines_html
from webhook.release_page import pages
from webhook.rights import find_apps, is_allowed
from webhook.services import services
from webhook.sessions import find_caller
from webhook.streams import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Flask

    from webhook.services import Events

__all__ = ["pages"]

EXTENSION: Final = "verdigris-live"
RETRY: Final = b"retry: 1000\n\n"
"""Milliseconds until a browser that lost the connection asks for it again."""
SOCKET: Final = "gunicorn.socket"


def listen_to(app: Flask, quick: Events, slow: Events | None) -> None:
    """Let the pages of ``app`` be told what ``quick`` and ``slow`` read."""
    app.extensions[EXTENSION] = Hub(quick, slow)


@pages.get("/live")
@needs(Action.READ, scope=Scope.CHOSEN)
def follow_apps() -> Response:
    """What happens to the apps that the caller may see or, with ``?app=``, to one."""
    name = request.args.get("app", "")
    if name:
        get_app(name)
    return _open(Listener(_neighbors([name] if name else find_apps(Action.READ)), _still_may_read(name)))


@pages.get("/releases/<release_id>/live")
@needs(Action.READ)
def follow_release(release_id: str) -> Response:
    """What happens to a release's app, and its output after ``Last-Event-ID`` or ``?after=``."""
    release = get_release(release_id)
    after = find_last_seen(request.headers.get("Last-Event-ID"), request.args.get("after"))
    may_read = _still_may_read(release.app)
    listener = Listener(_neighbors([release.app]), may_read, release.id, after)
    first = services().store.log(release.id, after=after) if request.method == "GET" else []
    if first:
        listener.last_line = first[-1].id
        listener.stream.push(frame("lines", lines_html(first), event_id=listener.last_line))
    return _open(listener)


def _open(listener: Listener) -> Response:
    """Begin to tell, where there is room for one more."""
    answer = Response(mimetype="text/event-stream")
    answer.headers.update({"Vary": "Cookie", "X-Accel-Buffering": "no"})
    if request.method != "GET":
        return answer
    if not cast("Hub", current_app.extensions[EXTENSION]).join(listener):
        return Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
    connection: Any = request.environ.get(SOCKET)
    if isinstance(connection, Outgoing):
        connection.stream = listener.stream
        answer.response = iter([RETRY])  # of a list, Flask would tell the length
    else:
        listener.stream.push(RETRY)
        answer.response = listener.stream.frames()
        answer.call_on_close(listener.stream.end)
    return answer


def _neighbors(apps: Iterable[str]) -> frozenset[str]:
    """With them the apps that share a queue with one of them: a page shows that their jobs are in it."""
    config = services().config
    queues = {queue for name in apps if name in config.apps for queue in config.queues_of(name)}
    return frozenset(name for name in config.apps if not queues.isdisjoint(config.queues_of(name)))


def _still_may_read(app: str) -> Callable[[], bool]:
    """Asked again and again, in another thread, while a page is told: sessions end, tokens are revoked."""
    seen = set(find_apps(Action.READ))

    @copy_current_request_context
    def may_read() -> bool:
        g.caller = find_caller()
        return is_allowed(Action.READ, app) if app else set(find_apps(Action.READ)) == seen != set()

    return may_read
