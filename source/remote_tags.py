"""The tags of a repository that could be released, as the remote lists them now. Nothing is fetched."""

from __future__ import annotations

import re
from typing import Final

from release.problems import Problem
from release.tag import find_color, find_refusal
from source.address import anonymous
from source.listing import NotListed, list_tags

SECONDS: Final = 30.0
MOST: Final = 20_000
"""Tags of one repository that are compared; each is remembered."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def list_release_tags(address: str, *, seconds: float = SECONDS, most: int = MOST) -> dict[str, str]:
    """Tags that name a color and can be released: tag → commit, an annotated tag followed to its commit.

    Raises:
        Problem: ``repository-unreachable``, ``repository-refused``, ``too-many-tags``.
    """
    try:
        listed = list_tags(address, seconds=seconds)
    except NotListed as error:
        raise _unreachable(address, error) from error
    fitting = {tag: commit for tag, commit in listed.items() if _is_releasable(tag, commit)}
    if len(fitting) > most:
        raise _too_many(address, len(fitting), most=most)
    return fitting


def _is_releasable(tag: str, commit: str) -> bool:
    return bool(find_color(tag) and not find_refusal(tag) and _COMMIT.fullmatch(commit))


def _unreachable(address: str, error: NotListed) -> Problem:
    return Problem(
        "repository-unreachable",
        "the repository can't be read",
        detail=f"{anonymous(address)}: {error}",
        next_step="check the address, the network and the credentials of the workers: `verdigris doctor`",
        status=502,
    )


def _too_many(address: str, found: int, *, most: int) -> Problem:
    return Problem(
        "too-many-tags",
        "the repository has too many tags to compare",
        detail=f"{anonymous(address)} has {found} tags that name a color; at most {most} are compared",
        next_step="delete old ones from the repository, or switch it off: `compare_tags: 0`, `poll: 0`",
        status=422,
    )
