"""Text made safe and readable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.text import clock_time, duration, has_colors, plain, shown_age, shown_seconds, shown_time, styled


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


@pytest.mark.parametrize(
    ("environment", "is_terminal", "colored"),
    [
        ({}, True, True),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": ""}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colors_are_for_terminals_that_want_them(
    environment: dict[str, str], *, is_terminal: bool, colored: bool
) -> None:
    assert has_colors(environment, is_terminal=is_terminal) is colored


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m on", "\x1b[1;31mred\x1b[0m on\x1b[0m"),
        ("\x1b[38;5;208morange", "\x1b[38;5;208morange\x1b[0m"),
        ("\x1b[38:2::1:2:3mexact", "\x1b[38:2::1:2:3mexact\x1b[0m"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b[31mred\x1b[5A\x1b[?1049hup", "\x1b[31mredup\x1b[0m"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;aGk=\x1b\\x", "x"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x1b[31mbell\x07\x08\x9b2J", "\x1b[31mbell\\u0007\\u0008\\u009b2J\x1b[0m"),
        ("\x1b\x1b[2J[31mx", "\\u001b[31mx"),
        ("\x1b[\x1b[31m2Jx", "\\u001b[\x1b[31m2Jx\x1b[0m"),
        ("\x1b[>4;2m\x1b[31 qx", "x"),
    ],
)
def test_colors_of_a_log_line_pass_and_nothing_else_does(text: str, expected: str) -> None:
    assert styled(text) == expected


PIECES = st.sampled_from(
    [
        "\x1b",
        "[",
        "]",
        "0",
        "31",
        ";",
        "m",
        "J",
        "P",
        "\\",
        "\x07",
        "\x9b",
        "\x9d",
        "\r",
        "\n",
        "a",
        "\x1b[1m",
    ]
)


@given(st.lists(PIECES).map("".join) | st.text())
def test_whatever_comes_only_colors_are_left_between_printable_characters(text: str) -> None:
    shown = styled(text)

    assert re.sub(r"\x1b\[[0-9;:]*m", "", shown).isprintable()
    assert "\x1b" not in shown or shown.endswith("\x1b[0m")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-3, "0 s"), (12.4, "12 s"), (60, "1 min"), (3599, "59 min"), (7300, "2 h"), (400_000, "4 d")],
)
def test_ages_have_one_unit(seconds: float, expected: str) -> None:
    assert shown_age(seconds) == expected
