"""What all pages share, and signing in.

What people ask for is in ``page_actions``; the first pages are in ``front_page``, a release's is in
``release_page``. Every page is whole without JavaScript; with it, ``static/live.js`` asks for the part of a
page that changes when something has changed (``live``).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from flask import Blueprint, g, make_response, redirect, render_template, request, url_for

from release.problems import NotDurable
from release.roles import Action
from release.tag import shown
from webhook.answers import no_role
from webhook.guard import action_of, check_rights, is_look
from webhook.notices import take_notices, tell_done
from webhook.rights import enter_refusal, find_apps, is_allowed
from webhook.services import current_sender, services
from webhook.sessions import find_caller, sign_in, sign_out, take_provider_left
from webhook.tickets import BadTicket, redeem_ticket

if TYPE_CHECKING:
    from typing import Any

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from release.model import Actor
    from webhook.access import Caller

pages = Blueprint("pages", __name__)
log = structlog.get_logger(__name__)

FRAGMENT_HEADER: Final = "X-Fragment"
EVENTS: Final = "text/event-stream"
OPEN_TO_ALL: Final = frozenset(
    {
        *("pages.show_login", "pages.log_in", "pages.enter", "pages.log_out"),
        *("pages.begin_sign_in", "pages.finish_sign_in", "pages.leave_provider"),
    }
)


@pages.before_request
def check_person() -> AnyResponse | None:
    """Pages are for signed-in people; reading is for all where the configuration says so.

    Raises:
        Problem: 403 for those whose groups have no role any more; 429 for who calls far too often.
        NotDurable: whether somebody is signed in can't be known just now.
    """
    g.caller = find_caller()
    g.person = g.caller.actor if g.caller else None
    services().throttle.check_calls(str(g.person) if g.person else None, current_sender())
    reading_for_all = services().config.public_read and is_look()
    if reading_for_all or request.endpoint in OPEN_TO_ALL:
        return None
    if g.caller:
        _check_has_role(g.caller)
        return None
    if FRAGMENT_HEADER in request.headers or EVENTS in request.accept_mimetypes.values():
        return make_response("", HTTPStatus.UNAUTHORIZED)
    target = request.path if request.method == "GET" else "/"
    return redirect(url_for("pages.show_login", next=target), HTTPStatus.SEE_OTHER)


@pages.before_request
def check_right() -> None:
    """Signing in and out takes no role.

    Raises:
        Problem, NotDurable: as ``check_rights``.
    """
    if request.endpoint not in OPEN_TO_ALL:
        check_rights()


@pages.app_context_processor
def add_person() -> dict[str, Any]:
    """Every page knows who is signed in, what they may, and what to tell them."""
    return {
        "person": g.get("person") or _find_person_if_known(),
        "take_notices": take_notices,
        "may": lambda action, app: is_allowed(action_of(action), app),
        "audited": _find_audited(),
    }


@pages.get("/login")
def show_login() -> Response:
    """The way to the provider, where there is one, and the form that takes a token."""
    return _login_page(safe_target(request.args.get("next")), provider_left=take_provider_left())


@pages.post("/login")
def log_in() -> AnyResponse:
    """Exchange a token for a session."""
    services().throttle.check_sign_in(current_sender())
    target = safe_target(request.form.get("next"))
    tokens = services().tokens
    token = request.form.get("token", "").strip()
    caller = tokens.find_caller(token)
    if caller is None:
        log.warning("sign-in refused", sender=current_sender())
        return _login_page(target, HTTPStatus.UNAUTHORIZED, is_refused=True)
    sign_in(caller.name, proof=tokens.find_proof(token, services().key))
    log.info("signed in", name=caller.name)
    return redirect(target, HTTPStatus.SEE_OTHER)


@pages.get("/enter/<ticket>")
def enter(ticket: str) -> AnyResponse:
    """Sign in with a one-time ticket."""
    services().throttle.check_sign_in(current_sender())
    settings = services().settings
    try:
        name = redeem_ticket(ticket, key=services().key, clock=settings.clock, store=services().store)
    except BadTicket:
        log.warning("ticket refused", sender=current_sender())
        return _login_page("/", HTTPStatus.FORBIDDEN, is_ticket_spent=True)
    sign_in(name)
    log.info("signed in with a ticket", name=name)
    return redirect(url_for("pages.show_overview"), HTTPStatus.SEE_OTHER)


@pages.post("/logout")
def log_out() -> AnyResponse:
    """End the session, also for whoever has a copy of its cookie."""
    sign_out()
    tell_done("You are signed out")
    return redirect(url_for("pages.show_login"), HTTPStatus.SEE_OTHER)


def make_page(name: str, **content: object) -> Response:
    """The whole page or, for ``live.js``, only its changing part."""
    template = f"_{name}.html" if is_part() else f"{name}.html"
    answer = make_response(render_template(template, **content))
    answer.headers["Vary"] = f"{FRAGMENT_HEADER}, Cookie"
    return answer


def is_part() -> bool:
    """Whether only the changing part of a page is asked for."""
    return FRAGMENT_HEADER in request.headers


def _login_page(target: str, status: int = HTTPStatus.OK, **content: object) -> Response:
    provider = services().provider
    host = provider.sign_in.host if provider else None
    return make_response(render_template("login.html", target=target, provider=host, **content), status)


def _check_has_role(caller: Caller) -> None:
    """What somebody may do is in ``rights``; whoever may nothing at all is told so before anything else."""
    if not caller.grants:
        refusal = no_role(f"the groups that {shown(caller.name)} signed in with have no role here any more")
        enter_refusal(caller, Action.READ, None, why=refusal.document.slug)
        raise refusal


def _find_person_if_known() -> Actor | None:
    """Who is signed in, for a page that may say that Redis is away."""
    try:
        caller = find_caller()
    except NotDurable:
        return None
    return caller.actor if caller else None


def safe_target(target: str | None) -> str:
    """Where to go after signing in: a path here, never another site."""
    if not target or not target.startswith("/") or target[1:2] in {"/", "\\"} or not target.isprintable():
        return "/"
    return target


def _find_audited() -> dict[str, str] | None:
    """Of what apps the current person may read the audit trail, as the page's query; None: of none."""
    if is_allowed(Action.READ_AUDIT, None):
        return {}
    apps = find_apps(Action.READ_AUDIT)
    return {"app": apps[0]} if apps else None
