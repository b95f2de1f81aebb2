"""A message that can't be sent says why, and whether that may change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from release.channels import Topic
from release.config import Config
from release.signals import Message, Signal
from worker.signal_telling import find_repository, try_to_tell

if TYPE_CHECKING:
    from pathlib import Path

    from worker.signal_sending import Outcome

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
URL = "https://verdigris.example.com"


def configured(folder: Path) -> Config:
    (folder / "token").write_text("ghp_0123456789abcdef")
    app = {
        "repository": "https://git.example.com/shop.git",
        "namespace": "shop",
        "image": "registry.example.com/shop:{tag}",
        "gateway": {"address": "http://127.0.0.1:1"},
    }
    webhook = {"provider": "github", "repository": "acme/shop", "secrets": [{"env": "S"}]}
    return Config.model_validate(
        {
            "channels": {
                "chat": {"kind": "slack", "url": {"file": folder / "nowhere"}},
                "commits": {"kind": "commit-status", "host": "github", "token": {"file": folder / "token"}},
                "mirror": {"kind": "commit-status", "host": "gitlab", "token": {"file": folder / "token"}},
            },
            "apps": {"blog": app, "shop": {**app, "webhook": webhook}},
        }
    )


def message(channel: str, topic: Topic = Topic.STAGE, **given: Any) -> Message:  # noqa: ANN401 -- a signal's fields
    parts = {"app": "shop", "stage": "smoke", "state": "passed", **given}
    return Message(
        f"1_{channel}", channel, Signal(id="1", topics=(topic,), at=NOW, what="it passed", **parts)
    )


def tell(one: Message, folder: Path) -> Outcome:
    return try_to_tell(one, configured(folder), public_url=URL, clock=lambda: NOW)


def test_a_channel_that_was_taken_out_is_told_nothing_more(tmp_path: Path) -> None:
    outcome = tell(message("gone"), tmp_path)

    assert outcome.is_final
    assert "not in the configuration any more" in outcome.error


def test_a_secret_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    outcome = tell(message("chat"), tmp_path)

    assert not outcome.is_final
    assert "nowhere can't be read" in outcome.error


def test_a_status_without_a_commit_is_never_sent(tmp_path: Path) -> None:
    assert tell(message("commits"), tmp_path).error == "the commit is not known"
    assert tell(message("commits"), tmp_path).is_final


def test_the_repository_is_that_of_the_app_and_for_a_test_of_the_first_on_the_host(tmp_path: Path) -> None:
    config = configured(tmp_path)

    assert find_repository(message("commits"), config) == "acme/shop"
    assert find_repository(message("commits", Topic.TEST, app=""), config) == "acme/shop"
    assert find_repository(message("commits", app="blog"), config) == ""
    assert find_repository(message("mirror", Topic.TEST, app=""), config) == ""
