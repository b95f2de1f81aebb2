"""What each route of API and pages asks of its caller: said with ``@needs`` beside its code, asked before it.

A route that says nothing is refused to everybody: a test names it. Where a list has something of many apps,
its handler leaves out what the caller may not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from inspect import unwrap
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flask import current_app, g, request

from release.roles import Action
from webhook.lookups import get_job, get_release
from webhook.rights import check, not_open

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Scope(Enum):
    """Which app a call is about."""

    NAMED = "named"
    """That of the app, release or job in the address; where it names none, what belongs to all apps."""
    ASKED = "asked"
    """That of ``?app=``; without one, all apps."""
    SEEN = "seen"
    """Every app that the caller may see: the handler leaves out the rest."""
    CHOSEN = "chosen"
    """That of ``?app=``; without one as ``SEEN``."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a route asks of its caller. Without an action, the address names it."""

    action: Action | None
    scope: Scope

    def find_action(self, view_args: Mapping[str, Any]) -> Action:
        """What the call asks for."""
        return self.action or action_of(view_args["action"])


@dataclass(frozen=True, slots=True)
class Asked:
    """What the current call may do: what is entered in the audit trail, if it does."""

    action: Action
    app: str | None
    release: str


View = TypeVar("View", bound="Callable[..., Any]")

_NEEDED: Final[dict[Any, Need]] = {}


def needs(action: Action | None = None, *, scope: Scope = Scope.NAMED) -> Callable[[View], View]:
    """Say which right a handler takes, below its ``@api.get`` or ``@pages.post``.

    Without ``action`` it is the one in the address, ``<any(cancel, retry):action>``.
    """

    def keep(view: View) -> View:
        _NEEDED[view] = Need(action, scope)
        return view

    return keep


def action_of(name: str) -> Action:
    """What a button or the end of an address asks for. To reject is as much as to approve."""
    return Action.APPROVE if name == "reject" else Action(name)


def find_need(view: object) -> Need | None:
    """What was said of a handler; None where nothing was."""
    return _NEEDED.get(unwrap(view)) if callable(view) else None


def is_look() -> bool:
    """Whether the current request only asks for what may be open to all."""
    need = find_need(current_app.view_functions[str(request.endpoint)])
    return need is not None and need.action is Action.READ


def check_rights() -> None:
    """Whether the caller may do what the current request asks for. ``OPTIONS`` only tells the methods.

    Raises:
        Problem: 401, 403, or 404 where there is no such release or job.
        NotDurable: Redis can't be asked.
    """
    if request.method == "OPTIONS":
        return
    need = find_need(current_app.view_functions[str(request.endpoint)])
    if need is None:
        raise not_open(str(request.endpoint))
    action = need.find_action(request.view_args or {})
    app, release = _find_subject(need.scope, request.view_args or {})
    if app or need.scope in {Scope.NAMED, Scope.ASKED}:
        check(action, app, release=release)
    g.asked = Asked(action, app, release)


def check_override(app: str, *, is_wanted: bool) -> dict[str, bool]:
    """Whether the caller may go past a freeze, where they want to; what the audit trail is told of it.

    Raises:
        Problem: 401 or 403.
    """
    if not is_wanted:
        return {}
    check(Action.OVERRIDE_FREEZE, app)
    return {"override_freeze": True}


def _find_subject(scope: Scope, view_args: Mapping[str, Any]) -> tuple[str | None, str]:
    """The app and the release that a call is about."""
    if scope in {Scope.ASKED, Scope.CHOSEN}:
        return request.args.get("app") or None, ""
    if "release_id" in view_args:
        release = get_release(view_args["release_id"])
        return release.app, release.id
    if "job_id" in view_args:
        job = get_job(view_args["job_id"])
        return job.app, job.release_id or ""
    return view_args.get("name"), ""
