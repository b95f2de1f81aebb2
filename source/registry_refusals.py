"""What is told when a registry gives no answer to whether an image exists.

Text of the registry's own is shown only where it is a code: what else it says may echo what we sent.
"""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, ClassVar, Final

from release.problems import Problem

if TYPE_CHECKING:
    from source.bounded_http import Answer

REFUSED: Final = frozenset({401, 403})
TOO_MANY: Final = 429
REDIRECTS: Final = range(300, 400)
FAULTS: Final = range(500, 600)
LONGEST_WAIT: Final = 3600.0
"""Seconds that a registry may ask to be left in peace."""

_CODE: Final = re.compile(r"[A-Z][A-Z_]{0,39}")
_MOST_CODES: Final = 5


class RegistryUnreachable(Problem):
    """No answer, or none now. ``retry_after``: seconds that the registry asks to be left in peace, if any."""

    slug: ClassVar[str] = "registry-unreachable"
    title: ClassVar[str] = "The registry does not answer"

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        next_step = (
            "let the workers through (firewall, NetworkPolicy, https_proxy); if its certificate is of a CA "
            "of your own, name that CA's file in the workers' REQUESTS_CA_BUNDLE"
        )
        super().__init__(self.slug, self.title, detail=detail, next_step=next_step)
        self.retry_after = retry_after


def by_status(answer: Answer, about: str, *, username: str | None) -> Problem:
    """What an answer that is neither a manifest nor "not found" means; ``about``: the image and the place."""
    codes = ", ".join(codes_of(answer))
    said = f"{about} answers with status {answer.status}{f' ({codes})' if codes else ''}"
    if answer.status in REFUSED:
        return _refused(said, username)
    if answer.status == TOO_MANY or answer.status in FAULTS:
        return RegistryUnreachable(said, retry_after=_retry_after(answer))
    if answer.status in REDIRECTS:
        return unexpected(f"{said} and leads to {shown(answer.headers.get('Location', ''))}; nobody follows")
    return unexpected(said)


def _refused(said: str, username: str | None) -> Problem:
    advice = (
        f"see that {username} may pull there, and that registry.password is right"
        if username
        else "set registry.username and registry.password of the app"
    )
    return Problem(
        "registry-refused",
        "The registry does not let Verdigris look",
        detail=said,
        next_step=f"{advice}; some registries say so also where nothing was pushed yet",
    )


def misled(detail: str) -> Problem:
    """The registry names a host for its tokens that may not be asked."""
    return Problem(
        "registry-token-host",
        "The registry's tokens come from another host",
        detail=f"{detail}; nothing was sent there",
        next_step="add that host to registry.token_hosts of the app, if it may see the password",
    )


def unexpected(detail: str) -> Problem:
    """Somebody answered who is no registry, or one that contradicts itself."""
    return Problem(
        "registry-unexpected",
        "That is no registry's answer",
        detail=detail,
        next_step="see that the app's image begins with its registry's host, and what answers there",
    )


def invalid_name(detail: str) -> Problem:
    """Nobody can be asked about such an image."""
    return Problem(
        "image-name-invalid",
        "The image's name is none",
        detail=detail,
        next_step="correct the app's image in the configuration",
        status=422,
    )


def shown(text: str) -> str:
    """Text from outside as a message may have it."""
    return repr("".join(char if char.isprintable() else " " for char in text[:100]))


def codes_of(answer: Answer) -> list[str]:
    """The codes of a registry's error document, as MANIFEST_UNKNOWN; none where it is no such document."""
    try:
        codes = [error["code"] for error in json.loads(answer.body)["errors"]]
    except (ValueError, RecursionError, KeyError, TypeError):
        return []
    return [code for code in codes[:_MOST_CODES] if isinstance(code, str) and _CODE.fullmatch(code)]


def _retry_after(answer: Answer) -> float | None:
    """Seconds, from a number or from a date against the server's own clock."""
    said = answer.headers.get("Retry-After", "").strip()
    try:
        wait = float(said) if said.isdecimal() else _between(answer.headers.get("Date", ""), said)
    except (ValueError, OverflowError, TypeError):
        return None
    return min(max(wait, 0.0), LONGEST_WAIT)


def _between(earlier: str, later: str) -> float:
    return (parsedate_to_datetime(later) - parsedate_to_datetime(earlier)).total_seconds()
