"""Tables on a terminal: as wide as it is, colored as it can show."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest

from cli.release_tables import print_releases

RELEASE = {
    "id": "R1",
    "app": "shop",
    "tag": "v2.0-blue",
    "state": "live",
    "reason": "because " * 20,
    "created_at": "2025-06-01T12:00:00+00:00",
    "actor": {"kind": "git", "name": "octocat"},
}


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO) -> str:
    with redirect_stdout(file):
        print_releases([RELEASE])
    return file.getvalue()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a terminal of 100 columns; rich reads it, so there is nothing to pass in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


def test_states_are_colored_on_a_terminal() -> None:
    assert "\x1b[32mlive" in shown(FakeTerminal())


def test_lines_are_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")

    lines = shown(FakeTerminal()).splitlines()

    assert len(lines) > 2
    assert all(len(text) <= 100 for text in lines)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_color_is_heard(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    output = shown(FakeTerminal())

    assert "live" in output
    assert "\x1b[32m" not in output


def test_a_pipe_gets_whole_lines_without_colors() -> None:
    heading, row = shown(io.StringIO()).splitlines()

    assert heading.endswith("REASON")
    assert row.endswith("because because")
    assert "\x1b" not in row
