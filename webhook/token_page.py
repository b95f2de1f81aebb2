"""API tokens as a page: those that there are, a form that makes one, and a button that ends one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import structlog
from flask import g, make_response, redirect, render_template, request, url_for

from release.api_tokens import is_past
from release.problems import NotDurable, Problem
from release.roles import Action, Grant, Role
from webhook.answers import redis_away
from webhook.api_bodies import TokenBody, validate
from webhook.audit_page import pages
from webhook.guard import needs
from webhook.lookups import get_app
from webhook.notices import tell_done, tell_problem
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from release.api_tokens import ApiToken
    from release.model import Actor
    from release.secret import Secret

__all__ = ["pages"]

log = structlog.get_logger(__name__)


@pages.get("/tokens")
@needs(Action.MANAGE_TOKENS)
def show_tokens() -> Response:
    """Every token; nobody can read what one is made of again."""
    return _show()


@pages.post("/tokens")
@needs(Action.MANAGE_TOKENS)
def make_token() -> AnyResponse:
    """A new token; the page that follows is the only one that ever shows its text."""
    try:
        token, text = _make()
    except Problem as refusal:
        tell_problem(refusal.document)
    except NotDurable as error:
        tell_problem(redis_away(error).document)
    else:
        log.info("token made", token=token.name, role=str(token.grant.role), actor=str(_actor()))
        return _show(made=token, text=text)
    return redirect(url_for("pages.show_tokens"), HTTPStatus.SEE_OTHER)


@pages.post("/tokens/<token_name>/revoke")
@needs(Action.MANAGE_TOKENS)
def revoke_token(token_name: str) -> AnyResponse:
    """End a token, and the sessions that began with it, at once."""
    try:
        token = services().store.api_tokens.revoke(token_name, actor=_actor(), address=current_sender())
    except Problem as refusal:
        tell_problem(refusal.document)
    except NotDurable as error:
        tell_problem(redis_away(error).document)
    else:
        log.info("token revoked", token=token.name, actor=str(_actor()))
        tell_done(f"The token {token.name} counts no more")
    return redirect(url_for("pages.show_tokens"), HTTPStatus.SEE_OTHER)


def _make() -> tuple[ApiToken, Secret]:
    given = {
        "name": request.form.get("name", "").strip(),
        "role": request.form.get("role", ""),
        "apps": request.form.getlist("apps"),
        "expires": request.form.get("expires", "").strip() or None,
    }
    body = validate(TokenBody, given)
    for app in body.apps:
        get_app(app)
    return services().store.api_tokens.make(
        body.name,
        Grant(body.role, frozenset(body.apps)),
        made_by=_actor(),
        now=services().settings.clock(),
        expires=body.end,
        taken=services().tokens.configured,
        address=current_sender(),
    )


def _show(*, made: ApiToken | None = None, text: Secret | None = None) -> Response:
    now, config = services().settings.clock(), services().config
    answer = make_response(
        render_template(
            "tokens.html",
            tokens=services().store.api_tokens.list(),
            configured=config.tokens,
            is_past=lambda end: is_past(end, now),
            roles=[*map(str, Role)],
            apps=list(config.apps),
            made=made,
            text=text.reveal() if text else "",
        )
    )
    answer.headers["Vary"] = "Cookie"
    return answer


def _actor() -> Actor:
    return cast("Actor", g.person)
