"""The log of a release, also while it grows, and over lost connections."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import pytest

from cli.log_lines import print_line
from release.model import JobState, Stage, State
from tests.unit.cli.canned import details, job, line, log, problem, release

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Terminal

HOSTILE = "\x1b[31mred\x1b[2J\x1b]0;owned\x07\x1b]52;c;aGk=\x1b\\\x07\x9b2J\rback"
HALF = b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"lines": [{"id": "2-0"'


def test_a_log_is_read_page_by_page(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases/R1/log", log(line(1, "one"), line(2, "two", stage=Stage.MIGRATE)))
    server.answer("GET /releases/R1/log", log(line(3, "three", seconds=61)))
    server.answer("GET /releases/R1/log", log(after="3-0"))

    result = terminal.run("logs", "R1")

    assert result.stdout.splitlines() == [
        "12:00:01 deploy   one",
        "12:00:01 migrate  two",
        "12:01:01 deploy   three",
    ]
    assert [asked.query["after"] for asked in server.asked] == [["0"], ["2-0"], ["3-0"]]


def test_a_log_is_followed_until_no_job_is_left(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases/R1", details(job()))
    server.answer("GET /releases/R1", details(job(JobState.DONE)))
    server.answer("GET /releases/R1/log", log(line(1, "one")))
    server.answer("GET /releases/R1/log", log(after="1-0"))
    server.answer("GET /releases/R1/log", log(line(2, "two")))
    server.answer("GET /releases/R1/log", log(after="2-0"))

    result = terminal.run("logs", "R1", "--follow")

    assert [text.split()[-1] for text in result.stdout.splitlines()] == ["one", "two"]
    assert terminal.time.pauses == [1.0]
    assert result.exit_code == 0


def test_following_a_log_can_be_interrupted(terminal: Terminal, server: CannedServer) -> None:
    terminal.time.interrupt_at = 3
    server.answer("GET /releases/R1", details(job()))
    server.answer("GET /releases/R1/log", log())

    result = terminal.run("logs", "R1", "-f")

    assert result.exit_code == 130
    assert result.stderr == "Error: interrupted\n"


def test_a_log_in_json_is_a_line_per_line(terminal: Terminal, server: CannedServer) -> None:
    lines = [line(1, "one \x1b[31mred"), line(2, "two")]
    server.answer("GET /releases/R1/log", log(*lines))
    server.answer("GET /releases/R1/log", log(after="2-0"))

    result = terminal.run("logs", "R1", "--json")

    assert [json.loads(text) for text in result.stdout.splitlines()] == lines


def test_a_tail_goes_on_after_lost_connections_and_loses_and_doubles_no_line(
    terminal: Terminal, server: CannedServer
) -> None:
    # Given a server that hangs up, breaks off within an answer, and restarts, between three lines
    server.answer("GET /releases/R1", details(job()))
    server.hang_up("GET /releases/R1")
    server.answer("GET /releases/R1", b"<html>", status=502)
    server.answer("GET /releases/R1", details(job()))
    server.answer("GET /releases/R1", details(job(JobState.DONE)))
    server.answer("GET /releases/R1/log", log(line(1, "one")))
    server.answer("GET /releases/R1/log", log(after="1-0"))
    server.hang_up("GET /releases/R1/log", HALF)
    server.answer("GET /releases/R1/log", log(line(2, "two")))
    server.hang_up("GET /releases/R1/log")
    server.answer("GET /releases/R1/log", log(line(3, "three")))
    server.answer("GET /releases/R1/log", log(after="3-0"))

    result = terminal.run("logs", "R1", "-f")

    # Then each line is there once, what was asked goes on after the last line, and the gaps are told
    assert [text.split()[-1] for text in result.stdout.splitlines()] == ["one", "two", "three"]
    asked = [one.query["after"][0] for one in server.asked if one.path.endswith("/log")]
    assert asked == ["0", "1-0", "1-0", "1-0", "2-0", "2-0", "3-0", "3-0"]
    assert result.stderr.count("; trying again") == 3
    assert result.exit_code == 0


def test_the_exit_code_of_a_tail_tells_how_the_last_job_ended(
    terminal: Terminal, server: CannedServer
) -> None:
    failed = job(JobState.FAILED, problem=problem())
    server.answer("GET /releases/R1", details(failed, state=State.FAILED))
    server.answer(
        "GET /releases/R1", details({**failed, "created_at": "2025-06-01T11:00:00"}, job(JobState.DONE))
    )
    server.answer("GET /releases/R1", details())
    server.answer("GET /releases/R1/log", log())

    ends = [terminal.run("logs", "R1", "-f") for _ in range(3)]

    assert [end.exit_code for end in ends] == [1, 0, 0]
    assert (
        ends[0].stderr
        == "Error: deploy of v2.0-blue: No release is ready\nshop: none waits\nNext: push a tag\n"
    )


def test_a_failure_is_the_last_object_of_a_tail_in_json(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases/R1", details(job(JobState.FAILED, problem=problem())))
    server.answer("GET /releases/R1/log", log(line(1, "one")))
    server.answer("GET /releases/R1/log", log(after="1-0"))

    result = terminal.run("logs", "R1", "-f", "--json")

    first, last = map(json.loads, result.stdout.splitlines())
    assert first == line(1, "one")
    assert last["error"]["title"] == "deploy of v2.0-blue: No release is ready"
    assert last["error"]["type"] == problem().as_json()["type"]


def test_the_name_of_an_app_means_its_newest_release(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [release()]})
    server.answer("GET /releases/R1/log", log(line(1, "one")))
    server.answer("GET /releases/R1/log", log(after="1-0"))

    result = terminal.run("logs", "shop")

    assert result.stderr == "release R1 (v2.0-blue)\n"
    assert result.stdout == "12:00:01 deploy   one\n"
    assert server.asked[0].query == {"app": ["shop"], "limit": ["1"]}


def test_an_app_without_releases_says_so(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": []})

    result = terminal.run("logs", "shop")

    assert result.exit_code == 1
    assert result.stderr == "Error: shop has no release yet\nNext: `verdigris deploy shop TAG` makes one\n"


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(file: io.StringIO) -> str:
    with redirect_stdout(file):
        print_line(line(1, HOSTILE))
    return file.getvalue()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Of a terminal with colors; click and rich read it, so there is nothing to pass in."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_on_a_terminal_a_line_has_the_apps_colors_and_nothing_else_that_steers() -> None:
    assert printed(FakeTerminal()) == "12:00:01 deploy   \x1b[31mred\\u0007\\u009b2J\\u000dback\x1b[0m\n"


@pytest.mark.usefixtures("environment")
def test_into_a_pipe_a_line_is_plain() -> None:
    assert printed(io.StringIO()) == "12:00:01 deploy   red\\u0007\\u009b2J\\u000dback\n"


def test_no_color_is_heard_and_colors_can_be_forced_into_a_pipe(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FORCE_COLOR", "1")
    assert "\x1b[31mred" in printed(io.StringIO())

    environment.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed(FakeTerminal())


def test_the_option_is_stronger_than_what_forces_colors(terminal: Terminal, server: CannedServer) -> None:
    terminal.environment["FORCE_COLOR"] = "1"
    server.answer("GET /releases/R1/log", log(line(1, HOSTILE)))
    server.answer("GET /releases/R1/log", log(after="1-0"))
    server.answer("GET /releases", {"releases": [release()]})

    forced, refused = terminal.run("releases"), terminal.run("releases", "--no-color")

    assert "\x1b[36mready" in forced.stdout
    assert "\x1b" not in refused.stdout
    assert "\x1b[31mred" in terminal.run("logs", "R1").stdout
    assert "\x1b" not in terminal.run("logs", "R1", "--no-color").stdout
