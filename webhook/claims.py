"""What of a provider's claims counts here: a name for the history, and groups. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.sign_in import SignIn

NAME_LENGTH: Final = 200
MOST_GROUPS: Final = 1_000


class Nameless(Exception):
    """No claim has a name that could stand in the history."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in. ``claim`` is the one that the name is from."""

    name: str
    claim: str
    groups: tuple[str, ...]


def read_person(claims: Mapping[str, Any], sign_in: SignIn) -> Person:
    """The name is that of the first of ``name_claim``, ``email``, ``sub`` that has one.

    An address that the provider calls not verified is nobody's: anybody could have typed it.

    Raises:
        Nameless: none has.
    """
    for claim in (sign_in.name_claim, "email", "sub"):
        name = claims.get(claim)
        is_borrowed = claim == "email" and claims.get("email_verified") is False
        if isinstance(name, str) and _is_fit(name) and not is_borrowed:
            return Person(name, claim, read_groups(claims, sign_in.groups_claim))
    raise Nameless


def has_groups(claims: Mapping[str, Any], claim: str) -> bool:
    """Whether the claims say anything about groups."""
    return _find(claims, claim) is not None


def read_groups(claims: Mapping[str, Any], claim: str) -> tuple[str, ...]:
    """The groups; one alone may stand there as text. What is no text is no group."""
    value = _find(claims, claim)
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(dict.fromkeys(one for one in values if isinstance(one, str) and one))[:MOST_GROUPS]


def _find(claims: Mapping[str, Any], claim: str) -> Any:  # noqa: ANN401 -- whatever the provider says
    """A claim by its whole name, or else by its path: ``realm_access.roles``."""
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for step in claim.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _is_fit(name: str) -> bool:
    """Whether a name can be told from others: printable, with no blanks around it, of a bounded length."""
    return 0 < len(name) <= NAME_LENGTH and name.isprintable() and name == name.strip()
