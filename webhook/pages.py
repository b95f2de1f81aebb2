"""The pages: what runs where, what happens now, and signing in.

What people ask for is in ``page_actions``. Every page is whole without JavaScript; with it, ``refresh.js``
asks for the page's changing part every two seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from flask import Blueprint, g, make_response, redirect, render_template, request, url_for

from webhook.lookups import get_release
from webhook.notices import take_notices, tell_done
from webhook.offers import release_offers, stand
from webhook.overview import look_at
from webhook.presentation import what_it_does
from webhook.services import services
from webhook.sessions import find_person, sign_in, sign_out
from webhook.tickets import BadTicket, redeem_ticket
from webhook.way_back import find_contract, tell_contract

if TYPE_CHECKING:
    from typing import Any

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from release.model import Job, Release
    from release.problems import ProblemDocument
    from release.records import LogLine
    from webhook.offers import Standing

pages = Blueprint("pages", __name__)
log = structlog.get_logger(__name__)

FRAGMENT_HEADER: Final = "X-Fragment"
OPEN_TO_ALL: Final = frozenset({"pages.show_login", "pages.log_in", "pages.enter", "pages.log_out"})
LOG_LINES_SHOWN: Final = 1000
LOG_PAGES_READ: Final = 10


@dataclass(frozen=True, slots=True)
class JobView:
    """A job on its release's page."""

    job: Job
    doing: str


@pages.before_request
def check_person() -> AnyResponse | None:
    """Pages are for signed-in people; reading is for all where the configuration says so."""
    g.person = find_person()
    reading_for_all = services().config.public_read and request.method in {"GET", "HEAD"}
    if g.person or reading_for_all or request.endpoint in OPEN_TO_ALL:
        return None
    if FRAGMENT_HEADER in request.headers:
        return make_response("", HTTPStatus.UNAUTHORIZED)
    target = request.path if request.method == "GET" else "/"
    return redirect(url_for("pages.show_login", next=target), HTTPStatus.SEE_OTHER)


@pages.app_context_processor
def add_person() -> dict[str, Any]:
    """Every page knows who is signed in and what to tell them."""
    return {"person": g.get("person") or find_person(), "take_notices": take_notices}


@pages.get("/")
def show_overview() -> Response:
    """Each app's two colors, queue and buttons."""
    apps = [look_at(name, services()) for name in services().config.apps]
    return _page("overview", apps=apps)


@pages.get("/releases/<release_id>")
def show_release(release_id: str) -> Response:
    """One release: why it failed, if it did; its stages, output and life."""
    release, store = get_release(release_id), services().store
    jobs = store.jobs_of(release.id)
    return _page(
        "release",
        release=release,
        jobs=[JobView(job, what_it_does(job)) for job in reversed(jobs)],
        problem=_find_problem(jobs),
        changes=store.changes(release.id),
        lines=_last_lines(release.id),
        most_lines=LOG_LINES_SHOWN,
        offers=release_offers(release, jobs, _stand(release.app), warning=_warn_of_contract(release)),
    )


@pages.get("/login")
def show_login() -> Response:
    """The form that takes a token."""
    return make_response(render_template("login.html", target=_safe_target(request.args.get("next"))))


@pages.post("/login")
def log_in() -> AnyResponse:
    """Exchange a token for a session."""
    target = _safe_target(request.form.get("next"))
    tokens = services().tokens
    name = tokens.find_name(request.form.get("token", "").strip())
    if name is None:
        log.warning("sign-in refused", sender=request.remote_addr)
        return make_response(
            render_template("login.html", target=target, is_refused=True), HTTPStatus.UNAUTHORIZED
        )
    sign_in(name, proof=tokens.find_proof(name, services().key))
    log.info("signed in", name=name)
    return redirect(target, HTTPStatus.SEE_OTHER)


@pages.get("/enter/<ticket>")
def enter(ticket: str) -> AnyResponse:
    """Sign in with a one-time ticket."""
    settings = services().settings
    try:
        name = redeem_ticket(ticket, key=services().key, clock=settings.clock, store=services().store)
    except BadTicket:
        log.warning("ticket refused", sender=request.remote_addr)
        return make_response(
            render_template("login.html", target="/", is_ticket_spent=True), HTTPStatus.FORBIDDEN
        )
    sign_in(name)
    log.info("signed in with a ticket", name=name)
    return redirect(url_for("pages.show_overview"), HTTPStatus.SEE_OTHER)


@pages.post("/logout")
def log_out() -> AnyResponse:
    """End the session in this browser."""
    sign_out()
    tell_done("You are signed out")
    return redirect(url_for("pages.show_login"), HTTPStatus.SEE_OTHER)


def _page(name: str, **content: object) -> Response:
    """The whole page or, for ``refresh.js``, only its changing part."""
    template = f"_{name}.html" if FRAGMENT_HEADER in request.headers else f"{name}.html"
    answer = make_response(render_template(template, **content))
    answer.headers["Vary"] = f"{FRAGMENT_HEADER}, Cookie"
    return answer


def _safe_target(target: str | None) -> str:
    """Where to go after signing in: a path here, never another site."""
    if not target or not target.startswith("/") or target[1:2] in {"/", "\\"} or not target.isprintable():
        return "/"
    return target


def _stand(app: str) -> Standing:
    store = services().store
    return stand(store.observation(app), store.releases_on_a_color(app))


def _warn_of_contract(release: Release) -> str:
    """Why a release's code may not work any more; empty where nothing speaks against it."""
    app = services().config.find_app(release.app)
    if app is None or not app.has_migration:
        return ""
    contract = find_contract(release, services().store.releases(release.app))
    return f"Not safe: {tell_contract(contract)}." if contract else ""


def _find_problem(jobs: list[Job]) -> ProblemDocument | None:
    """What ended the latest job, if it ended badly."""
    return jobs[-1].problem if jobs else None


def _last_lines(release_id: str) -> list[LogLine]:
    """The end of the log: a page shows what happens now, the API has it all."""
    lines: list[LogLine] = []
    after = "0"
    for _ in range(LOG_PAGES_READ):
        more = services().store.log(release_id, after=after)
        if not more:
            break
        lines, after = [*lines, *more][-LOG_LINES_SHOWN:], more[-1].id
    return lines
