"""What a person asks for on a page. Each form asks once, and its answer leads to a page again."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import structlog
from flask import g, redirect, request, url_for

from release.problems import NotDurable, Problem
from release.roles import Action
from release.tag import shown
from webhook.answers import redis_away
from webhook.guard import check_override, needs
from webhook.lookups import get_app, get_release
from webhook.missed_tags import dismiss, get_missed_tag, identify
from webhook.notices import tell_done, tell_problem
from webhook.pages import pages
from webhook.services import services
from webhook.trail import carry_out, request_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as AnyResponse

    from release.model import Actor
    from release.tag_watch import KnownTag
    from webhook.services import Accepted

__all__ = ["pages"]

log = structlog.get_logger(__name__)

REASON_LENGTH: Final = 500
TAG_LENGTH: Final = 4096
OVERRIDE: Final = "override_freeze"


@pages.post("/apps/<name>/deploy")
@needs(Action.DEPLOY)
def deploy(name: str) -> AnyResponse:
    """A new release; its own page follows."""
    get_app(name)
    tag = _tag()
    return _ask(
        lambda: services().requests.deploy(name, tag, actor=_actor(), reason=_reason()),
        what=f"The deploy of {shown(tag)} to {name}",
        back=url_for("pages.show_app", name=name),
        is_shown_as_release=True,
    )


@pages.post("/apps/<name>/promote")
@needs(Action.PROMOTE)
def promote(name: str) -> AnyResponse:
    """Move every user to the release that the person saw."""
    get_app(name)
    overrides_freeze = _overrides_freeze(name)
    return _ask(
        lambda: services().requests.promote(
            name,
            actor=_actor(),
            release_id=_release_id(),
            reason=_reason(),
            overrides_freeze=overrides_freeze,
        ),
        what=f"The promote of {name}",
        back=url_for("pages.show_app", name=name),
    )


@pages.post("/apps/<name>/rollback")
@needs(Action.ROLLBACK)
def rollback(name: str) -> AnyResponse:
    """Move every user back to the release that the person saw."""
    get_app(name)
    return _ask(
        lambda: services().requests.rollback(
            name, actor=_actor(), release_id=_release_id(), reason=_reason()
        ),
        what=f"The rollback of {name}",
        back=url_for("pages.show_app", name=name),
    )


@pages.post("/apps/<name>/decommission")
@needs(Action.DECOMMISSION)
def decommission(name: str) -> AnyResponse:
    """Remove the color that is not live."""
    get_app(name)
    return _ask(
        lambda: services().requests.decommission(name, actor=_actor(), reason=_reason()),
        what=f"The decommission of {name}'s idle color",
        back=url_for("pages.show_app", name=name),
    )


@pages.post("/apps/<name>/tags/release")
@needs(Action.DEPLOY)
def release_tag(name: str) -> AnyResponse:
    """A release of a tag that nobody told of, at the commit that the person saw."""
    get_app(name)

    def ask() -> Accepted:
        tag = _missed_tag(name)
        return services().requests.deploy(
            name, tag.name, actor=_actor(), commit=tag.commit, delivery=identify(tag), reason=_reason()
        )

    return _ask(
        ask,
        what=f"The deploy of {shown(_tag())} to {name}",
        back=url_for("pages.show_app", name=name),
        is_shown_as_release=True,
    )


@pages.post("/apps/<name>/tags/dismiss")
@needs(Action.DISMISS_TAG)
def dismiss_tag(name: str) -> AnyResponse:
    """Decide against a tag that nobody told of."""
    get_app(name)

    def deed() -> str:
        tag = _missed_tag(name)
        dismiss(name, tag, services(), actor=_actor(), reason=_reason())
        log.info("tag dismissed", app=name, tag=tag.name, commit=tag.commit, actor=str(_actor()))
        return f"{tag.name} is told no more, unless it is moved"

    return _do(deed, back=url_for("pages.show_app", name=name))


@pages.post("/apps/<name>/tags/compare")
@needs(Action.COMPARE_TAGS)
def compare_tags(name: str) -> AnyResponse:
    """Let a worker compare the tags in Git with what was heard of."""
    get_app(name)

    def deed() -> str:
        services().store.tags.ask(name)
        log.info("comparison asked for", app=name, actor=str(_actor()))
        return f"The tags of {name} are compared within seconds"

    return _do(deed, back=url_for("pages.show_app", name=name))


@pages.post("/releases/<release_id>/<any(cancel, retry, redeploy, start):action>")
@needs()
def change_release(release_id: str, action: str) -> AnyResponse:
    """Cancel, retry or start a release, or begin a new one of its commit."""
    release, requests = get_release(release_id), services().requests
    asks: dict[str, Callable[..., Accepted]] = {
        "cancel": requests.cancel,
        "retry": requests.retry,
        "redeploy": requests.redeploy,
        "start": partial(requests.start, overrides_freeze=_overrides_freeze(release.app)),
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
        accepted = request_job(ask, reason=_reason(), release=_release_id(), about=_about())
    except Problem as refusal:
        tell_problem(refusal.document)
        return redirect(back, HTTPStatus.SEE_OTHER)
    except NotDurable as error:
        tell_problem(redis_away(error).document)
        return redirect(back, HTTPStatus.SEE_OTHER)
    about = {"release_id": accepted.release_id, "job_id": accepted.job_id}
    log.info("accepted", what=what, actor=str(_actor()), **about)
    told = "was accepted" if accepted.is_new else "had been asked for before"
    tell_done(f"{what} {told}")
    if is_shown_as_release and accepted.release_id:
        back = url_for("pages.show_release", release_id=accepted.release_id)
    return redirect(back, HTTPStatus.SEE_OTHER)


def _do(deed: Callable[[], str], *, back: str) -> AnyResponse:
    """Do what needs no job, and tell the person that it is done, or why not."""
    try:
        tell_done(carry_out(deed, reason=_reason(), about=_about()))
    except Problem as refusal:
        tell_problem(refusal.document)
    except NotDurable as error:
        tell_problem(redis_away(error).document)
    return redirect(back, HTTPStatus.SEE_OTHER)


def _tag() -> str:
    return request.form.get("tag", "").strip()[:TAG_LENGTH]


def _missed_tag(app: str) -> KnownTag:
    """The tag that the form was made for, at the commit that it was made for."""
    return get_missed_tag(app, _tag(), request.form.get("commit", ""), services())


def _actor() -> Actor:
    return cast("Actor", g.person)


def _reason() -> str:
    return request.form.get("reason", "").strip()[:REASON_LENGTH]


def _about() -> dict[str, object]:
    """What the form asks for beside its release, as the audit trail has it."""
    overrides = {"override_freeze": True} if OVERRIDE in request.form else {}
    return {"tag": _tag(), **overrides} if _tag() else {**overrides}


def _overrides_freeze(app: str) -> bool:
    """Whether the form goes past a freeze, which takes a right of its own.

    Raises:
        Problem: 403.
    """
    return bool(check_override(app, is_wanted=OVERRIDE in request.form))


def _release_id() -> str | None:
    """The release that the form was made for, so that nothing newer is switched to unseen."""
    named = request.form.get("release")
    return get_release(named).id if named else None
