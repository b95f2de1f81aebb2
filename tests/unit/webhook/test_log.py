from __future__ import annotations

from webhook.log import escape_controls, name_as_workers_do


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
