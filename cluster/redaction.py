"""Taking values that may be secret out of what a server says about an object.

A refusal quotes the value that it refuses, and the values of Secrets and environment variables may be secret.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from release.secret import REDACTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.kinds import Object

SHORTEST: Final = 8
"""Shorter values of environment variables stay: switches and numbers are found everywhere in a message."""


def without_values(message: str, obj: Object) -> str:
    """The message without the object's values that may be secret."""
    for value in sorted(set(_secret_values(obj)), key=len, reverse=True):
        message = message.replace(value, REDACTED)
    return message


def _secret_values(obj: Object) -> Iterator[str]:
    if obj.get("kind") == "Secret":
        for values in (obj.get("data"), obj.get("stringData")):
            yield from _strings(values)
    yield from (value for value in _environment(obj) if len(value) >= SHORTEST)


def _strings(values: object) -> Iterator[str]:
    if not isinstance(values, dict):
        return
    for value in values.values():
        if isinstance(value, str) and value:
            yield value
            yield from _decoded(value)


def _decoded(value: str) -> Iterator[str]:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except ValueError:  # no base64, or no text in it
        return
    if text:
        yield text


def _environment(node: Any) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    """The values of every ``env`` list below a node, wherever the kind keeps its pod template."""
    if isinstance(node, list):
        for item in node:
            yield from _environment(item)
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "env" and isinstance(value, list):
                yield from (str(item["value"]) for item in value if "value" in item)
            else:
                yield from _environment(value)
