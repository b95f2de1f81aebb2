"""Commands that say yes or no to the promote of a release, and how rules are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.rule_words import told_approvals, told_countdown, told_freeze, told_next_freeze
from release.approvals import Decision, Verdict, Vote
from release.auto_promotion import Block, Countdown, Stop
from release.freezes import Coming, Frozen
from release.model import Actor
from tests.unit.cli.canned import NOON, app, details, problem, release
from webhook.presentation import (
    approvals_json,
    countdown_json,
    freeze_json,
    next_freeze_json,
    stop_json,
    vote_json,
)

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Json, Terminal

ANNA = Actor("person", "anna")
HALF = Verdict(is_approved=False, missing=1, approved_by=(ANNA,))
REJECTED = Verdict(is_approved=False, missing=2, rejected_by=ANNA)
FROZEN = Frozen(NOON, "Christmas", is_open_end=True)


def voted(verdict: Verdict, needed: int) -> Json:
    return {"release": release(), "approvals": approvals_json(verdict, needed=needed)}


@pytest.mark.parametrize(
    ("command", "verdict", "needed", "body", "told"),
    [
        ("approve R1", HALF, 2, {}, "approved v2.0-blue: 1 of 2, missing 1"),
        ("approve R1 --comment fine", HALF, 2, {"comment": "fine"}, "approved v2.0-blue: 1 of 2, missing 1"),
        (
            "approve R1",
            Verdict(is_approved=True, missing=0),
            0,
            {},
            "approved v2.0-blue: no approval is needed",
        ),
        (
            "reject R1 --comment no",
            REJECTED,
            2,
            {"comment": "no"},
            "rejected v2.0-blue: rejected by person:anna, and that is final",
        ),
    ],
)
def test_a_vote_is_one_request_and_tells_what_it_came_to(
    terminal: Terminal,
    server: CannedServer,
    command: str,
    verdict: Verdict,
    needed: int,
    body: Json,
    told: str,
) -> None:
    name = command.split(maxsplit=1)[0]
    server.answer(f"POST /releases/R1/{name}", voted(verdict, needed))

    result = terminal.run(*command.split())

    assert (result.exit_code, result.stdout) == (0, f"{told}\n")
    assert [asked.body for asked in server.asked] == [body]


def test_a_stop_tells_whose_stands(terminal: Terminal, server: CannedServer) -> None:
    stopped = stop_json(Stop(ANNA, "wait", NOON))
    server.answer("POST /releases/R1/stop-countdown", {"release": release(), "stopped": stopped})

    result = terminal.run("stop-countdown", "R1", "--reason", "later")

    assert result.stdout == "v2.0-blue is not promoted by itself: stopped by person:anna: wait\n"
    assert server.asked[0].body == {"reason": "later"}


@pytest.mark.parametrize("name", ["approve", "reject", "stop-countdown"])
def test_with_json_the_answer_is_all(terminal: Terminal, server: CannedServer, name: str) -> None:
    answer = {"release": release(), "anything": True}
    server.answer(f"POST /releases/R1/{name}", answer)
    assert json.loads(terminal.run(name, "R1", "--json").stdout) == answer


@pytest.mark.parametrize("name", ["approve", "reject", "stop-countdown"])
def test_a_refusal_ends_with_1(terminal: Terminal, server: CannedServer, name: str) -> None:
    server.refuse(f"POST /releases/R1/{name}", problem("own-release"))
    result = terminal.run(name, "R1")
    assert result.exit_code == 1
    assert "Next: push a tag" in result.stderr


def test_a_release_is_shown_with_its_votes_and_its_countdown(
    terminal: Terminal, server: CannedServer
) -> None:
    answer = {
        **details(),
        "votes": [vote_json(Vote(ANNA, Decision.APPROVE, "looked at it", NOON))],
        "approvals": approvals_json(HALF, needed=2),
        "countdown": countdown_json(Countdown(NOON, (Block.APPROVALS,))),
        "stopped": None,
    }
    server.answer("GET /releases/R1", answer)

    shown = terminal.run("show", "R1").stdout

    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "approvals 1 of 2, missing 1" in lines
    assert "by itself at 2025-06-01 12:00:00 UTC, held by approvals" in lines
    assert "2025-06-01 12:00:00 UTC approve person:anna looked at it" in lines


def test_what_never_promotes_itself_says_so(terminal: Terminal, server: CannedServer) -> None:
    countdown = countdown_json(Countdown(NOON, (Block.READ_BACK,)))
    server.answer("GET /releases/R1", {**details(), "votes": [], "countdown": countdown, "stopped": None})

    lines = [" ".join(line.split()) for line in terminal.run("show", "R1").stdout.splitlines()]

    told = "by itself no: Redis was emptied, and what people said to it is lost; a person decides"
    assert told in lines


def test_an_app_is_shown_with_its_freezes(terminal: Terminal, server: CannedServer) -> None:
    freezes = {"freeze": freeze_json(FROZEN), "next_freeze": next_freeze_json(Coming(NOON, FROZEN))}
    server.answer("GET /apps/shop", {**app(), **freezes})

    lines = [" ".join(line.split()) for line in terminal.run("apps", "shop").stdout.splitlines()]

    until = "until at least 2025-06-01 12:00:00 UTC: Christmas"
    assert f"frozen {until}" in lines
    assert f"next freeze from 2025-06-01 12:00:00 UTC {until}" in lines


def test_an_older_server_tells_nothing_of_rules() -> None:
    assert told_approvals(None) == told_countdown({}) == told_freeze(None) == told_next_freeze(None) == ""


def test_a_stop_is_told_before_the_countdown() -> None:
    stopped = stop_json(Stop(ANNA, "", NOON))
    assert told_countdown({"stopped": stopped, "countdown": None}) == "stopped by person:anna"
    assert told_countdown({"countdown": countdown_json(Countdown(NOON))}) == "at 2025-06-01 12:00:00 UTC"
