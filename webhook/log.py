"""Logs of the web process: one event a line, nothing in it that a terminal would obey."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

from worker.log_context import configure_logs, renderer

if TYPE_CHECKING:
    from structlog.typing import EventDict


def configure_log(form: str) -> None:
    """Log as the workers do, ``json`` or ``console``, with every text escaped.

    What the libraries say goes the way of the workers' lines; what is said here, two lines for each delivery,
    goes straight to standard error, without the records that ``logging`` makes on that way.
    """
    configure_logs(form)
    *shared, _ = structlog.get_config()["processors"]
    structlog.configure(
        processors=[*shared, name_as_workers_do, escape_controls, renderer(form)],
        logger_factory=lambda name="": NamedLogger(name),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


class NamedLogger(structlog.WriteLogger):
    """Writes lines to standard error, and knows whose they are."""

    def __init__(self, name: str) -> None:
        super().__init__(sys.stderr)
        self.name = name


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
    hostile = [name for name, value in event.items() if isinstance(value, str) and not value.isprintable()]
    for name in hostile:
        event[name] = _escape(event[name], keep="\n" if name == "exception" else "")
    return event


def _escape(value: str, *, keep: str) -> str:
    return "".join(char if char.isprintable() or char in keep else f"\\u{ord(char):04x}" for char in value)
