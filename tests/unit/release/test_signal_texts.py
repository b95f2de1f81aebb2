"""How signals are written: nothing that a sender chose is more than text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from release.channels import CommitStatusChannel, SlackChannel, Topic, WebhookChannel
from release.secret import Secret
from release.signal_texts import Occasion, Request, escape, find_link, write
from release.signals import Message, Signal
from webhook.providers.events import Delivery
from webhook.providers.standard_webhooks import check_standard_signature

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
OCCASION = Occasion(NOW, "https://verdigris.example.com", "acme/shop")
CHAT_URL = Secret("https://hooks.example.com/T1/B1/secret")
KEY = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
TOKEN = Secret("ghp_0123456789abcdef")
CHAT = SlackChannel.model_validate({"kind": "slack", "url": {"env": "U"}})
HOOK = WebhookChannel.model_validate(
    {"kind": "webhook", "url": "https://example.com/in", "secret": {"env": "K"}}
)
GITHUB = CommitStatusChannel.model_validate(
    {"kind": "commit-status", "host": "github", "token": {"env": "T"}}
)
GITLAB = CommitStatusChannel.model_validate(
    {
        "kind": "commit-status",
        "host": "gitlab",
        "token": {"env": "T"},
        "api": "https://git.example.com/api/v4",
    }
)


def message(topic: Topic = Topic.LIVE, **more: Any) -> Message:  # noqa: ANN401 -- as a signal's fields
    given = {"app": "shop", "what": "shop: v2-blue is live.", "release_id": "r1", "tag": "v2-blue"} | more
    return Message("17-0_chat", "chat", Signal(id="17-0", topics=(topic,), at=NOW, **given))


def stage(state: str = "passed", **more: str) -> Message:
    given = {"stage": "smoke", "state": state, "commit": "c0ffee", "what": "shop: smoke of v2-blue."} | more
    return message(Topic.STAGE, **given)


def told(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.body)
    return found


def test_a_chat_reads_what_who_why_what_next_and_where() -> None:
    one = message(actor="person:anna", reason="errors are gone", next_step="watch it")

    request = write(one, CHAT, CHAT_URL, OCCASION)

    assert told(request)["text"].splitlines() == [
        "*shop: v2-blue is live.*",
        "By person:anna",
        "errors are gone",
        "Next: watch it",
        "<https://verdigris.example.com/releases/r1|Open in Verdigris>",
    ]
    assert (told(request)["unfurl_links"], request.url) == (False, CHAT_URL.reveal())
    assert "secret" not in repr(request)


def test_a_chat_takes_nothing_of_it_for_a_command_or_a_link() -> None:
    one = message(what="v1<!channel>@all-blue", actor="git:<https://evil|ok>", reason="&lt; @here")

    text = told(write(one, CHAT, CHAT_URL, OCCASION))["text"]

    assert "*v1&lt;!channel&gt;@\u200ball-blue*" in text
    assert "By git:&lt;https://evil|ok&gt;" in text
    assert "&amp;lt; @\u200bhere" in text
    assert text.count("<") == 1, "ours alone"
    assert escape("plain v2-blue") == "plain v2-blue"


def test_what_is_unknown_has_no_line() -> None:
    assert len(told(write(message(), CHAT, CHAT_URL, OCCASION))["text"].splitlines()) == 2


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({}, "/releases/r1"),
        ({"release_id": ""}, "/apps/shop"),
        ({"release_id": "", "app": ""}, "/channels"),
        ({"release_id": "../x y"}, "/releases/..%2Fx%20y"),
    ],
)
def test_a_link_leads_to_the_page_that_tells_more(more: dict[str, str], path: str) -> None:
    assert find_link(message(**more).signal, "https://v.example") == f"https://v.example{path}"


def test_a_webhook_is_signed_so_that_a_receiver_of_the_standard_accepts_it() -> None:
    request = write(message(actor="person:anna"), HOOK, KEY, OCCASION)

    check_standard_signature(Delivery(request.headers, request.body, NOW), [KEY])
    assert request.headers["webhook-id"] == "17-0_chat"
    assert told(request)["type"] == "live"
    data = told(request)["data"]
    assert (data["app"], data["release"], data["actor"]) == ("shop", "r1", "person:anna")
    assert data["link"] == "https://verdigris.example.com/releases/r1"


def test_half_a_surrogate_pair_can_be_sent() -> None:
    assert "?" in told(write(message(reason="\ud83d"), HOOK, KEY, OCCASION))["data"]["reason"]


@pytest.mark.parametrize(
    ("state", "github", "gitlab"),
    [
        ("running", "pending", "running"),
        ("passed", "success", "success"),
        ("failed", "failure", "failed"),
        ("cancelled", "error", "canceled"),
    ],
)
def test_a_commit_gets_the_state_of_each_stage(state: str, github: str, gitlab: str) -> None:
    hub, lab = write(stage(state), GITHUB, TOKEN, OCCASION), write(stage(state), GITLAB, TOKEN, OCCASION)

    assert hub.url == "https://api.github.com/repos/acme/shop/statuses/c0ffee"
    assert told(hub) == {
        "state": github,
        "target_url": "https://verdigris.example.com/releases/r1",
        "description": "shop: smoke of v2-blue.",
        "context": "verdigris/shop/smoke",
    }
    assert hub.headers["Authorization"] == f"Bearer {TOKEN.reveal()}"
    assert lab.url == "https://git.example.com/api/v4/projects/acme%2Fshop/statuses/c0ffee"
    assert (told(lab)["state"], told(lab)["name"], told(lab)["ref"]) == (
        gitlab, "verdigris/shop/smoke", "v2-blue"
    )  # fmt: skip
    assert lab.headers["PRIVATE-TOKEN"] == TOKEN.reveal()
    assert lab.told_already
    assert TOKEN.reveal() not in repr(hub) + repr(lab)


@pytest.mark.parametrize("channel", [GITHUB, GITLAB])
def test_a_long_description_is_cut(channel: CommitStatusChannel) -> None:
    request = write(stage(what="x" * 500), channel, TOKEN, OCCASION)

    assert len(told(request)["description"]) == 140


def test_without_a_commit_or_a_repository_there_is_no_status() -> None:
    with pytest.raises(ValueError, match="commit is not known"):
        write(stage(commit=""), GITHUB, TOKEN, OCCASION)
    with pytest.raises(ValueError, match="has a repository on its host"):
        write(stage(), GITLAB, TOKEN, Occasion(NOW, "https://v.example"))


def test_a_test_of_commit_statuses_only_looks_at_the_repository() -> None:
    test = message(Topic.TEST, app="", tag="", release_id="")

    hub, lab = write(test, GITHUB, TOKEN, OCCASION), write(test, GITLAB, TOKEN, OCCASION)

    assert (hub.method, hub.url, hub.body) == ("GET", "https://api.github.com/repos/acme/shop", b"")
    assert (lab.method, lab.url) == ("GET", "https://git.example.com/api/v4/projects/acme%2Fshop")
