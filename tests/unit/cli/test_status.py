"""All apps at a glance, and one in more detail."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from cli.glance import Glance
from cli.status_view import draw_all
from release.attention import find_attention
from release.model import Color, JobState, StartWhen, State
from release.others import Interference
from tests.unit.cli.canned import NOON, a_job, app, problem, release

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Json, Terminal

FAILED = {
    "id": "R9",
    "tag": "v1.9-green",
    "state": State.FAILED,
    "reason": "A smoke test failed",
    "updated_at": NOON - timedelta(hours=2),
}


def answer(server: CannedServer, *apps: Json, releases: tuple[Json, ...] = ()) -> None:
    server.answer("GET /apps", {"apps": list(apps)})
    server.answer("GET /releases", {"releases": list(releases)})


def rows(terminal: Terminal) -> list[list[str]]:
    """The table's cells."""
    output = terminal.run("status").stdout
    return [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in output.splitlines()]


def test_each_app_is_a_row_with_colors_and_their_ages_and_the_last_failure(
    terminal: Terminal, server: CannedServer
) -> None:
    answer(server, app(), releases=(release(**FAILED), release(**{**FAILED, "tag": "older"})))

    heading, row = rows(terminal)

    assert heading == ["APP", "LIVE", "BLUE", "GREEN", "NOW", "LAST FAILURE"]
    assert row == ["shop", "blue", "v2.0-blue live 3/3 4 s", "-", "-", "v1.9-green 2 h ago"]


@pytest.mark.parametrize(
    ("queue", "shown"),
    [
        ((a_job(),), "deploy v2.0-blue: running sanity"),
        ((a_job(JobState.OFFERED),), "deploy v2.0-blue: waiting for a worker"),
        ((a_job(), a_job(JobState.WAITING)), "deploy v2.0-blue: running sanity (+1)"),
        (
            (a_job(JobState.WAITING, start_by=NOON + timedelta(hours=1)),),
            "deploy v2.0-blue: waiting for CI, until 13:00 UTC at the latest",
        ),
        (
            (a_job(JobState.WAITING, held_until=NOON, held_for="v1-green"),),
            "deploy v2.0-blue: held until 12:00 UTC, so that v1-green can be rolled back to",
        ),
    ],
)
def test_what_runs_or_waits_says_for_what(
    terminal: Terminal, server: CannedServer, queue: tuple[object, ...], shown: str
) -> None:
    answer(server, app(queue=queue), releases=(release(start_when=StartWhen.CI_PASSED),))  # type: ignore[arg-type]

    assert shown in terminal.run("status").stdout


def test_who_waits_for_its_turn_says_behind_how_many(terminal: Terminal, server: CannedServer) -> None:
    found = app(queue=(a_job(JobState.WAITING),))
    found["queue"][0]["position"] = 2
    answer(server, found)

    assert "waiting for its turn, 2 ahead" in terminal.run("status").stdout


def test_a_freeze_that_is_on_is_told_where_nothing_runs(terminal: Terminal, server: CannedServer) -> None:
    freeze = {"until": "2025-06-02T00:00:00+00:00", "reason": "sale", "is_open_end": False}
    answer(server, {**app(), "freeze": freeze})

    assert "frozen until 2025-06-02 00:00:00 UTC: sale" in terminal.run("status").stdout


def test_what_needs_attention_comes_first_then_what_is_busy_then_by_name(
    terminal: Terminal, server: CannedServer
) -> None:
    interference = Interference("moved", "argocd moved every user", "Users get v1", "go on", NOON, times=2)
    answer(
        server,
        {**app(), "name": "attic"},
        {**app(), "name": "bar"},
        {**app(queue=(a_job(),)), "name": "cafe"},
        {**app(interference=interference), "name": "door"},
        {**app(age=300), "name": "eve"},
        {**app(problem="the cluster can't be reached"), "name": "farm"},
        {**app(), "name": "gate", "observation": None, "attention": find_attention(None, [], NOON)},
    )

    lines = terminal.run("status").stdout.splitlines()

    assert [line.split()[0] for line in lines[6:]] == ["door", "eve", "farm", "gate", "cafe", "attic", "bar"]
    assert lines[9].split()[1] == "unknown"
    assert lines[:5] == [
        "! door: argocd moved every user",
        "! eve: not seen for a while: is a worker running?",
        "! farm: the cluster can't be reached",
        "! gate: not seen yet: is a worker running?",
        "",
    ]


