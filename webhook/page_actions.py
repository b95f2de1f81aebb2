"""What a person asks for on a page. Each form asks once, and its answer leads to a page again."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import structlog
from flask import g, redirect, request, url_for

from release.problems import NotDurable, Problem
from release.tag import shown
from webhook.answers import redis_away
from webhook.lookups import get_app, get_release
from webhook.notices import tell_done, tell_problem
from webhook.pages import pages
from webhook.services import services

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as AnyResponse

    from release.model import Actor
    from webhook.services import Accepted

__all__ = ["pages"]

log = structlog.get_logger(__name__)

REASON_LENGTH: Final = 500
TAG_LENGTH: Final = 4096


@pages.post("/apps/<name>/deploy")
def deploy(name: str) -> AnyResponse:
    """A new release; its own page follows."""
    get_app(name)
    tag = request.form.get("tag", "").strip()[:TAG_LENGTH]
    return _ask(
        lambda: services().requests.deploy(name, tag, actor=_actor(), reason=_reason()),
        what=f"The deploy of {shown(tag)} to {name}",
        back=url_for("pages.show_overview", _anchor=name),
        is_shown_as_release=True,
    )


@pages.post("/apps/<name>/promote")
def promote(name: str) -> AnyResponse:
    """Move every user to the release that the person saw."""
    get_app(name)
    return _ask(
        lambda: services().requests.promote(name, actor=_actor(), release_id=_release_id(), reason=_reason()),
        what=f"The promote of {name}",
        back=url_for("pages.show_overview", _anchor=name),
    )


@pages.post("/apps/<name>/rollback")
def rollback(name: str) -> AnyResponse:
    """Move every user back to the release that the person saw."""
    get_app(name)
    return _ask(
        lambda: services().requests.rollback(
            name, actor=_actor(), release_id=_release_id(), reason=_reason()
        ),
        what=f"The rollback of {name}",
        back=url_for("pages.show_overview", _anchor=name),
    )


@pages.post("/apps/<name>/decommission")
def decommission(name: str) -> AnyResponse:
    """Remove the color that is not live."""
    get_app(name)
    return _ask(
        lambda: services().requests.decommission(name, actor=_actor(), reason=_reason()),
        what=f"The decommission of {name}'s idle color",
        back=url_for("pages.show_overview", _anchor=name),
    )


@pages.post("/releases/<release_id>/<any(cancel, retry, redeploy):action>")
def change_release(release_id: str, action: str) -> AnyResponse:
    """Cancel or retry a release, or start a new one of its commit."""
    release, requests = get_release(release_id), services().requests
    asks: dict[str, Callable[..., Accepted]] = {
        "cancel": requests.cancel,
        "retry": requests.retry,
        "redeploy": requests.redeploy,
    }
    return _ask(
        lambda: asks[action](release.id, actor=_actor(), reason=_reason()),
        what=f"The {action} of {release.tag}",
        back=url_for("pages.show_release", release_id=release.id),
        is_shown_as_release=True,
    )


def _ask(
    ask: Callable[[], Accepted], *, what: str, back: str, is_shown_as_release: bool = False
) -> AnyResponse:
    """Ask, tell the person what became of it, and show the release or the page they came from."""
    try:
        accepted = ask()
    except Problem as refusal:
        tell_problem(refusal.document)
        return redirect(back, HTTPStatus.SEE_OTHER)
    except NotDurable:
        tell_problem(redis_away().document)
        return redirect(back, HTTPStatus.SEE_OTHER)
    about = {"release_id": accepted.release_id, "job_id": accepted.job_id}
    log.info("accepted", what=what, actor=str(_actor()), **about)
    told = "was accepted" if accepted.is_new else "had been asked for before"
    tell_done(f"{what} {told}")
    if is_shown_as_release and accepted.release_id:
        back = url_for("pages.show_release", release_id=accepted.release_id)
    return redirect(back, HTTPStatus.SEE_OTHER)


def _actor() -> Actor:
    return cast("Actor", g.person)


def _reason() -> str:
    return request.form.get("reason", "").strip()[:REASON_LENGTH]


def _release_id() -> str | None:
    """The release that the form was made for, so that nothing newer is switched to unseen."""
    named = request.form.get("release")
    return get_release(named).id if named else None
