from __future__ import annotations

from webhook.log import escape_controls


def test_what_a_terminal_would_obey_is_written_out() -> None:
    event = escape_controls(None, "info", {"event": "a\x1b[2J", "tag": "v1\n\u202e-blue", "count": 3})
    assert event == {"event": "a\\u001b[2J", "tag": "v1\\u000a\\u202e-blue", "count": 3}


def test_only_a_traceback_keeps_its_lines() -> None:
    event = escape_controls(None, "error", {"event": "x", "exception": "Trace\n  line\x07"})
    assert event["exception"] == "Trace\n  line\\u0007"
