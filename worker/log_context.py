"""Structured logs: one JSON object a line, with the release, app and stage it is about.

``structlog.contextvars`` carry what a task is about; the executor binds them before a stage and clears them
after, so that no line speaks of the release before.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.records import Offer

SHOWN: Final = ("release", "app", "tag", "job")
"""What a stage's message says of it beside its arguments."""


def bind_task(task: str, arguments: Mapping[str, object]) -> None:
    """For the lines that Celery itself writes of a task, before a stage begins and after its end."""
    known = {name: arguments[name] for name in SHOWN if arguments.get(name)}
    if "job" in known:
        known["stage"] = task.rpartition(".")[2]
    structlog.contextvars.bind_contextvars(**known)


def about_offer(offer: Offer) -> dict[str, str]:
    """What a line says of an offered stage."""
    told = {"job": offer.job_id, "release": offer.release_id or "", "app": offer.app, "tag": offer.tag}
    return told | {"stage": str(offer.stages[offer.index])}


def configure_logs(log_format: str) -> None:
    """Send everything, the libraries' lines too, through structlog to standard error."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer(log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def renderer(log_format: str) -> structlog.types.Processor:
    """What makes a line of an event."""
    if log_format == "console":
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.processors.JSONRenderer()
