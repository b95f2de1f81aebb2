"""Channels on the page and over the API: how they fare, and trying one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from release.audit_entries import Filter
from release.channels import Topic
from release.config import Config
from release.roles import Role
from release.signals import make_test
from tests.unit.webhook.fakes import NOW, TOKEN, Web, make_config, make_web
from tests.unit.webhook.test_guard import make_token
from tests.unit.webhook.test_pages import csrf_of, sign_in, text_of
from webhook import channels

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.test import TestResponse

ROOT = {"Authorization": f"Bearer {TOKEN}"}
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def told(tmp_path: Path) -> Web:
    """A web process with two channels, whose secrets it can't read and need not."""
    plain = make_config(tmp_path).model_dump(mode="json")
    return make_web(
        Config.model_validate(
            {
                **plain,
                "channels": {
                    "chat": {"kind": "slack", "url": {"env": "NOBODY_HAS_IT"}, "apps": ["shop"]},
                    "commits": {"kind": "commit-status", "host": "github", "token": {"env": "NOBODY_HAS_IT"}},
                },
            }
        )
    )


def list_channels(web: Web) -> list[dict[str, Any]]:
    answer = web.client.get("/api/v1/channels", headers=ROOT)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json["channels"]  # type: ignore[index]  # JSON
    return found


def fail(web: Web, error: str, *, again_in: float | None = 60) -> None:
    web.store.signals.add(make_test("chat", id="1", actor="token:ci", at=NOW))
    (offer,) = web.store.signals.offer(["chat"])
    assert web.store.signals.claim("chat", "1_chat", number=offer.number)
    assert web.store.signals.note_failure(
        "chat", "1_chat", number=offer.number, error=error, again_in=again_in
    )


def post(web: Web, name: str) -> TestResponse:
    client = sign_in(web)
    csrf = csrf_of(client.get("/channels").text)
    answer = client.post(f"/channels/{name}/test", data={"csrf_token": csrf})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/channels")
    return client.get("/channels")


def test_without_channels_the_page_says_so_and_no_other_speaks_of_them(web: Web) -> None:
    client = sign_in(web)

    assert "No channel is configured" in client.get("/channels").text
    assert "/channels" not in client.get("/").text
    assert list_channels(web) == []


def test_channels_are_listed_before_anything_was_sent(told: Web) -> None:
    chat, commits = list_channels(told)

    assert chat == {
        "name": "chat",
        "kind": "slack",
        "apps": ["shop"],
        "events": sorted(set(Topic) - {Topic.STAGE, Topic.TEST}),
        "pending": 0,
        "sent": 0,
        "sent_at": None,
        "sent_id": None,
        "failing_since": None,
        "error": None,
        "error_at": None,
        "error_id": None,
        "next_try": None,
        "dropped": 0,
        "dropped_at": None,
        "dropped_why": None,
    }
    assert (commits["kind"], commits["events"]) == ("commit-status", ["stage"])
    assert "chat slack nothing was sent yet of shop" in text_of(sign_in(told).get("/channels").text)


def test_a_channel_that_fails_is_told_on_every_page_and_nothing_of_it_is_more_than_text(told: Web) -> None:
    fail(told, f"503: {HOSTILE}")
    client = sign_in(told)

    page = client.get("/channels").text

    assert HOSTILE not in page
    assert "chat slack ✗ fails since" in text_of(page)
    assert "503: &lt;script&gt;" in page
    assert "1 waiting" in text_of(page)
    assert "✗ chat failing" in text_of(client.get("/audit").text)
    assert "✗ chat failing People outside are not told" in text_of(client.get("/").text)
    assert list_channels(told)[0]["error"] == f"503: {HOSTILE}"


def test_what_was_dropped_is_told_with_its_reason(told: Web) -> None:
    fail(told, "404: no such hook", again_in=None)

    page = text_of(sign_in(told).get("/channels").text)

    assert "1 dropped" in page
    assert "404: no such hook" in page
    assert list_channels(told)[0]["dropped_why"] == "404: no such hook"


def test_pages_of_who_sees_one_app_say_nothing_of_channels(told: Web) -> None:
    fail(told, "503")
    guest = sign_in(told, make_token(told, Role.ADMIN, "shop"))

    assert guest.get("/channels").status_code == 403
    assert "/channels" not in guest.get("/").text


def test_a_channel_is_tried_from_the_page_and_that_is_in_the_audit_trail(told: Web) -> None:
    page = post(told, "chat")

    assert "A test is on its way to chat" in page.text
    (offer,) = told.store.signals.offer(["chat"])
    assert offer.message.signal.topic is Topic.TEST
    assert offer.message.signal.actor == "person:ci"
    (entry,) = told.store.audit.read(Filter(action="test-channel")).entries
    assert (str(entry.outcome), entry.as_json()["after"]["channel"]) == ("done", "chat")  # type: ignore[index]  # JSON


def test_a_channel_that_is_none_is_not_tried(told: Web) -> None:
    assert "No such channel" in post(told, "nowhere").text
    answer = told.client.post("/api/v1/channels/nowhere/test", headers=ROOT)
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (404, "unknown-channel")  # type: ignore[index]  # JSON


def test_the_api_tells_by_which_id_a_test_is_known_afterwards(told: Web) -> None:
    answer = told.client.post("/api/v1/channels/chat/test", headers=ROOT)

    assert answer.status_code == 202
    (offer,) = told.store.signals.offer(["chat"])
    assert answer.json == {"message": offer.message.id}
    assert list_channels(told)[0]["pending"] == 1


def test_without_redis_the_page_and_its_button_say_so(told: Web) -> None:
    client = sign_in(told)
    csrf = csrf_of(client.get("/channels").text)
    told.store.is_away = True

    assert client.get("/channels").status_code == 503
    answer = client.post("/channels/chat/test", data={"csrf_token": csrf})

    assert answer.status_code in {303, 503}


def test_what_fails_is_asked_once_in_a_while(told: Web) -> None:
    services = told.app.extensions["verdigris"]
    failing = channels.FailingChannels()
    assert failing.find(services) == {}
    fail(told, "503")
    assert failing.find(services) == {}, "remembered"

    later = channels.FailingChannels()

    assert list(later.find(services)) == ["chat"]
    assert later.find(services)["chat"] - NOW > timedelta(0)
    told.store.is_away = True
    assert channels.FailingChannels().find(services) == {}
