"""The audit trail from the command line: chosen from, page by page, and written out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Json, Terminal


def entry(number: int, **given: object) -> Json:
    return {
        "id": f"{number}-0",
        "number": number,
        "at": "2026-01-01T12:00:00.000+00:00",
        "actor": {"kind": "token", "name": "ci"},
        "address": "192.0.2.7",
        "action": "promote",
        "app": "shop",
        "release": "R1",
        "reason": "",
        "outcome": "accepted",
        "why": None,
        "before": {},
        "after": {},
        **given,
    }


def page(*entries: Json, next_: str | None = None) -> Json:
    return {"entries": list(entries), "next": next_, "cut": 0}


def test_each_entry_is_a_line_with_who_what_and_what_became_of_it(
    terminal: Terminal, server: CannedServer
) -> None:
    refused = entry(2, outcome="refused", why="not-allowed", reason="a\nb\x1b[31m")
    step = entry(
        1, action="change", address=None, outcome="done", before={"state": "ready"}, after={"state": "live"}
    )
    server.answer("GET /audit", page(refused, step))

    lines = terminal.run("audit").stdout.splitlines()

    assert lines[0].startswith(
        "2026-01-01 12:00:00 UTC  token:ci from 192.0.2.7  promote shop R1 refused (not-allowed): a"
    )
    assert "\x1b" not in lines[0]
    assert lines[1] == "2026-01-01 12:00:00 UTC  token:ci  change shop R1 done ready → live"
    assert len(lines) == 2


def test_only_a_step_of_a_release_can_be_its_first_one_and_each_line_names_the_tag(
    terminal: Terminal, server: CannedServer
) -> None:
    made = {"state": "queued", "tag": "v2-blue"}
    server.answer(
        "GET /audit",
        page(
            entry(3, action="deploy", after={**made, "live": None}),
            entry(2, action="change", outcome="done", after=made),
            entry(1, outcome="refused", why="app-frozen", before={"state": "ready", "tag": "v1-blue"}),
        ),
    )

    told = [line.partition("192.0.2.7  ")[2] for line in terminal.run("audit").stdout.splitlines()]

    assert told == [
        "deploy shop R1 v2-blue accepted",
        "change shop R1 v2-blue done new → queued",
        "promote shop R1 v1-blue refused (app-frozen)",
    ]


def test_what_is_chosen_is_asked_for_with_times_in_utc(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /audit", page())

    terminal.run(
        *("audit", "--app", "shop", "--actor", "token:ci", "--action", "promote", "--release", "R1"),
        *("--outcome", "refused", "--since", "2026-01-01", "--until", "2026-01-31T12:30", "--limit", "7"),
    )

    assert server.asked[-1].query == {
        "app": ["shop"],
        "actor": ["token:ci"],
        "action": ["promote"],
        "release": ["R1"],
        "outcome": ["refused"],
        "since": ["2026-01-01T00:00:00Z"],
        "until": ["2026-01-31T12:30:00Z"],
        "limit": ["7"],
    }


def test_pages_are_read_until_there_are_enough_also_past_an_empty_one(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("GET /audit", page(entry(3), next_="3-0"))
    server.answer("GET /audit", page(next_="2-0"))
    server.answer("GET /audit", page(entry(1), next_="1-0"))

    found = json.loads(terminal.run("audit", "--limit", "2", "--json").stdout)

    assert [one["number"] for one in found["entries"]] == [3, 1]
    assert [(one.query["limit"], one.query.get("after")) for one in server.asked] == [
        (["2"], None),
        (["1"], ["3-0"]),
        (["1"], ["2-0"]),
    ]


def test_an_export_is_written_line_by_line_as_it_comes(terminal: Terminal, server: CannedServer) -> None:
    lines = [f"{json.dumps(entry(number))}\n" for number in (1, 2, 3)]
    server.answer("GET /audit/export", "".join(lines[:2]).encode())
    server.answer("GET /audit/export", lines[2].encode())
    server.answer("GET /audit/export", b"")

    result = terminal.run("audit", "--export", "--app", "shop", "--after", "0-1")

    assert result.stdout == "".join(lines)
    assert [one.query for one in server.asked] == [
        {"app": ["shop"], "after": [after]} for after in ("0-1", "2-0", "3-0")
    ]


def test_an_export_that_breaks_off_says_how_to_go_on(terminal: Terminal, server: CannedServer) -> None:
    whole = f"{json.dumps(entry(1))}\n"
    server.answer("GET /audit/export", whole.encode(), Transfer_Encoding="chunked")

    result = terminal.run("audit", "--export")

    assert result.exit_code == 3
    assert "broke off" in result.stderr
    assert "--after" in result.stderr
