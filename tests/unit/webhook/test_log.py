from __future__ import annotations

import io
import json
import logging
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from webhook.log import configure_log, escape_controls, name_as_workers_do

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def logging_as(form: str) -> Iterator[io.StringIO]:
    """Logs configured as the web process', and what they print; everything is put back afterwards."""
    root, printed = logging.getLogger(), io.StringIO()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    try:
        with redirect_stderr(printed):
            configure_log(form)
            yield printed
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**before)


def test_our_own_lines_and_those_of_libraries_have_one_form() -> None:
    with logging_as("json") as printed, bound_contextvars(request="q1"):
        structlog.get_logger("webhook.hooks").info("tag received", tag="v1\n", release_id="R1")
        structlog.get_logger("webhook.hooks").debug("not told")
        logging.getLogger("gunicorn.error").warning("a line")

    ours, theirs = [json.loads(line) for line in printed.getvalue().splitlines()]
    assert (ours.pop("timestamp"), theirs.pop("timestamp")) > ("2026", "2026")
    assert ours == {
        "event": "tag received", "tag": "v1\\u000a", "release": "R1", "request": "q1",
        "logger": "webhook.hooks", "level": "info",
    }  # fmt: skip
    assert theirs == {"event": "a line", "request": "q1", "logger": "gunicorn.error", "level": "warning"}


def test_a_mistake_has_its_traceback_in_the_line() -> None:
    with logging_as("json") as printed:
        structlog.get_logger("webhook.errors").error("request failed", exc_info=ZeroDivisionError("no"))

    (line,) = printed.getvalue().splitlines()
    assert "ZeroDivisionError: no" in json.loads(line)["exception"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_each_event_is_one_line(form: str) -> None:
    with logging_as(form) as printed:
        structlog.get_logger("webhook.hooks").info("tag received", tag="v1-blue\x1b[2J")

    (line,) = printed.getvalue().splitlines()
    assert "v1-blue\\u001b[2J" in line or "v1-blue\\\\u001b[2J" in line


def test_what_a_terminal_would_obey_is_written_out() -> None:
    event = escape_controls(None, "info", {"event": "a\x1b[2J", "tag": "v1\n\u202e-blue", "count": 3})
    assert event == {"event": "a\\u001b[2J", "tag": "v1\\u000a\\u202e-blue", "count": 3}


def test_only_a_traceback_keeps_its_lines() -> None:
    event = escape_controls(None, "error", {"event": "x", "exception": "Trace\n  line\x07"})
    assert event["exception"] == "Trace\n  line\\u0007"


def test_a_release_and_a_job_have_the_name_that_workers_give_them() -> None:
    event = name_as_workers_do(None, "info", {"event": "x", "release_id": "R1", "job_id": "J1"})
    assert event == {"event": "x", "release": "R1", "job": "J1"}
    assert name_as_workers_do(None, "info", {"event": "x"}) == {"event": "x"}
