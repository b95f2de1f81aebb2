"""What gunicorn refuses before the application sees it, told in the form of every other refusal.

No address is known then, so programs and people are told alike.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from release.problems import ProblemDocument

HEAD: Final = (
    "HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    "Content-Length: {length}\r\n\r\n"
)


def told_as_problem(answer: bytes) -> bytes:
    """The same refusal as problem+json; ``answer`` is gunicorn's own, of which only the status counts."""
    status = HTTPStatus(int(answer.split(b" ", 2)[1]))
    document = crashed() if status is HTTPStatus.INTERNAL_SERVER_ERROR else unreadable(status)
    body = json.dumps(document.as_json()) + "\n"
    return (HEAD.format(status=status.value, phrase=status.phrase, length=len(body)) + body).encode()


def unreadable(status: HTTPStatus) -> ProblemDocument:
    """What was sent is not HTTP, or too much of it."""
    return ProblemDocument(
        "unreadable-request",
        "The request can't be read",
        f"the web process takes no such HTTP ({status.phrase.lower()}), and has read no further",
        "send a first line of at most 4094 bytes, at most 100 headers, and none of more than 8190 bytes",
        status,
    )


def crashed() -> ProblemDocument:
    """Ours to mend."""
    return ProblemDocument(
        "internal-error",
        "Verdigris made a mistake",
        "the request failed for a reason that is not yours; the log of the web process tells it",
        "try again; if it stays, report it with that part of the log",
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
