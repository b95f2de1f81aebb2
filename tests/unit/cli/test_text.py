"""Text made safe and readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.text import clock_time, duration, plain, shown_seconds, shown_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v2.0-blue", "v2.0-blue"),
        ("grün 🟢", "grün 🟢"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bMup", "up"),
        ("a\tb", "a    b"),
        ("a\rb\x00", "a\\u000db\\u0000"),
        ("\u202ebackwards", "\\u202ebackwards"),
        ("\x9b31m", "\\u009b31m"),
        (3, "3"),
    ],
)
def test_text_is_one_harmless_line(text: object, expected: str) -> None:
    assert plain(text) == expected


@given(st.text())
def test_nothing_but_printable_characters_is_left(text: str) -> None:
    assert plain(text).isprintable()


def test_times_are_shown_in_utc() -> None:
    assert shown_time("2025-06-01T14:00:00.123+02:00") == "2025-06-01 12:00:00 UTC"
    assert shown_time(None) == ""
    assert clock_time("2025-06-01T14:00:59.900+02:00") == "12:00:59"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (0.4, "0 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7260, "2 h 1 min")],
)
def test_durations_are_for_people(seconds: float, expected: str) -> None:
    assert shown_seconds(seconds) == expected


def test_what_has_not_ended_took_no_time_yet() -> None:
    assert duration(None, None) == ""
    assert duration("2025-06-01T12:00:00+00:00", None) == ""
    assert duration("2025-06-01T12:00:00+00:00", "2025-06-01T12:01:01+00:00") == "1 min 1 s"
