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
    structlog.configure(processors=[*first, name_as_workers_do, escape_controls, last])


def name_as_workers_do(_logger: object, _method: str, event: EventDict) -> EventDict:
    """One name for each thing, so that one search finds a release's lines in web process and workers."""
    for name, told in (("release_id", "release"), ("job_id", "job")):
        if name in event:
            event[told] = event.pop(name)
    return event


def escape_controls(_logger: object, _method: str, event: EventDict) -> EventDict:
    r"""Write control and direction marks as ``\uXXXX``: payloads and tags may hold them.

    Only a traceback keeps its line breaks.
    """
    return {name: _escape(value, keep="\n" if name == "exception" else "") for name, value in event.items()}


def _escape(value: object, *, keep: str) -> object:
    if not isinstance(value, str):
        return value
    return "".join(char if char.isprintable() or char in keep else f"\\u{ord(char):04x}" for char in value)
