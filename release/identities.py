"""Whether two actors are the same human: who pushed a tag, and who says yes to it.

A human has one name in Git and maybe another one to sign in with; ``people`` of the configuration maps the
first to the second. The kind of an actor does not matter: a token's holder may sign in on the page with it.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from release.model import Actor

GIT: Final = "git"


def fold(name: str) -> str:
    """A name as it is compared: Git hosts and providers of identities don't tell capitals apart."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def check_people(people: Mapping[str, str]) -> Mapping[str, str]:
    """Git names → names to sign in with, each Git name once.

    Raises:
        ValueError: two entries are for the same name in Git.
    """
    names = [fold(name) for name in people]
    twice = [name for name in people if names.count(fold(name)) > 1]
    if twice:
        message = f"{' and '.join(twice)} are the same name in Git; keep one"
        raise ValueError(message)
    return people


def identify(actor: Actor, people: Mapping[str, str]) -> str:
    """The same text for the same human."""
    known = {fold(name): person for name, person in people.items()} if actor.kind == GIT else {}
    return fold(known.get(fold(actor.name), actor.name))


def is_among(actor: Actor, others: Iterable[Actor], people: Mapping[str, str]) -> bool:
    """Whether one of the others is the same human."""
    return identify(actor, people) in {identify(other, people) for other in others}
