"""Signed-in people: what the session cookie holds, and when it stops to count.

The cookie is signed, not encrypted, and holds no secret: a name, an end that no activity moves, and for those
who came with a token a proof that ends with the token.
"""

from __future__ import annotations

from typing import Final

from flask import session

from release.model import Actor
from webhook.services import services

NAME: Final = "name"
UNTIL: Final = "until"
PROOF: Final = "proof"


def sign_in(name: str, *, proof: str | None = None) -> None:
    """Begin a fresh session: nothing of the one before is kept."""
    settings = services().settings
    session.clear()
    session.permanent = True
    session[NAME] = name
    session[UNTIL] = (settings.clock() + settings.session).timestamp()
    if proof:
        session[PROOF] = proof


def sign_out() -> None:
    """End the session in this browser."""
    session.clear()


def find_person() -> Actor | None:
    """Who is signed in; None once the session or the token behind it has ended."""
    name, until = session.get(NAME), session.get(UNTIL)
    if not isinstance(name, str) or not isinstance(until, int | float):
        return None
    if until < services().settings.clock().timestamp():
        return None
    if PROOF in session and session[PROOF] != services().tokens.find_proof(name, services().key):
        return None
    return Actor("person", name)
