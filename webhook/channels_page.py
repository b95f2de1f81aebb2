"""Channels as a page: where signals go, how that fares, and a button that tries one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from flask import g, make_response, redirect, render_template, url_for

from release.problems import NotDurable, Problem
from release.roles import Action
from webhook.answers import redis_away
from webhook.channels import look_at_channels, try_channel
from webhook.guard import needs
from webhook.live import pages
from webhook.notices import tell_done, tell_problem
from webhook.rights import is_allowed
from webhook.services import services
from webhook.trail import carry_out

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from release.model import Actor

__all__ = ["pages"]


@pages.app_context_processor
def add_failing_channels() -> dict[str, Any]:
    """Who may see channels is told on every page when one fails."""
    return {"config_channels": services().config.channels, "find_failing_channels": _find_failing}


def _find_failing() -> list[str]:
    if not is_allowed(Action.READ, None):
        return []
    return sorted(services().failing_channels.find(services()))


@pages.get("/channels")
@needs(Action.READ)
def show_channels() -> Response:
    """Every channel, for who sees all apps."""
    answer = make_response(render_template("channels.html", channels=look_at_channels(services())))
    answer.headers["Vary"] = "Cookie"
    return answer


@pages.post("/channels/<channel_name>/test")
@needs(Action.TEST_CHANNEL)
def try_out(channel_name: str) -> AnyResponse:
    """Send a test; the page shows how it went a moment later."""
    actor = cast("Actor", g.person)
    try:
        carry_out(lambda: try_channel(channel_name, services(), actor=actor), about={"channel": channel_name})
    except Problem as refusal:
        tell_problem(refusal.document)
    except NotDurable as error:
        tell_problem(redis_away(error).document)
    else:
        tell_done(f"A test is on its way to {channel_name}; look again in a moment")
    return redirect(url_for("pages.show_channels"), HTTPStatus.SEE_OTHER)
