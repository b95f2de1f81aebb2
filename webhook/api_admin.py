"""What administrators ask the API: tokens that are made at run time, and the audit trail."""

from __future__ import annotations

from http import HTTPStatus
from itertools import chain, islice
from typing import TYPE_CHECKING, cast

import structlog
from flask import Response, g, request

from release.api_tokens import is_past
from release.roles import Action, Grant
from webhook import api_answers as answer
from webhook.answers import json_answer
from webhook.api_bodies import TokenBody, validate
from webhook.api_description import LINES, describe
from webhook.api_parameters import AuditQuery, ExportQuery, read_query
from webhook.api_votes import api
from webhook.bodies import read_json
from webhook.guard import Scope, needs
from webhook.lookups import get_app
from webhook.presentation import actor_json, time_json
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from datetime import datetime

    from release.api_tokens import ApiToken
    from release.model import Actor
    from release.tokens import Token

__all__ = ["api"]

log = structlog.get_logger(__name__)


@api.get("/tokens")
@needs(Action.MANAGE_TOKENS)
@describe("tokens", answers=answer.Tokens)
def list_tokens() -> Response:
    """Every token, those of the configuration first. Nobody can read what one is made of again."""
    now = services().settings.clock()
    made = [_token_json(token, now=now) for token in services().store.api_tokens.list()]
    configured = [_configured_json(token, now=now) for token in services().config.tokens]
    found: answer.Tokens = {"tokens": [*configured, *made]}
    return json_answer(found)


@api.post("/tokens")
@needs(Action.MANAGE_TOKENS)
@describe(
    "tokens",
    body=TokenBody,
    answers={HTTPStatus.CREATED: answer.MadeToken},
    refuses=("unknown-app", "token-refused", "token-name-taken", "too-many-tokens"),
)
def make_token() -> Response:
    """A new token. Its text is in this answer and nowhere else: what is kept is a hash of it."""
    body = validate(TokenBody, read_json(request))
    for app in body.apps:
        get_app(app)
    token, text = services().store.api_tokens.make(
        body.name,
        Grant(body.role, frozenset(body.apps)),
        made_by=_actor(),
        now=services().settings.clock(),
        expires=body.end,
        taken=services().tokens.configured,
        address=current_sender(),
    )
    log.info("token made", token=token.name, role=str(token.grant.role), actor=str(_actor()))
    found: answer.MadeToken = {"token": _token_json(token, now=token.made_at), "text": text.reveal()}
    return json_answer(found, HTTPStatus.CREATED)


@api.delete("/tokens/<token_name>")
@needs(Action.MANAGE_TOKENS)
@describe("tokens", answers=answer.RevokedToken, refuses=("unknown-token",))
def revoke_token(token_name: str) -> Response:
    """End a token, and the sessions that began with it, at once. Those of the configuration end there."""
    token = services().store.api_tokens.revoke(token_name, actor=_actor(), address=current_sender())
    log.info("token revoked", token=token.name, actor=str(_actor()))
    found: answer.RevokedToken = {"token": _token_json(token, now=services().settings.clock())}
    return json_answer(found)


@api.get("/audit")
@needs(Action.READ_AUDIT, scope=Scope.ASKED)
@describe("audit", query=AuditQuery, answers=answer.AuditPage, refuses=("unknown-app",))
def read_audit() -> Response:
    """Who asked for what, what was refused, and every step of every release, the newest first.

    Who is an administrator of some apps names one of them.
    """
    query = read_query(AuditQuery, request.args)
    if query.app:
        get_app(query.app)
    page = services().store.audit.read(query.wanted, after=query.after or None, limit=query.limit)
    found: answer.AuditPage = {
        "entries": [cast("answer.AuditEntry", entry.as_json()) for entry in page.entries],
        "next": page.next,
        "cut": page.cut,
    }
    return json_answer(found)


@api.get("/audit/export")
@needs(Action.READ_AUDIT, scope=Scope.ASKED)
@describe("audit", query=ExportQuery, answers=answer.AuditEntry, refuses=("unknown-app",), is_in_lines=True)
def export_audit() -> Response:
    """The same from the oldest entry on, as lines of JSON; nothing once there is no more.

    Ask again with the ``id`` of the last line as ``after``. Where Redis goes away midway, the answer breaks
    off: go on after the last whole line.
    """
    query = read_query(ExportQuery, request.args)
    if query.app:
        get_app(query.app)
    lines = islice(services().store.audit.export(query.wanted, after=query.after or None), query.limit)
    begun = list(islice(lines, 1))  # what can't be read at all is refused, not begun
    export = Response(chain(begun, lines), mimetype=LINES)
    export.headers["Content-Disposition"] = 'attachment; filename="verdigris-audit.jsonl"'
    return export


def _token_json(token: ApiToken, *, now: datetime) -> answer.Token:
    return {
        "name": token.name,
        "role": token.grant.role,
        "apps": sorted(token.grant.apps),
        "expires": time_json(token.expires),
        "is_expired": token.is_expired(now),
        "is_configured": False,
        "made_by": actor_json(token.made_by),
        "made_at": time_json(token.made_at),
        "last_used": time_json(token.last_used),
    }


def _configured_json(token: Token, *, now: datetime) -> answer.Token:
    return {
        "name": token.name,
        "role": token.role,
        "apps": token.apps,
        "expires": time_json(token.expires_at),
        "is_expired": is_past(token.expires_at, now),
        "is_configured": True,
        "made_by": None,
        "made_at": None,
        "last_used": None,
    }


def _actor() -> Actor:
    return cast("Actor", g.actor)
