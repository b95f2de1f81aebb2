"""Stand-ins for values that must not take part in rendering: secrets, and text that YAML would misread.

A template gets a mark in the value's place; the value goes in when the YAML is parsed. So a rendered text
never holds a secret (no error can quote one), and no such value can become structure: it stays one string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK: Final = re.compile(f"{_OPEN}([0-9]{{1,6}}){_CLOSE}")
"""Between two characters of Unicode's private use area: YAML and JSON carry them, no manifest has them."""


class MisplacedValue(Exception):
    """A mark stands where no value can go in; the message names the place, never the value."""


class Placeholders:
    """The values put aside while one app's manifests are rendered."""

    def __init__(self) -> None:
        self._values: list[str | Secret] = []

    def put(self, value: str | Secret) -> str:
        """Keep the value; the mark that stands for it."""
        self._values.append(value)
        return f"{_OPEN}{len(self._values) - 1}{_CLOSE}"

    def without_secrets(self, value: object) -> object:
        """The same plain value with a mark for each secret in it."""
        if isinstance(value, Secret):
            return self.put(value)
        if isinstance(value, dict):
            return {str(key): self.without_secrets(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.without_secrets(item) for item in value]
        return value

    def fill(self, value: Any, *, place: str = "") -> Any:  # noqa: ANN401 -- any YAML value
        """The same parsed value with the real ones in place of their marks.

        Raises:
            MisplacedValue: a mark in a mapping's key, or one that stands for nothing.
        """
        if isinstance(value, str):
            return _MARK.sub(lambda mark: self._reveal(int(mark[1]), place), value)
        if isinstance(value, dict):
            return self._fill_mapping(value, place)
        if isinstance(value, list):
            return [self.fill(item, place=f"{place}[{index}]") for index, item in enumerate(value)]
        return value

    def _fill_mapping(self, mapping: Mapping[str, Any], place: str) -> dict[str, Any]:
        if any(_MARK.search(key) for key in mapping):
            raise MisplacedValue(f"below {place or 'the top'}: a secret can't be a key")
        return {key: self.fill(item, place=f"{place}.{key}".lstrip(".")) for key, item in mapping.items()}

    def _reveal(self, index: int, place: str) -> str:
        if index >= len(self._values):
            raise MisplacedValue(f"{place}: private characters that stand for nothing")
        value = self._values[index]
        return value.reveal() if isinstance(value, Secret) else value
