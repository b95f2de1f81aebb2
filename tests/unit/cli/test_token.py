"""Tokens made, listed and revoked from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Json, Terminal

TEXT = "vdg_0123456789ab_secret"


def listed(name: str = "nightly", **given: object) -> Json:
    return {
        "name": name,
        "role": "releaser",
        "apps": ["blog", "shop"],
        "expires": "2027-01-01T00:00:00.000+00:00",
        "is_expired": False,
        "is_configured": False,
        "made_by": {"kind": "person", "name": "anna"},
        "made_at": "2026-01-01T12:00:00.000+00:00",
        "last_used": None,
        **given,
    }


def test_a_token_is_made_and_only_its_text_goes_to_stdout(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /tokens", {"token": listed(), "text": TEXT}, status=201)

    result = terminal.run(
        *["token", "make", "nightly", "--role", "releaser"],
        *["--app", "shop", "--app", "blog", "--expires", "2027-01-01"],
    )

    assert result.stdout == f"{TEXT}\n"
    assert "shown once" in result.stderr
    assert server.asked[-1].body == {
        "name": "nightly",
        "role": "releaser",
        "apps": ["shop", "blog"],
        "expires": "2027-01-01",
    }


def test_a_token_without_an_end_and_for_all_apps_says_nothing_of_either(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("POST /tokens", {"token": listed(), "text": TEXT}, status=201)

    result = terminal.run("token", "make", "root", "--role", "admin", "--json")

    assert json.loads(result.stdout)["text"] == TEXT
    assert server.asked[-1].body == {"name": "root", "role": "admin"}


@pytest.mark.parametrize(
    "arguments",
    [("nightly",), ("nightly", "--role", "root"), ("nightly", "--role", "admin", "--expires", "soon")],
)
def test_what_can_not_be_meant_is_not_asked(
    terminal: Terminal, server: CannedServer, arguments: tuple[str, ...]
) -> None:
    assert terminal.run("token", "make", *arguments).exit_code == 2
    assert server.asked == []


def test_tokens_are_listed_with_where_they_come_from(terminal: Terminal, server: CannedServer) -> None:
    of_the_file = listed(
        "ci", role="admin", apps=[], expires=None, is_configured=True, made_by=None, made_at=None
    )
    past = listed(is_expired=True, last_used="2026-06-01T12:34:00.000+00:00")
    server.answer("GET /tokens", {"tokens": [of_the_file, past]})

    lines = terminal.run("token", "list").stdout.splitlines()

    assert lines[0].split() == ["NAME", "ROLE", "APPS", "EXPIRES", "MADE", "BY", "MADE", "LAST", "USED"]
    assert lines[1].split() == ["ci", "admin", "all", "configuration"]
    assert "blog, shop" in lines[2]
    assert "2027-01-01 00:00:00 UTC (past)" in lines[2]
    assert "person:anna" in lines[2]
    assert "2026-06-01 12:34:00 UTC" in lines[2]


def test_a_token_is_revoked(terminal: Terminal, server: CannedServer) -> None:
    server.answer("DELETE /tokens/nightly", {"token": listed()})

    result = terminal.run("token", "revoke", "nightly")

    assert result.stdout == "the token nightly counts no more\n"


def test_programs_get_the_answers_as_they_came(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /tokens", {"tokens": [listed()]})
    server.answer("DELETE /tokens/nightly", {"token": listed()})

    assert json.loads(terminal.run("token", "list", "--json").stdout) == {"tokens": [listed()]}
    assert json.loads(terminal.run("token", "revoke", "nightly", "--json").stdout) == {"token": listed()}


def test_who_is_not_allowed_is_told_who_may(terminal: Terminal, server: CannedServer) -> None:
    refusal = {"title": "You are not allowed to do this", "detail": "ci is a viewer", "next_step": "ask anna"}
    server.answer("GET /tokens", refusal, status=403)

    result = terminal.run("token", "list")

    assert result.exit_code == 4
    assert "Next: ask anna" in result.stderr
