"""Lines of the log say what they are about, and nothing of what was before."""

from __future__ import annotations

import io
import json
import logging
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any

import structlog

from release.model import JobKind, Stage
from release.records import Offer
from worker.log_context import about_offer, bind_task, configure_logs

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


def test_lines_that_celery_writes_of_a_stage_say_what_it_is_about() -> None:
    arguments = {"job": "j1", "index": 0, "fence": 3, "release": "r1", "app": "shop", "tag": "v1-blue"}
    try:
        bind_task("release.sanity", arguments)
        bound = structlog.contextvars.get_contextvars()
    finally:
        structlog.contextvars.clear_contextvars()

    assert bound == {"job": "j1", "release": "r1", "app": "shop", "tag": "v1-blue", "stage": "sanity"}


def test_a_task_that_is_no_stage_has_none() -> None:
    try:
        bind_task("signal.send", {"channel": "chat", "release": None, "app": "shop"})
        bound = structlog.contextvars.get_contextvars()
    finally:
        structlog.contextvars.clear_contextvars()

    assert bound == {"app": "shop"}


def test_a_line_about_an_offer_has_the_fields_of_a_stages_lines() -> None:
    offer = Offer(
        "j1", "r1", "shop", "v1-blue", JobKind.DEPLOY, (Stage.SANITY, Stage.DEPLOY), index=1, fence=3
    )

    told = {"job": "j1", "release": "r1", "app": "shop", "tag": "v1-blue", "stage": "deploy"}
    assert about_offer(offer) == told
