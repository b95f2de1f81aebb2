"""What the doctor says of channels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from release.loading import parse_config
from release.signal_lines import ChannelState
from worker.checkup.channels import judge, look_at_channels, look_at_senders
from worker.checkup.lines import Grade
from worker.roll_call import NotAsked

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOWHERE = "redis://127.0.0.1:1/0"
GOOD = {"CHAT_URL": "https://hooks.example.com/T1/B1"}
CONFIG = parse_config(
    """
channels: {chat: {kind: slack, url: {env: CHAT_URL}}}
apps:
  shop:
    repository: https://example.com/shop.git
    namespace: shop
    image: "registry/shop:{tag}"
    gateway: {address: "http://10.0.0.1"}
""",
    name="verdigris.yml",
)


def test_a_channel_that_works_is_told_with_its_numbers() -> None:
    line = judge(ChannelState("chat", pending=1, sent=2, dropped=3), CONFIG, GOOD)

    assert (line.grade, line.found) == (Grade.OK, "2 sent, 1 waiting, 3 dropped")


def test_one_that_fails_is_told_with_its_error_and_how_to_try_it() -> None:
    line = judge(ChannelState("chat", pending=1, failing_since=NOON, error="503: away"), CONFIG, GOOD)

    assert (line.grade, line.found) == (
        Grade.WARNING,
        "fails since 2026-01-01 12:00 UTC, 1 waiting: 503: away",
    )
    assert "verdigris channels test chat" in line.fix


def test_a_secret_that_cannot_be_used_is_told_without_being_shown() -> None:
    missing = judge(ChannelState("chat"), CONFIG, {})
    wrong = judge(ChannelState("chat"), CONFIG, {"CHAT_URL": "ftp://hooks.example.com/T1/B1"})

    assert (missing.grade, wrong.grade) == (Grade.WARNING, Grade.WARNING)
    assert "CHAT_URL" in missing.found
    assert "does not begin with https://" in wrong.found
    assert "hooks.example.com" not in wrong.found


def test_without_a_worker_for_signals_nobody_is_told() -> None:
    def refuse(_: str) -> Mapping[str, list[str]]:
        raise NotAsked("refused")

    assert look_at_senders("", lambda _: {"signals": ["s@x"]}).found == "1: s@x"
    assert look_at_senders("", lambda _: {"releases": ["r@x"]}).grade is Grade.FAILED
    assert look_at_senders("", refuse).grade is Grade.WARNING


def test_without_redis_nothing_is_known() -> None:
    (line,) = look_at_channels(CONFIG, NOWHERE, GOOD)

    assert (line.grade, line.about) == (Grade.WARNING, "channel chat")
