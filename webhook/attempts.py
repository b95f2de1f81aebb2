"""Attempts to sign in with the provider that this browser has begun: kept in its own session, and only there.

So an answer of the provider counts only in the browser that asked: nobody can be signed in as somebody else.
Whoever has the browser can read its cookie; what stands here is of no use without the provider's answer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from flask import session

from webhook.services import services

KEY: Final = "attempts"
TIME: Final = timedelta(minutes=10)
"""For a password, a second factor and, the first time, a consent."""

MOST: Final = 3
"""Of one browser: tabs that were left alone must not fill the cookie."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the provider's answer has to fit to; ``target`` is the page to go to then."""

    state: str
    nonce: str
    verifier: str
    target: str


def remember_attempt(attempt: Attempt) -> None:
    """Keep it in the browser's session, in place of the oldest where there are too many."""
    until = (services().settings.clock() + TIME).timestamp()
    session[KEY] = [*_kept(), {**asdict(attempt), "until": until}][-MOST:]


def take_attempt(state: str) -> Attempt | None:
    """The attempt with that state, if this browser began it and it is not too old. It counts once."""
    kept = _kept()
    found = next((one for one in kept if one["state"] == state), None)
    if found is None:
        return None
    session[KEY] = [one for one in kept if one is not found]
    if found.pop("until") < services().settings.clock().timestamp():
        return None
    return Attempt(**found)


def _kept() -> list[dict[str, Any]]:
    return [dict(one) for one in session.get(KEY, [])]
