"""Values that must never be printed."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REDACTED: Final = "[redacted]"


class Secret:
    """A value that prints as ``[redacted]``; ``reveal`` is the only way to it, and easy to search for."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Never log, render or store what this returns."""
        return self._value

    def matches(self, candidate: str) -> bool:
        """Compare in constant time, over bytes: ``compare_digest`` refuses non-ASCII text."""
        return hmac.compare_digest(
            self._value.encode("utf-8", "surrogatepass"), candidate.encode("utf-8", "surrogatepass")
        )

    def __repr__(self) -> str:
        return f"Secret('{REDACTED}')"

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> tuple[object, ...]:
        message = "a Secret is not pickled: it would land in a queue or a log"
        raise TypeError(message)


SHORTEST: Final = 4
"""Characters of a value that is taken out of text. Shorter ones are found in every other word: without them a
log is unreadable, and hides nothing that could not be guessed."""


class Redactor:
    """Takes known secrets out of text that comes from elsewhere: a command's output, a server's message."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._values: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[Secret]) -> None:
        """Learn of further ones, as of those that only the cluster knows."""
        forms = {form for secret in secrets for form in _forms(secret.reveal()) if len(form) >= SHORTEST}
        # The longest first: one secret may be a part of another.
        self._values = sorted({*self._values, *forms}, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """The text with every known secret replaced."""
        for value in self._values:
            text = text.replace(value, REDACTED)
        return text


def _forms(value: str) -> Iterator[str]:
    """The ways in which a value is written in logs and messages.

    Whole; each line of a key that has several, for output comes line by line; as JSON, URLs and Kubernetes
    Secrets have it.
    """
    yield value
    yield from (line.strip() for line in value.splitlines())
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    encoded = value.encode("utf-8", "surrogatepass")
    yield quote_from_bytes(encoded, safe="")
    yield base64.b64encode(encoded).decode()
