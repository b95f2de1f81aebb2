"""The rules of an app in the configuration: what is accepted, and how each mistake is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from release.config import App
from release.loading import parse_config
from release.references import ConfigError
from release.rules import Promotion, RepeatedFreeze, SingleFreeze

if TYPE_CHECKING:
    from release.config import Config

MINIMAL = """\
apps:
  shop:
    repository: https://example.com/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
"""


def parse(addition: str) -> Config:
    return parse_config(f"{MINIMAL}{addition}\n", name="f")


def only_freeze(written: str) -> RepeatedFreeze | SingleFreeze:
    (found,) = parse(f"    freezes: [{{{written}}}]").apps["shop"].freezes
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_rules_nothing_is_frozen_approved_or_promoted_by_itself() -> None:
    config = parse("")
    app = config.apps["shop"]

    assert (app.freezes, app.promote, app.auto_promote) == ([], Promotion(), None)
    assert (app.promote.approvals, app.promote.pusher) == (0, "allowed")
    assert config.people == {}


def test_a_window_comes_again_or_stands_once() -> None:
    again = only_freeze('cron: "0 17 * * fri", for: 62h, zone: Europe/Berlin, reason: weekend')
    once = only_freeze("from: 2026-12-23T00:00, to: 2027-01-02T00:00, zone: Europe/Berlin")

    assert isinstance(again, RepeatedFreeze)
    assert (again.cron, again.lasts, again.zone, again.reason) == (
        "0 17 * * fri",
        62 * 3_600,
        "Europe/Berlin",
        "weekend",
    )
    assert isinstance(once, SingleFreeze)
    assert (once.begins_at, once.ends_at) == (at("2026-12-22T23:00"), at("2027-01-01T23:00"))
    assert once.reason == ""


def test_parts_that_are_made_in_code_are_taken_as_they_are() -> None:
    made = [
        only_freeze('cron: "0 17 * * fri", for: 1h, zone: UTC'),
        only_freeze("from: 2026-12-23T00:00, to: 2026-12-24T00:00, zone: UTC"),
    ]
    shop = parse("").apps["shop"]

    assert App.model_validate({**dict(shop), "freezes": made}).freezes == made


@pytest.mark.parametrize(
    ("written", "begins", "ends"),
    [
        ("from: 2026-12-23T00:00Z, to: 2026-12-23T12:00+02:00", "2026-12-23T00:00", "2026-12-23T10:00"),
        ('from: "2026-12-23 00:00", to: 2026-12-23T12:00, zone: UTC', "2026-12-23T00:00", "2026-12-23T12:00"),
        # YAML makes times of texts with seconds.
        (
            "from: 2026-12-23T00:00:00, to: 2026-12-23T12:00:00+02:00, zone: UTC",
            "2026-12-23T00:00",
            "2026-12-23T10:00",
        ),
        # Both are shown twice: the longest window that may be meant.
        (
            "from: 2026-10-25T02:30, to: 2026-10-25T02:45, zone: Europe/Berlin",
            "2026-10-25T00:30",
            "2026-10-25T01:45",
        ),
        (
            "from: 2026-03-29T02:30, to: 2026-03-29T03:30, zone: Europe/Berlin",
            "2026-03-29T01:00",
            "2026-03-29T01:30",
        ),
    ],
)
def test_times_have_an_offset_or_are_on_the_clock_of_the_zone(written: str, begins: str, ends: str) -> None:
    freeze = only_freeze(written)

    assert isinstance(freeze, SingleFreeze)
    assert (freeze.begins_at, freeze.ends_at) == (at(begins), at(ends))


CRON = 'cron: "0 17 * * fri"'
LATER = "to: 2027-01-02T00:00"
NO_TIME = "must be a date and a time, as in 2026-12-23T00:00"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (f"{CRON}, for: 62h", "freezes.0.zone: is missing"),
        (f"{CRON}, zone: UTC", "freezes.0.for: is missing"),
        (f"{CRON}, lasts: 62h, for: 62h, zone: UTC", "freezes.0.lasts: there is no such field"),
        (f"{CRON}, for: 0, zone: UTC", "freezes.0.for: Input should be greater than 0"),
        (f"{CRON}, for: 367d, zone: UTC", "freezes.0.for: Input should be less than or equal to 31622400"),
        (f"{CRON}, for: 62h, zone: Berlin", "freezes.0.zone: no such time zone on this machine; use a name"),
        (f"{CRON}, for: 1h, zone: UTC, {LATER}", "freezes.0.to: there is no such field"),
        ('cron: "0 17 * *", for: 1h, zone: UTC', "freezes.0.cron: must be five fields that fit some day"),
        ('cron: "0 25 * * *", for: 1h, zone: UTC', "freezes.0.cron: must be a time as cron has it, as in"),
        (f"{LATER}, zone: UTC", "freezes.0.from: is missing"),
        ("from: 2026-12-23T00:00, zone: UTC", "freezes.0.to: is missing"),
        (f"from: 2026-12-23T00:00, {LATER}", "freezes.0: name the zone of these times, as in Europe/Berlin"),
        (f"from: 2026-12-23T00:00Z, {LATER}", "freezes.0: name the zone of these times, as in Europe/Berlin"),
        (f"from: 2027-01-02T00:00, {LATER}, zone: UTC", "freezes.0: to must be later than from"),
        (f"from: 2026-12-23, {LATER}, zone: UTC", f"freezes.0.from: {NO_TIME}"),
        (f"from: 20261223, {LATER}, zone: UTC", f"freezes.0.from: {NO_TIME}"),
        (f'from: "20261223", {LATER}, zone: UTC', f"freezes.0.from: {NO_TIME}"),
        (f"from: 0001-01-01T00:00, {LATER}, zone: Europe/Berlin", f"freezes.0.from: {NO_TIME}"),
        ("from: 2026-12-23T00:00, to: 9999-12-31T23:59, zone: UTC", f"freezes.0.to: {NO_TIME}"),
        (f"from: 2026-13-23T00:00, {LATER}, zone: UTC", "freezes.0.from: month must be in 1..12"),
    ],
)
def test_a_mistake_in_a_window_is_told_of_the_form_that_is_meant(written: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        only_freeze(written)

    (finding,) = str(caught.value).splitlines()
    assert finding.startswith(f"f:7: apps.shop.{message}")


@pytest.mark.parametrize(
    ("addition", "finding"),
    [
        ("    freezes: [weekends]", "f:7: apps.shop.freezes.0: must be a mapping"),
        ("    promote: {approvals: -1}", "f:7: apps.shop.promote.approvals: Input should be greater than"),
        ("    promote: {pusher: maybe}", "f:7: apps.shop.promote.pusher: Input should be 'allowed' or 'refu"),
        ("    auto_promote: soon", "f:7: apps.shop.auto_promote: must be seconds, or a number with s, m, h"),
        ("    auto_promote: 999d", "f:7: apps.shop.auto_promote: Input should be less than or equal to 316"),
        ("people: {octocat: anna, joe: joe, Octocat: bob}", "f:7: people: octocat and Octocat are the same"),
        ("people: {octocat: ''}", "f:7: people.octocat: String should have at least 1 character"),
    ],
)
def test_other_mistakes_are_told_with_their_field(addition: str, finding: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(addition)

    assert str(caught.value).startswith(finding)


@pytest.mark.parametrize(("written", "seconds"), [("0", 0), ("10m", 600), ("null", None)])
def test_a_release_promotes_itself_at_once_after_a_while_or_never(
    written: str, seconds: float | None
) -> None:
    assert parse(f"    auto_promote: {written}").apps["shop"].auto_promote == seconds
