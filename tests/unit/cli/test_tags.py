"""Tags that are in Git and were never delivered, asked for and compared."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from release.tag_watch import Heard, KnownTag
from tests.unit.cli.canned import NOON, Json, problem
from webhook.missed_tags import TagsView
from webhook.presentation import tags_json

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Terminal

ONE, TWO = "1" * 40, "2" * 40
MISSED = KnownTag("v2-blue", ONE, Heard.MISSED, NOON)
MOVED = KnownTag("v1-blue", TWO, Heard.MOVED, NOON, was=ONE)
DISMISSED = KnownTag("v0-blue", ONE, Heard.DISMISSED, NOON, by="person:ann", reason="a test")
NONE = TagsView(NOON, NOON, None, is_asked=False, missed=(), dismissed=())
SOME = replace(NONE, missed=(MISSED, MOVED), dismissed=(DISMISSED,))
UNREACHABLE = replace(NONE, error=problem("repository-unreachable"))


def answer(view: TagsView) -> Json:
    return tags_json("shop", view)


def test_missed_and_moved_tags_are_listed_with_how_to_release_one(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("GET /apps/shop/tags", answer(SOME))

    result = terminal.run("tags", "shop")

    lines = result.stdout.splitlines()
    assert lines[0].split() == ["TAG", "STATE", "COMMIT", "SEEN", "FIRST", "BY", "REASON"]
    assert lines[1].split() == ["v2-blue", "missed", ONE, "2025-06-01", "12:00:00", "UTC"]
    assert "v1-blue  moved from 1111111111" in lines[2]
    assert lines[3].split()[-3:] == ["person:ann", "a", "test"]
    assert lines[5] == "release one with `verdigris deploy shop TAG --commit COMMIT`"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (NONE, "none that was seen more than a minute ago; compared 2025-06-01 12:00:00 UTC"),
        (replace(NONE, compared_at=None), "not compared yet; is a worker running?"),
        (UNREACHABLE, "No release is ready: shop: none waits"),
    ],
)
def test_where_none_is_missed_it_says_how_sure_that_is(
    terminal: Terminal, server: CannedServer, view: TagsView, words: str
) -> None:
    server.answer("GET /apps/shop/tags", answer(view))

    result = terminal.run("tags", "shop")

    assert words in result.stdout
    assert result.exit_code == 0


def test_programs_get_the_answer_as_it_came(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps/shop/tags", answer(SOME))

    assert json.loads(terminal.run("tags", "shop", "--json").stdout) == answer(SOME)


def test_compare_waits_for_the_worker(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/tags/compare", answer(replace(NONE, is_asked=True)), status=202)
    server.answer("GET /apps/shop/tags", answer(replace(NONE, is_asked=True)))
    server.answer("GET /apps/shop/tags", answer(SOME))

    result = terminal.run("tags", "shop", "--compare")

    assert "v2-blue" in result.stdout
    assert [f"{one.method} {one.path}" for one in server.asked] == [
        "POST /api/v1/apps/shop/tags/compare",
        "GET /api/v1/apps/shop/tags",
        "GET /api/v1/apps/shop/tags",
    ]
    assert result.exit_code == 0


def test_without_a_worker_compare_gives_up_and_says_why(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/tags/compare", answer(replace(NONE, is_asked=True)), status=202)
    server.answer("GET /apps/shop/tags", answer(replace(NONE, is_asked=True)))

    result = terminal.run("tags", "shop", "--compare")

    assert result.exit_code == 5
    assert "not compared after 1 min 30 s" in result.stderr
    assert "see whether a worker runs" in result.stderr


def test_a_comparison_that_failed_ends_badly(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/tags/compare", answer(UNREACHABLE), status=202)

    result = terminal.run("tags", "shop", "--compare", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["title"] == "No release is ready"
    assert "the tags could not be compared" in result.stderr


def test_one_can_be_decided_against(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/tags/dismiss", answer(replace(SOME, missed=(MOVED,))))

    result = terminal.run("tags", "shop", "--dismiss", "v2-blue")

    assert server.asked[0].body == {"tag": "v2-blue"}
    assert "v2-blue" not in result.stdout
    assert result.exit_code == 0


def test_why_it_was_decided_against_goes_along(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/tags/dismiss", answer(SOME))

    terminal.run("tags", "shop", "--dismiss", "v2-blue", "--reason", "a mistake")

    assert server.asked[0].body == {"tag": "v2-blue", "reason": "a mistake"}


def test_a_reason_for_nothing_is_wrong_usage(terminal: Terminal, server: CannedServer) -> None:
    result = terminal.run("tags", "shop", "--reason", "a mistake")

    assert (result.exit_code, server.asked) == (2, [])
    assert "--reason is for --dismiss" in result.stderr


def test_what_is_refused_is_told(terminal: Terminal, server: CannedServer) -> None:
    server.refuse("POST /apps/shop/tags/dismiss", problem("tag-not-missed"))

    assert terminal.run("tags", "shop", "--dismiss", "v9-blue").exit_code == 1
