"""Lines of the log say what they are about, and nothing of what was before."""

from __future__ import annotations

import io
import json
import logging
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any

import structlog

from worker.log_context import configure_logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def logging_as(log_format: str) -> Iterator[io.StringIO]:
    """Logs configured as a worker's, and what they print; everything is put back afterwards."""
    root, printed = logging.getLogger(), io.StringIO()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    try:
        with redirect_stderr(printed):
            configure_logs(log_format)
        yield printed
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**before)


def lines(printed: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_context() -> None:
    with logging_as("json") as printed:
        log = structlog.get_logger("tasks.execution")
        with structlog.contextvars.bound_contextvars(release="r1", app="shop", stage="deploy"):
            log.info("stage begins", attempt=1)
        log.info("idle")

    first, second = lines(printed)
    assert (first["release"], first["app"], first["stage"]) == ("r1", "shop", "deploy")
    assert (first["event"], first["attempt"], first["level"]) == ("stage begins", 1, "info")
    assert first["logger"] == "tasks.execution"
    assert first["timestamp"].endswith("Z")
    assert "release" not in second


def test_lines_of_libraries_look_the_same() -> None:
    with logging_as("json") as printed:
        logging.getLogger("celery.worker").warning("consumer: connection %s", "lost")

    [line] = lines(printed)
    assert (line["event"], line["level"], line["logger"]) == (
        "consumer: connection lost",
        "warning",
        "celery.worker",
    )


def test_an_exception_is_told_in_its_line() -> None:
    with logging_as("json") as printed:
        try:
            int("boom")
        except ValueError:
            structlog.get_logger("worker").exception("a look failed")

    [line] = lines(printed)
    assert "ValueError: invalid literal" in line["exception"]


def test_a_laptop_gets_lines_for_people() -> None:
    with logging_as("console") as printed:
        structlog.get_logger("worker").info("ready", queue="releases")

    assert "ready" in printed.getvalue()
    assert "queue=releases" in printed.getvalue()
