"""Telling one message outside: the request goes to the address of the configuration, and what came of it.

Of an answer the first bytes are read, and it leads nowhere else; what it says is told without our secret.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from release.secret import Redactor, Secret
from source.bounded_http import BadAnswer, NoAnswer, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from release.signal_texts import Request
    from source.bounded_http import Answer

PATIENCE: Final = 10.0
"""Seconds for one request."""

MOST_READ: Final = 4096
MOST_TOLD: Final = 200
FIRST_REST: Final = 5.0
LONGEST_REST: Final = 900.0
LONGEST_ASKED: Final = 3600.0
"""Seconds: a receiver may ask for more patience, but not for the night."""

MOST_GUESSED: Final = 8
"""Characters from which on a part of an address is no word of everybody's."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: told where there is no ``error``. ``is_final``: to try again would change nothing.

    ``wait``: seconds that the receiver asks us to stay away.
    """

    error: str = ""
    is_final: bool = False
    wait: float | None = None


def send(request: Request, secret: Secret, *, now: datetime, patience: float = PATIENCE) -> Outcome:
    """Send a message once."""
    redactor = Redactor(_secrets(request, secret))
    try:
        answer = Patience(seconds=patience).ask(
            request.method,
            request.url,
            headers=request.headers,
            body=request.body or None,
            limit=MOST_READ,
            is_cut=True,
        )
    except NoAnswer as error:
        return Outcome(redactor.redact(f"no answer: {error}"))
    except BadAnswer as error:
        return Outcome(redactor.redact(f"an answer that can't be read: {error}"))
    if (
        request.told_already
        and answer.status == HTTPStatus.BAD_REQUEST
        and request.told_already in answer.body
    ):
        return Outcome()
    return _judge(answer, redactor, now)


def find_rest(failures: int, outcome: Outcome, jitter: Callable[[], float] = random.random) -> float:
    """Seconds for which a channel rests after so many failures before this one.

    5 s, then twice as long each time up to 15 minutes, of which chance takes up to half: what failed together
    does not come back together. What the receiver asks for counts where it is more.
    """
    rest = min(LONGEST_REST, FIRST_REST * 2.0 ** min(failures, 20))
    return max(rest * (1 - jitter() / 2), min(outcome.wait or 0, LONGEST_ASKED))


def _judge(answer: Answer, redactor: Redactor, now: datetime) -> Outcome:
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome()
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Outcome(f"{status}: it redirects, and is not followed: name the final address", is_final=True)
    is_for_now = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
    said = redactor.redact(_one_line(answer.body))
    error = f"{status}: {said[:MOST_TOLD]}" if said else f"{status}"
    wait = _read_wait(answer.headers.get("Retry-After", ""), now) if is_for_now else None
    return Outcome(error, is_final=not is_for_now, wait=wait)


def _read_wait(text: str, now: datetime) -> float | None:
    """``Retry-After``: seconds, or a time; anything else is passed over."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _one_line(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return "".join(char for char in text if char.isprintable())


def _secrets(request: Request, secret: Secret) -> Iterator[Secret]:
    """Libraries tell parts of an address, and a part of a chat's is as good as the whole."""
    yield secret
    if secret.reveal() == request.url:
        parts = urlsplit(request.url)
        yield Secret(parts.path)
        yield from (Secret(part) for part in parts.path.split("/") if len(part) >= MOST_GUESSED)
        yield Secret(parts.query)
