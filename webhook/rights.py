"""Whether whoever calls may do what they ask for. A refusal is entered in the audit trail, then told.

Which right each route takes is in ``guard``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from flask import g

from release.audit_entries import NewEntry, Outcome
from release.problems import Problem
from release.roles import NEEDED, Action, find_role, may
from release.tag import shown
from webhook.answers import unauthorized
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from webhook.access import Caller

log = structlog.get_logger(__name__)


def check(action: Action, app: str | None, *, release: str = "") -> None:
    """Whether the current caller may do that to an app; ``app`` None: to what belongs to none, or to all.

    Where reading is open to all, no caller and no role is needed for it.

    Raises:
        Problem: 401 without a caller; 403 ``not-allowed``, which says who may; 429 for who is told that all
            the time, as each time is entered.
        NotDurable: it is refused, and Redis can't be told so.
    """
    if is_allowed(action, app):
        return
    caller: Caller | None = g.get("caller")
    if caller is None:
        raise unauthorized()
    refusal = not_allowed(caller, action, app)
    enter_refusal(caller, action, app, release=release, why=refusal.document.slug)
    log.info("not allowed", actor=str(caller.actor), action=str(action), app=shown(app or ""))
    raise refusal


def is_allowed(action: Action, app: str | None) -> bool:
    """Whether the current caller may do that; nothing is entered."""
    if action is Action.READ and services().config.public_read:
        return True
    caller: Caller | None = g.get("caller")
    return caller is not None and may(caller.grants, action, app)


def find_apps(action: Action) -> list[str]:
    """The configured apps that the current caller may do that to."""
    return [name for name in services().config.apps if is_allowed(action, name)]


def not_open(endpoint: str) -> Problem:
    """A route that nobody has said of who may: that is a mistake of ours, and so nobody may."""
    log.error("route without a right", endpoint=endpoint)
    return Problem(
        "not-allowed",
        "You are not allowed to do this",
        detail="nobody may: this part of Verdigris does not say which role it takes",
        next_step="report it: the log of the web process has its name",
        status=HTTPStatus.FORBIDDEN,
    )


def enter_refusal(caller: Caller, action: Action, app: str | None, *, why: str, release: str = "") -> None:
    """Enter a refusal for want of a role.

    Raises:
        Problem: as ``_is_worth_an_entry``.
        NotDurable: it can't be entered.
    """
    if _is_worth_an_entry(caller, action, app):
        _write(caller, action, app, release=release, why=why)


def _is_worth_an_entry(caller: Caller, action: Action, app: str | None) -> bool:
    """Each refusal is; of those to look at an app, as an open page does every two seconds, one a minute.

    Raises:
        Problem: 429: who only wants to fill the trail, so that what was in it goes, is stopped.
    """
    throttle, known = services().throttle, app if services().config.find_app(app or "") else ""
    if action is Action.READ:
        return throttle.is_first_look(f"{caller.actor} {known}")
    throttle.check_overreaching(str(caller.actor))
    return True


def _write(caller: Caller, action: Action, app: str | None, *, release: str, why: str) -> None:
    services().store.audit.write(
        NewEntry(
            actor=caller.actor,
            address=current_sender(),
            action=action,
            app=app or "",
            release=release,
            outcome=Outcome.REFUSED,
            why=why,
        )
    )


def not_allowed(caller: Caller, action: Action, app: str | None) -> Problem:
    """The caller's role is too little, or there is none for this app."""
    where = f"for {shown(app)}" if app else "for all apps"
    role = find_role(caller.grants, app)
    has = f"has the role {role} {where}" if role else f"has no role {where}"
    return Problem(
        "not-allowed",
        "You are not allowed to do this",
        detail=f"{caller.name} {has}; {action} needs {NEEDED[action]}",
        next_step=f"ask somebody who is {NEEDED[action]} {where}, or an administrator for that role",
        status=HTTPStatus.FORBIDDEN,
    )
