"""JSON read so that no two readers could understand it differently, and no input can exhaust the reader.

Refused beyond what ``json`` refuses: NaN and infinities, duplicate keys, a byte order mark, UTF-16, halves of
surrogate pairs (they can't be written out again), integers beyond 64 bits, deep nesting.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from webhook.providers.events import BadBody

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPTH_LIMIT: Final = 64
INTEGER_DIGITS: Final = 20

# Possessive, so that no input makes it try twice; an unclosed string reads to the end.
_STRINGS_AND_BRACKETS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_object(body: bytes) -> dict[str, Any]:
    """The object that ``body`` holds.

    Raises:
        BadBody: anything else, told without repeating the input.
    """
    _check_depth(body)
    value = _load(body)
    if not isinstance(value, dict):
        raise BadBody("the body is no JSON object")
    if _SURROGATE_ESCAPE.search(body):
        _check_text(value)
    return value


def _load(body: bytes) -> object:
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_bounded_integer,
            parse_float=_finite_float,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise BadBody("the body is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadBody(f"the body is no JSON (line {error.lineno}, column {error.colno})") from error


def _check_depth(body: bytes) -> None:
    """Before parsing: the parser would answer deep nesting with a RecursionError."""
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(body):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            if depth > DEPTH_LIMIT:
                raise BadBody(f"the body is nested deeper than {DEPTH_LIMIT} levels")
        elif token in (b"]", b"}"):
            depth -= 1


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadBody("the body has an object with the same key twice")
    return found


def _bounded_integer(digits: str) -> int:
    if len(digits) > INTEGER_DIGITS:
        raise BadBody(f"the body has an integer of more than {INTEGER_DIGITS} digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadBody("the body has a number that is too large")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise BadBody(f"the body has {name}, which is no JSON")


def _check_text(value: object) -> None:
    """A lone half of a surrogate pair would fail later, when a log or an answer is written."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadBody("the body has half of a surrogate pair") from error
