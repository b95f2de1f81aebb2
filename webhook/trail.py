"""What becomes of a call that asks for a change: done, and entered in the audit trail with what it found.

Refusals for want of a role are entered in ``rights``, where they are found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

import structlog
from flask import g

from release.audit_entries import NewEntry, Outcome
from release.model import State
from release.problems import NotDurable, Problem
from webhook.services import current_sender, services

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from release.model import Release
    from webhook.access import Caller
    from webhook.guard import Asked
    from webhook.services import Accepted

T = TypeVar("T")

log = structlog.get_logger(__name__)


def request_job(
    ask: Callable[[], Accepted],
    *,
    reason: str = "",
    release: str | None = None,
    about: Mapping[str, object] | None = None,
) -> Accepted:
    """Ask the core for a job.

    ``release``: the one meant, where the address names only an app. ``about``: what else was asked for.

    Raises:
        Problem: the core refuses, and that was entered.
        NotDurable: as the core.
    """
    g.asked = replace(_asked(), release=_asked().release or release or "")
    before, standing = _look(), {} if _asked().release else _look_at_all()
    accepted = _enter_refusal(ask, before, reason=reason, about=about or {})
    if accepted.release_id != _asked().release:  # the core has chosen it, or made it
        before = {
            **{name: before[name] for name in before if name == "live"},
            **standing.get(accepted.release_id, {}),
        }
    known = {"job": accepted.job_id} if accepted.is_new else {"job": accepted.job_id, "is_new": False}
    _enter_done(
        Outcome.ACCEPTED,
        before,
        reason=reason,
        release=accepted.release_id or "",
        about={**(about or {}), **known},
    )
    return accepted


def carry_out(deed: Callable[[], T], *, reason: str = "", about: Mapping[str, object] | None = None) -> T:
    """Do what needs no job.

    Raises:
        Problem, NotDurable: as ``request_job``.
    """
    before = _look()
    result = _enter_refusal(deed, before, reason=reason, about=about or {})
    _enter_done(Outcome.DONE, before, reason=reason, about=about or {})
    return result


def _enter_refusal(
    ask: Callable[[], T], before: Mapping[str, object], *, reason: str, about: Mapping[str, object]
) -> T:
    """Ask; what the core refuses is entered before it is told."""
    try:
        return ask()
    except Problem as refusal:
        _enter(Outcome.REFUSED, why=refusal.document.slug, reason=reason, before=before, after=about)
        raise


def _enter_done(
    outcome: Outcome,
    before: Mapping[str, object],
    *,
    reason: str,
    about: Mapping[str, object],
    release: str = "",
) -> None:
    """Enter what can't be undone any more: where that fails, the log has to keep it."""
    after = {**_look(release), **about}
    try:
        _enter(outcome, reason=reason, release=release, before=before, after=after)
    except NotDurable:
        asked, caller = _asked(), _caller()
        log.error(  # noqa: TRY400 -- Redis is away: no trace tells more
            "not entered in the audit trail",
            outcome=str(outcome),
            actor=str(caller.actor),
            sender=current_sender(),
            action=str(asked.action),
            app=asked.app,
            release_id=release or asked.release,
            reason=reason,
        )


def _enter(
    outcome: Outcome,
    *,
    reason: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
    release: str = "",
    why: str = "",
) -> None:
    asked = _asked()
    services().store.audit.write(
        NewEntry(
            actor=_caller().actor,
            address=current_sender(),
            action=asked.action,
            app=asked.app or "",
            release=release or asked.release,
            reason=reason,
            outcome=outcome,
            why=why,
            before=before,
            after=after,
        )
    )


def _look(release_id: str = "") -> dict[str, object]:
    """The live release of the app, and what the release is; nothing while Redis is away."""
    asked, store = _asked(), services().store
    release_id = release_id or asked.release
    try:
        live = [one.id for one in store.releases_on_a_color(asked.app or "") if one.state is State.LIVE]
        release = store.find_release(release_id) if release_id else None
    except NotDurable:
        return {}
    found: dict[str, object] = {"live": live[-1] if live else None}
    return {**found, **_tell(release)} if release else found


def _look_at_all() -> dict[str | None, dict[str, object]]:
    """By id, what the app's releases are: one of them may be chosen. Nothing while Redis is away."""
    app, store = _asked().app or "", services().store
    try:
        return {one.id: _tell(one) for one in (*store.releases(app), *store.releases_on_a_color(app))}
    except NotDurable:
        return {}


def _tell(release: Release) -> dict[str, object]:
    return {"state": str(release.state), "tag": release.tag}


def _asked() -> Asked:
    return cast("Asked", g.asked)


def _caller() -> Caller:
    return cast("Caller", g.caller)
