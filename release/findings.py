"""What is wrong with a configuration, in words and with lines: the wording of pydantic's errors.

Which rules there are is in ``config``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

    from release.document import Document, Location

MESSAGES: Final = {
    "missing": "is missing",
    "extra_forbidden": "there is no such field",
    "list_type": "must be a list, as in [npm, run, migrate]",
    "string_type": "must be text (in quotes where YAML takes it for something else)",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}
"""Our words for pydantic's error types, where its own say ``valid dictionary or instance of App``."""


def describe(errors: Sequence[ErrorDetails], document: Document) -> list[tuple[int, str]]:
    """Line and wording of each mistake: one for each field, however many types the field may have."""
    findings: dict[Location, dict[str, None]] = {}
    for error in errors:
        location = _location(document.data, error["loc"], is_missing=error["type"] == "missing")
        findings.setdefault(location, {})[_message(error)] = None
    return [
        (document.line_of(location), f"{dotted(location)}: {', or: '.join(messages)}")
        for location, messages in findings.items()
    ]


def dotted(location: Location) -> str:
    """The dotted form for people."""
    return ".".join(str(part) for part in location) or "the file"


def _message(error: ErrorDetails) -> str:
    own = MESSAGES.get(error["type"])
    return own or re.sub(r"^Value error, ", "", error["msg"])


def _location(data: Any, loc: Location, *, is_missing: bool) -> Location:  # noqa: ANN401 -- whatever YAML held
    """Pydantic's path without the parts it adds for keys and for the members of a union."""
    found: list[int | str] = []
    for index, part in enumerate(loc):
        is_there = (
            part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        )
        if is_there:
            data = data[part]
        if is_there or (is_missing and index == len(loc) - 1):
            found.append(part)
    return tuple(found)
