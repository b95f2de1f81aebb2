"""Logs of the web process: one event a line, nothing in it that a terminal would obey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from worker.log_context import configure_logs

if TYPE_CHECKING:
    from structlog.typing import EventDict


def configure_log(form: str) -> None:
    """Log as the workers do, ``json`` or ``console``, with every text escaped."""
    configure_logs(form)
    *first, last = structlog.get_config()["processors"]
    structlog.configure(processors=[*first, escape_controls, last])


def escape_controls(_logger: object, _method: str, event: EventDict) -> EventDict:
    r"""Write control and direction marks as ``\uXXXX``: payloads and tags may hold them.

    Only a traceback keeps its line breaks.
    """
    return {name: _escape(value, keep="\n" if name == "exception" else "") for name, value in event.items()}


def _escape(value: object, *, keep: str) -> object:
    if not isinstance(value, str):
        return value
    return "".join(char if char.isprintable() or char in keep else f"\\u{ord(char):04x}" for char in value)
