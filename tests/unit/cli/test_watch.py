"""Apps as they change: a line, an object or a page; and a server that is away for a while."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from cli.changes import compare
from cli.client import Client
from cli.failures import Away
from cli.profile import Connection
from cli.surroundings import Surroundings
from cli.watch_page import Page
from cli.watching import Watch
from release.model import Color, JobState
from tests.unit.cli.canned import NOON, a_job, app, job, problem, release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.cli.canned import CannedServer, Json, Terminal

ROOT = Path(__file__).parents[3]
AWAY = problem("not-durable", status=503)


def answer(server: CannedServer, *looks: Json) -> None:
    """What each look finds."""
    for one in looks:
        server.answer("GET /apps", {"apps": [one]})
    server.answer("GET /releases", {"releases": [release()]})


def watch(terminal: Terminal, seconds: float, *arguments: str) -> list[str]:
    """What is said until Ctrl-C comes after so many seconds."""
    terminal.time.interrupt_at = seconds
    result = terminal.run("watch", *arguments)
    assert result.exit_code == 130
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_each_change_is_a_line_beginning_with_how_things_are(
    terminal: Terminal, server: CannedServer
) -> None:
    answer(server, app(), app(queue=(a_job(),)), app(live=Color.GREEN))
    server.answer("GET /jobs/J1", job(JobState.FAILED, problem=problem()))

    assert watch(terminal, 6) == [
        "12:00:00 shop  live: blue",
        "12:00:00 shop  blue: v2.0-blue live 3/3",
        "12:00:02 shop  deploy v2.0-blue: running sanity",
        "12:00:04 shop  live: blue -> green",
        "12:00:04 shop  deploy v2.0-blue: failed: No release is ready",
    ]


def test_with_json_each_change_is_an_object(terminal: Terminal, server: CannedServer) -> None:
    answer(server, app(), app(queue=(a_job(),)))

    lines = [json.loads(line) for line in watch(terminal, 4, "--json")]

    assert lines[0] == {
        "at": "2025-06-01T12:00:00.000+00:00",
        "app": "shop",
        "what": "live",
        "from": None,
        "to": "blue",
        "job": None,
    }
    assert (lines[-1]["what"], lines[-1]["job"]) == ("job", "J1")


def test_one_app_alone_is_watched_as_often_as_is_asked(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps/shop", app())
    server.answer("GET /releases", {"releases": []})

    lines = watch(terminal, 20, "shop", "--interval", "5")

    assert len(lines) == 2
    assert terminal.time.pauses == [5] * 4


def test_a_server_that_is_away_is_told_once_and_asked_until_it_is_back(
    terminal: Terminal, server: CannedServer
) -> None:
    answer(server, app())
    for _ in range(3):
        server.refuse("GET /apps", AWAY, Retry_After="60")
    server.answer("GET /apps", {"apps": [app(live=Color.GREEN)]})

    lines = watch(terminal, 40)

    assert lines[2:] == [
        "12:00:02 verdigris  No release is ready; trying again",
        "12:00:32 verdigris  the server is back",
        "12:00:32 shop  live: blue -> green",
    ]


def test_a_server_that_is_away_from_the_beginning_ends_it(terminal: Terminal, server: CannedServer) -> None:
    server.refuse("GET /apps", AWAY)

    result = terminal.run("watch")

    assert result.exit_code == 3
    assert result.stderr.startswith("Error: No release is ready")


def test_a_refusal_ends_it(terminal: Terminal, server: CannedServer) -> None:
    answer(server, app())
    server.refuse("GET /apps", problem("not-authorized", status=401))

    assert terminal.run("watch").exit_code == 4


def test_a_job_that_nobody_remembers_is_told_as_that(terminal: Terminal, server: CannedServer) -> None:
    answer(server, app(queue=(a_job(),)), app())

    assert watch(terminal, 4)[-1] == "12:00:02 shop  deploy v2.0-blue: running sanity: forgotten"


def test_a_server_that_goes_while_it_is_asked_for_the_end_of_a_job_loses_no_change(
    terminal: Terminal, server: CannedServer
) -> None:
    answer(server, app(queue=(a_job(),)), app())
    server.refuse("GET /jobs/J1", AWAY)
    server.answer("GET /jobs/J1", job(JobState.DONE))

    lines = watch(terminal, 6)

    assert [line.split("  ")[1] for line in lines[3:]] == [
        "No release is ready; trying again",
        "the server is back",
        "deploy v2.0-blue: done",
    ]


def test_what_was_and_is_not_any_more_is_told_as_that() -> None:
    stale = app(age=100)

    changes = list(compare([stale], [app(age=1)], NOON.isoformat()))

    assert [one.told() for one in changes] == [
        "12:00:00 shop  trouble: no longer not seen for a while: is a worker running?"
    ]
    assert list(compare([app(age=100)], [app(age=200)], NOON.isoformat())) == []


def test_an_app_that_is_not_there_any_more_is_told() -> None:
    changes = list(compare([app()], [], NOON.isoformat()))

    assert [(one.what, one.after) for one in changes] == [("live", None), ("blue", None)]


@pytest.fixture
def looking(server: CannedServer) -> Iterator[Watch]:
    with Client(Connection(server.url, None)) as client:
        yield Watch(client, Surroundings(pause=lambda _: None, now=lambda: NOON), None, 2)


def drawn(looking: Watch, *, width: int = 100, height: int = 24) -> list[str]:
    """The page on a screen of this size."""
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    lines = console.render_lines(Page(looking), console.options, pad=False)
    return ["".join(part.text for part in line).rstrip() for line in lines]


def test_the_page_shows_apps_and_the_newest_changes_first(looking: Watch, server: CannedServer) -> None:
    answer(server, app(), app(live=Color.GREEN))
    changes = looking.run()
    for _ in range(3):
        next(changes)

    lines = drawn(looking)

    assert lines[0] == "12:00:00 UTC  every 2 s, Ctrl-C ends"
    assert lines[2].startswith("APP ")
    assert lines[3].startswith("shop  green")
    assert lines[5:7] == ["CHANGES, the newest first", "12:00:00 shop  live: blue -> green"]


def test_the_page_says_that_the_server_is_away_and_keeps_what_was_seen(
    looking: Watch, server: CannedServer
) -> None:
    answer(server, app())
    changes = looking.run()
    next(changes), next(changes)
    server.refuse_all(AWAY)
    next(changes)

    lines = drawn(looking)

    assert lines[0] == "! No release is ready, for 0 s; trying again"
    assert lines[3].startswith("shop  blue")


def test_the_page_before_the_first_answer_says_that_it_looks(looking: Watch) -> None:
    assert drawn(looking)[0] == "looking"


@pytest.mark.parametrize(("width", "height"), [(100, 24), (40, 10), (20, 5)])
def test_the_page_is_no_larger_than_the_screen(
    looking: Watch, server: CannedServer, width: int, height: int
) -> None:
    many = [{**app(), "name": f"app-{number}"} for number in range(300)]
    server.answer("GET /apps", {"apps": many})
    server.answer("GET /releases", {"releases": []})
    next(looking.run())

    lines = drawn(looking, width=width, height=height)

    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    assert any("lines more" in line for line in lines)


def test_one_app_fills_the_page(looking: Watch, server: CannedServer) -> None:
    server.answer("GET /apps/shop", app())
    server.answer("GET /releases", {"releases": [release()] * 40})
    shop = dataclasses.replace(looking, app="shop")
    next(shop.run())

    lines = drawn(shop, height=12)

    assert "`verdigris status shop` shows all" in "\n".join(lines)


def test_a_first_look_that_fails_is_the_callers() -> None:
    with Client(Connection("http://127.0.0.1:1", None)) as client, pytest.raises(Away):
        next(Watch(client, Surroundings(), None, 2).run())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_terminal_is_left_as_it_was(server: CannedServer, tmp_path: Path, number: int) -> None:
    # Given a page on a real terminal
    answer(server, app())
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", "watch", "--server", server.url],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*", "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = read_until(ours, b"Ctrl-C ends")
    # When it is interrupted
    process.send_signal(number)
    shown += read_until(ours, None)
    os.close(ours)
    # Then the other screen is gone again, the cursor is back, and nothing is said
    assert process.wait(30) == 130
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert b"Traceback" not in shown
    assert b"Error" not in shown


def read_until(terminal: int, wanted: bytes | None, *, seconds: float = 60) -> bytes:
    """What comes until ``wanted`` is there; None: to the end."""
    read, deadline = b"", time.monotonic() + seconds
    while wanted is None or wanted not in read:
        assert time.monotonic() < deadline, read
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            part = os.read(terminal, 65_536)
        except OSError:
            return read
        if not part:
            return read
        read += part
    return read
