"""Who asked, in words. What is kept (``token:demo``) stays as it is; this is how pages and notes say it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from release.model import Actor

if TYPE_CHECKING:
    from re import Match

WAYS: Final = {
    "token": "API",
    "git": "Git push",
    "direct": "directly in the cluster",
    "cluster": "in the cluster",
}
"""How those came who did not use a page."""

_KEPT: Final = re.compile(r"(?<=\bby )(?:git|token|person|direct|verdigris):[\w@+-]+(?:\.[\w@+-]+)*")


def tell_actor(actor: Actor) -> str:
    """``demo (API)``, ``octocat (Git push)``; of a person on a page just the name."""
    way = WAYS.get(actor.kind)
    return f"{actor.name} ({way})" if way else actor.name


def tell_people(text: str) -> str:
    """A reason that a worker wrote, with ``by token:demo`` as ``by demo (API)``."""
    return _KEPT.sub(_in_words, text)


def _in_words(found: Match[str]) -> str:
    return tell_actor(Actor.parse(found[0]))
