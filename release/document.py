"""A YAML text with its line numbers: where a field stands, and which field stands twice.

Knows nothing of apps; what the fields mean is in ``config``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Location = tuple[int | str, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C one, where PyYAML has it, takes a tenth of the time. It reads only the operator's files."""


class NoDocument(Exception):
    """The text is no YAML, or not one document of it."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """The data of one YAML document, and the nodes it was made of (None: the text is empty)."""

    data: Any
    node: yaml.Node | None

    def line_of(self, location: Location) -> int:
        """The line of the deepest part of ``location`` that the text has, from 1."""
        node = self.node
        line = node.start_mark.line + 1 if node else 1
        for part in location:
            line, node = _step(node, part, line)
            if node is None:
                break
        return line

    def repeated(self) -> list[tuple[int, str]]:
        """Line and dotted path of each key that stands a second time in its mapping.

        YAML readers keep the last of them without a word, so an app's first namespace would be lost.
        """
        return list(_repeated_keys(self.node, ()))


def read_document(text: str) -> Document:
    """Read a text that should be one YAML document.

    Raises:
        NoDocument: it is none. PyYAML raises plain ``ValueError`` for dates like 2001-99-99.
    """
    with suppress(yaml.YAMLError, ValueError):
        return _read(text, _LOADER)
    try:
        return _read(text, yaml.SafeLoader)  # which tells better what is wrong, and in which line
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise NoDocument(mark.line + 1 if mark else 1, str(error.problem)) from error
    except (yaml.YAMLError, ValueError) as error:
        raise NoDocument(1, str(error)) from error


def _read(text: str, make: Any) -> Document:  # noqa: ANN401 -- PyYAML's loaders have no type in common
    """Parsed twice: what makes data of nodes writes merged keys into them, where they would look repeated."""
    data, nodes = make(text), make(text)
    try:
        return Document(data.get_single_data(), nodes.get_single_node())
    finally:
        data.dispose()
        nodes.dispose()


def _step(node: yaml.Node | None, part: int | str, line: int) -> tuple[int, yaml.Node | None]:
    """Go one part deeper; the line stays where it was when the part is not there."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return line, None


def _repeated_keys(node: yaml.Node | None, above: Location) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*above, str(key.value))
            if str(key.value) in seen:
                yield key.start_mark.line + 1, ".".join(str(part) for part in here)
            seen.add(str(key.value))
            yield from _repeated_keys(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated_keys(item, (*above, index))