def test_on_a_narrow_terminal_each_app_has_lines_of_its_own() -> None:
    glance = Glance([app(queue=(a_job(),))], [], NOON)
    console = Console(width=60, file=io.StringIO(), force_terminal=True, color_system=None)

    lines = console.render_lines(draw_all(glance), pad=False)

    assert ["".join(part.text for part in line).rstrip() for line in lines] == [
        "shop",
        "  live  blue",
        "  blue  v2.0-blue live 3/3 0 s",
        "  now   deploy v2.0-blue: running sanity",
    ]


def test_without_apps_that_is_said(terminal: Terminal, server: CannedServer) -> None:
    answer(server)

    assert terminal.run("status").stdout == "no apps are configured\n"


def test_one_app_is_told_in_more_detail(terminal: Terminal, server: CannedServer) -> None:
    interference = Interference("moved", "argocd moved every user", "Users get v1", "go on", NOON, times=1)
    server.answer("GET /apps/shop", app(queue=(a_job(),), interference=interference, test_route=Color.GREEN))
    server.answer("GET /releases", {"releases": [release(**FAILED), release()]})

    result = terminal.run("status", "shop")

    lines = result.stdout.splitlines()
    assert lines[:3] == ["! argocd moved every user", "Users get v1.", "Next: go on"]
    assert "rollback      no way back" in lines
    assert "last failure  v1.9-green 2 h ago: A smoke test failed (R9)" in lines
    assert "blue   everybody    v2.0-blue  live   3/3   4 s    R1" in lines
    assert [line.split() for line in lines if line.startswith("green")] == [
        ["green", "test", "cookie", "none"]
    ]
    assert "deploy v2.0-blue: running sanity  4 s  token:ci  J1" in lines
    assert "v1.9-green  failed  2 h    A smoke test failed  R9" in lines
    assert server.asked[1].query == {"app": ["shop"], "limit": ["200"]}
    assert result.exit_code == 0


def test_an_app_that_no_worker_has_seen_has_no_table_of_colors(
    terminal: Terminal, server: CannedServer
) -> None:
    unseen = {**app(), "observation": None, "attention": find_attention(None, [], NOON), "releases": []}
    server.answer("GET /apps/shop", unseen)
    server.answer("GET /releases", {"releases": []})

    output = terminal.run("status", "shop").stdout

    assert output.startswith("! not seen yet: is a worker running?\n\napp ")
    assert "REACHED" not in output
    assert "NEWEST" not in output


def test_json_is_the_servers_answer_with_the_last_failures(terminal: Terminal, server: CannedServer) -> None:
    failed = release(**FAILED)
    answer(server, app(), {**app(), "name": "bar"}, releases=(failed,))
    server.answer("GET /apps/shop", app())

    assert json.loads(terminal.run("status", "--json").stdout) == {
        "apps": [{**app(), "last_failure": failed}, {**app(), "name": "bar", "last_failure": None}]
    }
    assert json.loads(terminal.run("status", "shop", "--json").stdout) == {**app(), "last_failure": failed}


def test_a_color_that_everybody_is_on_is_not_said_to_be_reached_by_a_cookie(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("GET /apps/shop", app(test_route=Color.BLUE))
    server.answer("GET /releases", {"releases": [release()]})

    lines = terminal.run("status", "shop").stdout.splitlines()

    assert [line.split()[:3] for line in lines if line.startswith("blue ")] == [
        ["blue", "everybody", "v2.0-blue"]
    ]


def test_an_unknown_app_is_refused(terminal: Terminal, server: CannedServer) -> None:
    server.refuse("GET /apps/nope", problem("unknown-app", status=404))

    result = terminal.run("status", "nope")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: No release is ready")


def test_text_from_elsewhere_does_not_steer_the_terminal(terminal: Terminal, server: CannedServer) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J[bold]x[/bold]\u202e\n"
    bad = release(**{**FAILED, "tag": hostile, "reason": hostile})
    answer(server, app(problem=hostile, queue=(a_job(tag=hostile),)), releases=(bad,))
    server.answer("GET /apps/shop", app(problem=hostile, queue=(a_job(tag=hostile),)))

    output = terminal.run("status").stdout + terminal.run("status", "shop").stdout

    assert "[bold]x[/bold]\\u202e" in output
    assert "owned" not in output
    assert all(char.isprintable() or char == "\n" for char in output)
