"""One click to the test color: the cookie that its requests carry, set in the browser of whoever clicks.

To enter is a link, not a form: our own policy forbids forms that lead to another host. It changes nothing but
what this one browser sees, for an hour.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import redirect, request, url_for

from release.roles import Action
from webhook.cookie_way import Way, find_cookie_route
from webhook.front_page import pages
from webhook.guard import needs
from webhook.lookups import get_app
from webhook.notices import tell_done
from webhook.services import services

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from webhook.cookie_way import CookieRoute

__all__ = ["pages"]

HOLDS: Final = 3600
"""Seconds after which a browser that was forgotten on the test route is with every user again."""


@pages.get("/apps/<name>/test-route")
@needs(Action.READ)
def take_test_route(name: str) -> AnyResponse:
    """Set the cookie and go to the app. A link from another site only leads to the app's page here."""
    app, back = get_app(name), redirect(url_for("pages.show_app", name=name), HTTPStatus.SEE_OTHER)
    route = find_cookie_route(app)
    if route is None or not route.is_one_click or request.headers.get("Sec-Fetch-Site") == "cross-site":
        return back
    seen = services().store.observation(name)
    if seen is None or seen.test_route is None:
        tell_done(f"Nothing of {name} is under test now, so there is nowhere to go")
        return back
    answer = redirect(route.address, HTTPStatus.SEE_OTHER)
    _set_cookie(answer, route, seconds=HOLDS)
    return answer


@pages.post("/apps/<name>/test-route/leave")
@needs(Action.READ)
def leave_test_route(name: str) -> AnyResponse:
    """Take the cookie back: this browser is with every user again."""
    route = find_cookie_route(get_app(name))
    answer = redirect(url_for("pages.show_app", name=name), HTTPStatus.SEE_OTHER)
    if route and route.is_one_click:
        _set_cookie(answer, route, seconds=0)
        tell_done(f"This browser sees of {name} what every user sees")
    return answer


def _set_cookie(answer: AnyResponse, route: CookieRoute, *, seconds: int) -> None:
    """For one host alone, where that is enough."""
    name, _, value = route.cookie.partition("=")
    is_https = services().settings.is_https and route.address.startswith("https://")
    answer.set_cookie(
        name,
        value if seconds else "",
        max_age=seconds,
        domain=route.domain if route.way is Way.DOMAIN else None,
        secure=is_https,
        httponly=True,
        samesite="Lax",
    )
