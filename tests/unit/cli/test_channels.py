"""Channels listed and tried from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Json, Terminal

NOON = "2026-01-01T12:00:00.000+00:00"


def channel(name: str = "chat", **given: object) -> Json:
    return {
        "name": name,
        "kind": "slack",
        "apps": [],
        "events": ["live"],
        "pending": 0,
        "sent": 3,
        "sent_at": NOON,
        "sent_id": "1_chat",
        "failing_since": None,
        "error": None,
        "error_at": None,
        "error_id": None,
        "next_try": None,
        "dropped": 0,
        "dropped_at": None,
        "dropped_why": None,
        **given,
    }


def test_channels_are_listed_with_what_is_wrong(terminal: Terminal, server: CannedServer) -> None:
    failing = channel("hook", apps=["shop"], failing_since=NOON, error="503: away\x1b[2J", pending=2)
    server.answer("GET /channels", {"channels": [channel(), failing]})

    result = terminal.run("channels")

    assert result.exit_code == 0
    assert "chat" in result.stdout
    assert "fails since" in result.stdout
    assert "hook: 503: away" in result.stdout
    assert "\x1b[2J" not in result.stdout


def test_what_a_channel_lost_is_told_with_the_reason(terminal: Terminal, server: CannedServer) -> None:
    lost = channel("hook", dropped=2, dropped_at=NOON, dropped_why="404: no such hook\x1b[2J")
    server.answer("GET /channels", {"channels": [channel(), lost]})

    result = terminal.run("channels")

    assert "hook: 2 dropped, last 2026-01-01" in result.stdout
    assert ": 404: no such hook" in result.stdout
    assert "chat: 0 dropped" not in result.stdout
    assert "\x1b[2J" not in result.stdout


def test_without_any_channel_the_list_says_so(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /channels", {"channels": []})

    assert terminal.run("channels").stdout == "no channels are configured\n"


def test_programs_get_json(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /channels", {"channels": [channel()]})

    assert json.loads(terminal.run("channels", "--json").stdout) == {"channels": [channel()]}


def test_a_test_is_sent_and_not_waited_for(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /channels/chat/test", {"message": "7_chat"}, status=202)

    result = terminal.run("channels", "test", "chat")

    assert (result.exit_code, len(server.asked)) == (0, 1)
    assert "a test is on its way to chat" in result.stdout
    assert json.loads(terminal.run("channels", "test", "chat", "--json").stdout) == {"message": "7_chat"}


def test_a_test_that_is_waited_for_ends_well(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /channels/chat/test", {"message": "7_chat"}, status=202)
    server.answer("GET /channels", {"channels": [channel(error_id="6_chat", error="old")]})
    server.answer("GET /channels", {"channels": [channel(sent_id="7_chat")]})

    result = terminal.run("channels", "test", "chat", "--wait")

    assert (result.exit_code, result.stdout) == (0, "chat took the test\n")


def test_a_test_that_is_refused_fails_with_what_the_channel_said(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("POST /channels/chat/test", {"message": "7_chat"}, status=202)
    server.answer("GET /channels", {"channels": [channel(error_id="7_chat", error="404: no_service")]})

    result = terminal.run("channels", "test", "chat", "--wait")

    assert result.exit_code == 1
    assert "chat did not take the test" in result.stderr
    assert "404: no_service" in result.stderr


def test_a_test_that_nobody_tries_ends_with_where_to_look(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /channels/chat/test", {"message": "7_chat"}, status=202)
    server.answer("GET /channels", {"channels": [channel(pending=1)]})

    result = terminal.run("channels", "test", "chat", "--wait")

    assert result.exit_code == 5
    assert "verdigris worker --queues signals" in result.stderr
