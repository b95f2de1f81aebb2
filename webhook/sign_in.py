"""Signing in with the OpenID provider: the way there, and the way back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from flask import abort, redirect, request, url_for

from release.audit_entries import SIGN_IN, NewEntry, Outcome
from release.model import Actor
from release.problems import Problem
from release.sign_in import grants_of
from release.tag import shown
from webhook.access import PERSON
from webhook.answers import no_role
from webhook.attempts import TIME, remember_attempt, take_attempt
from webhook.id_tokens import BadIdToken
from webhook.notices import tell_done
from webhook.pages import safe_target
from webhook.provider_access import ProviderAway, ProviderRefused, describe_error
from webhook.services import current_sender, services
from webhook.sessions import sign_in
from webhook.token_page import pages

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from webhook.claims import Person
    from webhook.provider import Provider

__all__ = ["CALLBACK", "pages"]

CALLBACK: Final = "/login/callback"
GROUPS_SHOWN: Final = 10

log = structlog.get_logger(__name__)


@pages.get("/login/provider")
def begin_sign_in() -> AnyResponse:
    """Send the browser to the provider. A link, no form: the policy of pages lets forms lead nowhere else."""
    provider = _get_provider()
    try:
        address, attempt = provider.begin(safe_target(request.args.get("next")))
    except ProviderAway as error:
        raise _unavailable(provider, error) from error
    remember_attempt(attempt)
    return redirect(address, HTTPStatus.SEE_OTHER)


@pages.get(CALLBACK)
def finish_sign_in() -> AnyResponse:
    """Take the provider's answer and begin a session, or say why not."""
    provider = _get_provider()
    services().throttle.check_sign_in(current_sender())
    attempt = take_attempt(request.args.get("state", ""))
    if attempt is None or not services().store.spend(attempt.state, seconds=int(TIME.total_seconds())):
        raise _failed(
            provider,
            "this browser has not begun to sign in, or more than ten minutes ago, or is done with it",
        )
    try:
        _check_answer(provider)
        person = provider.finish(request.args.get("code", ""), attempt)
    except ProviderAway as error:
        raise _unavailable(provider, error) from error
    except ProviderRefused as error:
        raise _failed(provider, f"the provider said: {error}") from error
    except BadIdToken as error:
        raise _failed(provider, f"the provider's token can't be believed: {error}") from error
    _begin_session(provider, person)
    return redirect(attempt.target, HTTPStatus.SEE_OTHER)


@pages.get("/login/leave")
def leave_provider() -> AnyResponse:
    """To the provider's own page for signing out, where it has one, and back."""
    provider, door = _get_provider(), url_for("pages.show_login")
    there = provider.find_end_session(services().settings.address(door))
    if there is None:
        tell_done(
            f"{provider.sign_in.host} offers no page for signing out, or does not answer: sign out there"
        )
    return redirect(there or door, HTTPStatus.SEE_OTHER)


def _begin_session(provider: Provider, person: Person) -> None:
    if not grants_of(person.groups, services().config.grants):
        log.warning("signed in without a role", name=person.name, sender=current_sender())
        refusal = no_role(_describe(person, provider.sign_in.host))
        _enter(person, why=refusal.document.slug)
        raise refusal
    sign_in(person.name, groups=person.groups)
    log.info("signed in with the provider", name=person.name, claim=person.claim)


def _enter(person: Person, *, why: str) -> None:
    """Into the audit trail, as every refusal for want of a role; attempts to sign in are counted already."""
    services().store.audit.write(
        NewEntry(
            actor=Actor(PERSON, person.name),
            address=current_sender(),
            action=SIGN_IN,
            outcome=Outcome.REFUSED,
            why=why,
        )
    )


def _check_answer(provider: Provider) -> None:
    """Raises ``ProviderRefused`` where the provider, or somebody in its place, answered with no code."""
    if not provider.is_issuer(request.args.get("iss")):
        raise ProviderRefused("the answer is of another issuer")
    if "error" in request.args:
        raise ProviderRefused(describe_error(request.args["error"], request.args.get("error_description")))
    if not request.args.get("code"):
        raise ProviderRefused("the answer has no code")


def _describe(person: Person, host: str) -> str:
    groups = person.groups
    named = ", ".join(shown(group) for group in groups[:GROUPS_SHOWN])
    more = f" and {len(groups) - GROUPS_SHOWN} more" if len(groups) > GROUPS_SHOWN else ""
    told = f"in the groups {named}{more}, none of which has a role here" if groups else "in no group"
    return f"{host} says that you are {shown(person.name)}, {told}"


def _get_provider() -> Provider:
    provider = services().provider
    if provider is None:
        abort(HTTPStatus.NOT_FOUND)
    return provider


def _unavailable(provider: Provider, why: ProviderAway) -> Problem:
    log.warning("provider away", issuer=provider.sign_in.issuer, why=str(why))
    return Problem(
        "sign-in-unavailable",
        "Nobody can sign in with the provider just now",
        detail=f"{provider.sign_in.host}: {why}. Releases, webhooks and API tokens are not affected",
        next_step="try again in a moment, or sign in with an API token; whoever runs Verdigris compares "
        "`sign_in` of its configuration with the provider",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _failed(provider: Provider, why: str) -> Problem:
    log.warning("sign-in with the provider failed", sender=current_sender(), why=why)
    door = services().settings.address("/login")
    return Problem(
        "sign-in-failed",
        "You are not signed in",
        detail=f"signing in with {provider.sign_in.host} failed: {why}",
        next_step=f"begin again at {door}, in one browser and from that address",
        status=HTTPStatus.BAD_REQUEST,
    )
