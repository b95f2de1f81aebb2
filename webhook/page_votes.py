"""What a person says to the promote of a release on a page: yes, no, or not by itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import structlog
from flask import g, redirect, request, url_for

from release.approvals import Decision
from release.problems import NotDurable, Problem
from release.roles import Action
from webhook.answers import redis_away
from webhook.guard import needs
from webhook.lookups import get_app, get_release
from webhook.notices import tell_done, tell_problem
from webhook.page_actions import REASON_LENGTH, pages
from webhook.rules_view import tell_verdict
from webhook.services import services
from webhook.trail import carry_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as AnyResponse

    from release.model import Actor, Release

__all__ = ["pages"]

log = structlog.get_logger(__name__)


@pages.post("/releases/<release_id>/<any(approve, reject):action>")
@needs(Action.APPROVE)
def vote(release_id: str, action: str) -> AnyResponse:
    """Say yes or no to the promote of a release."""
    release, requests = get_release(release_id), services().requests
    say, said = {
        Decision.APPROVE: (requests.approve, "approved"),
        Decision.REJECT: (requests.reject, "rejected"),
    }[Decision(action)]

    def deed() -> str:
        verdict = say(release.id, actor=_actor(), comment=_words())
        needed = get_app(release.app).promote.approvals
        log.info(said, release_id=release.id, actor=str(_actor()), missing=verdict.missing)
        return ": ".join(filter(None, (f"You {said} {release.tag}", tell_verdict(verdict, needed))))

    return _do(deed, release, about={"decision": action})


@pages.post("/releases/<release_id>/stop-countdown")
@needs(Action.STOP_COUNTDOWN)
def stop_countdown(release_id: str) -> AnyResponse:
    """Let a release not be promoted by itself."""
    release = get_release(release_id)

    def deed() -> str:
        services().requests.stop_countdown(release.id, actor=_actor(), reason=_words())
        log.info("countdown stopped", release_id=release.id, actor=str(_actor()))
        return f"{release.tag} is not promoted by itself any more"

    return _do(deed, release)


def _do(deed: Callable[[], str], release: Release, *, about: dict[str, object] | None = None) -> AnyResponse:
    """Do it, tell the person what it came to, and show the release."""
    try:
        tell_done(carry_out(deed, reason=_words(), about=about))
    except Problem as refusal:
        tell_problem(refusal.document)
    except NotDurable as error:
        tell_problem(redis_away(error).document)
    return redirect(url_for("pages.show_release", release_id=release.id), HTTPStatus.SEE_OTHER)


def _actor() -> Actor:
    return cast("Actor", g.person)


def _words() -> str:
    return request.form.get("reason", "").strip()[:REASON_LENGTH]
