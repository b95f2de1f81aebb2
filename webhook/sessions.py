"""Signed-in people: what the session cookie holds, and when it stops to count.

The cookie is signed, not encrypted, and holds no secret: a name, an end that no activity moves, for those who
came with a token a proof that ends with the token, for those who came from the provider their groups. What
somebody may do is worked out anew at each request, from the configuration as it is then.
"""

from __future__ import annotations

import secrets
from math import ceil
from typing import TYPE_CHECKING, Final

from flask import session

from release.problems import NotDurable
from release.roles import Grant, Role
from release.sign_in import grants_of
from webhook.access import PERSON, Caller
from webhook.services import services

if TYPE_CHECKING:
    from collections.abc import Iterable

ID: Final = "id"
NAME: Final = "name"
UNTIL: Final = "until"
PROOF: Final = "proof"
ISSUER: Final = "issuer"
GROUPS: Final = "groups"
PROVIDER_LEFT: Final = "provider-left"

WHOLE: Final = (Grant(Role.ADMIN),)
"""Of those who came with a ticket: they started Verdigris on this very machine."""


def sign_in(name: str, *, proof: str | None = None, groups: Iterable[str] | None = None) -> None:
    """Begin a fresh session: nothing of the one before is kept.

    ``groups`` are those that the provider named. Only those with a grant are kept: a cookie holds 4 KiB.
    """
    settings, config = services().settings, services().config
    session.clear()
    session.permanent = True
    session[ID] = secrets.token_urlsafe(16)
    session[NAME] = name
    session[UNTIL] = (settings.clock() + settings.session).timestamp()
    if proof:
        session[PROOF] = proof
    if groups is not None and config.sign_in:
        session[ISSUER] = config.sign_in.issuer
        session[GROUPS] = sorted({grant.group for grant in config.grants}.intersection(groups))


def sign_out() -> None:
    """End the session: in this browser, and for every copy of its cookie.

    Raises:
        NotDurable: that can't be remembered, so nothing was ended.
    """
    session_id, until = session.get(ID), session.get(UNTIL)
    is_from_provider = GROUPS in session
    if isinstance(session_id, str) and isinstance(until, int | float):
        left = ceil(until - services().settings.clock().timestamp())
        if left > 0:
            services().store.end_session(session_id, seconds=left)
    session.clear()
    if is_from_provider:
        session[PROVIDER_LEFT] = True


def take_provider_left() -> bool:
    """Whether the person signed out here a moment ago and may still be signed in at the provider."""
    return bool(session.pop(PROVIDER_LEFT, None)) if PROVIDER_LEFT in session else False


def find_caller() -> Caller | None:
    """Who is signed in, and what they may do; None once the session, or what they came with, has ended.

    Raises:
        NotDurable: whether they signed out elsewhere can't be known just now.
    """
    name, until, session_id = session.get(NAME), session.get(UNTIL), session.get(ID)
    if not isinstance(name, str) or not isinstance(until, int | float) or not isinstance(session_id, str):
        return None
    if until < services().settings.clock().timestamp():
        return None
    try:
        grants = _find_grants(name)
        if grants is None or services().store.is_session_ended(session_id):
            return None
    except NotDurable as error:
        raise NotDurable(str(error), is_in_doubt=False) from error  # only a look was asked for
    return Caller(name, PERSON, grants)


def _find_grants(name: str) -> tuple[Grant, ...] | None:
    """What somebody may do now; None where the token or provider that they came with is another by now."""
    config, proof, groups = services().config, session.get(PROOF), session.get(GROUPS)
    if isinstance(proof, str):
        return services().tokens.find_grants(name, proof, services().key)
    if groups is None:
        return WHOLE
    is_same = config.sign_in is not None and session.get(ISSUER) == config.sign_in.issuer
    return grants_of(groups, config.grants) if is_same else None
