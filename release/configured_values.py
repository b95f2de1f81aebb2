"""Which of the values that Verdigris' own configuration gives an app's manifests have changed: names only.

The configuration of the past is nowhere to be read. So each release keeps a fingerprint of every value that
it was made with, salted by itself: equal or not is all that can be told of it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from release.difference import LONGEST_NAME, ChangedKey, Kind, clean
from release.references import SecretReference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.config import App
    from release.model import Color

WHERE: Final = "verdigris.yml"
LENGTH: Final = 16
"""Hexadecimal digits of a fingerprint."""

MOST_NAMES: Final = 500


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Of the values by name."""

    salt: str
    values: dict[str, str]


_FINGERPRINTS: Final = TypeAdapter(Fingerprints)


def configured_values(app: App, color: Color) -> dict[str, str]:
    """What a color's manifests are rendered with, as texts. Of a secret it is where it is kept."""
    given: dict[str, object] = {**app.manifests.variables, **app.values, **app.values_by_color.get(color, {})}
    return {name: _text_of(given[name]) for name in sorted(given)[:MOST_NAMES]}


def take_fingerprints(values: Mapping[str, str], salt: str = "") -> Fingerprints:
    """Of values; under a salt of their own where none is given."""
    salt = salt or secrets.token_hex(LENGTH)
    return Fingerprints(salt, {name: _take(text, salt) for name, text in values.items()})


def compare_values(before: Fingerprints, values: Mapping[str, str]) -> list[ChangedKey]:
    """What became of each value since its fingerprint was taken."""
    old, new = before.values, take_fingerprints(values, before.salt).values
    differing = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return [ChangedKey(clean(name, LONGEST_NAME), WHERE, _kind_of(name, old, new)) for name in differing]


def dump_fingerprints(fingerprints: Fingerprints) -> str:
    """As they are kept."""
    return _FINGERPRINTS.dump_json(fingerprints).decode()


def parse_fingerprints(text: str) -> Fingerprints:
    """As ``dump_fingerprints`` wrote them."""
    return _FINGERPRINTS.validate_json(text)


def _kind_of(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Kind:
    if name not in old:
        return Kind.ADDED
    return Kind.CHANGED if name in new else Kind.REMOVED


def _text_of(value: object) -> str:
    if isinstance(value, SecretReference):
        return f"kept in {value.env or value.file}"
    return json.dumps(value, sort_keys=True, default=str)


def _take(text: str, salt: str) -> str:
    return sha256(f"{salt}{text}".encode(errors="replace")).hexdigest()[:LENGTH]
