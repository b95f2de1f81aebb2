"""When an app is frozen, and until when, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from release.freezes import MOST_JOINED, find_freeze, find_next_freeze
from release.rules import Freeze

if TYPE_CHECKING:
    from collections.abc import Sequence

FREEZE: TypeAdapter[Freeze] = TypeAdapter(Freeze)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def repeated(cron: str, lasts: str, *, zone: str = "UTC", reason: str = "") -> Freeze:
    return FREEZE.validate_python({"cron": cron, "for": lasts, "zone": zone, "reason": reason})


def single(start: str, end: str, *, zone: str = "UTC", reason: str = "") -> Freeze:
    return FREEZE.validate_python({"from": start, "to": end, "zone": zone, "reason": reason})


WEEKEND = repeated("0 17 * * fri", "62h", zone="Europe/Berlin", reason="weekend")
WEEKEND_THERE = repeated("0 17 * * fri", "62h", zone="America/New_York")
CHRISTMAS = single("2026-12-23T00:00", "2027-01-02T00:00", zone="Europe/Berlin", reason="Christmas")
NIGHT = repeated("0 22 * * *", "8h", reason="night")


@pytest.mark.parametrize(
    ("freezes", "now", "until"),
    [
        ([], "2026-06-05T15:00", None),
        # On the clock of Berlin in summer, 17:00 is 15:00 UTC.
        ([WEEKEND], "2026-06-05T14:59:59", None),
        ([WEEKEND], "2026-06-05T15:00", "2026-06-08T05:00"),
        ([WEEKEND], "2026-06-08T04:59:59", "2026-06-08T05:00"),
        ([WEEKEND], "2026-06-08T05:00", None),
        # In winter it is 16:00 UTC.
        ([WEEKEND], "2026-01-09T15:59", None),
        ([WEEKEND], "2026-01-09T16:00", "2026-01-12T06:00"),
        # Clocks go forward on Sunday: 17:00 to 08:00 on the clock, 62 hours.
        ([WEEKEND], "2026-03-27T16:00", "2026-03-30T06:00"),
        ([WEEKEND], "2026-03-30T05:59", "2026-03-30T06:00"),
        ([WEEKEND], "2026-03-30T06:00", None),
        # And back: 17:00 to 06:00 on the clock.
        ([WEEKEND], "2026-10-23T15:00", "2026-10-26T05:00"),
        ([WEEKEND], "2026-10-26T05:00", None),
        # New York changes clocks on other days.
        ([WEEKEND_THERE], "2026-03-06T22:00", "2026-03-09T12:00"),
        ([WEEKEND_THERE], "2026-03-27T21:00", "2026-03-30T11:00"),
        ([WEEKEND_THERE], "2026-10-30T21:00", "2026-11-02T11:00"),
        ([WEEKEND_THERE], "2026-11-02T11:00", None),
        # Once.
        ([CHRISTMAS], "2026-12-22T22:59", None),
        ([CHRISTMAS], "2026-12-22T23:00", "2027-01-01T23:00"),
        ([CHRISTMAS], "2027-01-01T23:00", None),
        # 1 January is a Friday: the weekend begins while Christmas lasts, and ends later.
        ([WEEKEND, CHRISTMAS], "2026-12-28T12:00", "2027-01-04T06:00"),
        ([CHRISTMAS, WEEKEND], "2026-12-28T12:00", "2027-01-04T06:00"),
        # One that ends earlier cuts nothing off.
        ([NIGHT, CHRISTMAS], "2026-12-24T23:00", "2027-01-02T06:00"),
        # One begins where another ends.
        ([NIGHT, repeated("0 6 * * *", "1h")], "2026-06-05T23:00", "2026-06-06T07:00"),
        ([NIGHT, repeated("1 6 * * *", "1h")], "2026-06-05T23:00", "2026-06-06T06:00"),
        # A window that is longer than the time to the next one.
        ([repeated("0 * 5 6 *", "90m")], "2026-06-05T00:30", "2026-06-06T00:30"),
    ],
)
def test_a_freeze_lasts_to_the_end_of_the_last_window_that_joins(
    freezes: Sequence[Freeze], now: str, until: str | None
) -> None:
    found = find_freeze(freezes, at(now))

    assert (found.until if found else None) == (at(until) if until else None)
    assert not found or (found.until.tzinfo is UTC and not found.is_open_end)


def test_the_moment_counts_and_not_the_zone_that_it_is_told_in() -> None:
    told = datetime.fromisoformat("2026-12-23T01:00+02:00")

    assert find_freeze([CHRISTMAS], told) == find_freeze([CHRISTMAS], told.astimezone(UTC))
    assert find_freeze([CHRISTMAS], told - timedelta(minutes=1)) is None


@pytest.mark.parametrize(
    ("freezes", "now", "reason"),
    [
        ([CHRISTMAS, WEEKEND], "2026-12-28T12:00", "Christmas; weekend"),
        ([WEEKEND, CHRISTMAS], "2026-12-27T12:00", "weekend; Christmas"),
        ([WEEKEND_THERE, WEEKEND], "2026-06-06T12:00", "weekend"),
        ([WEEKEND_THERE], "2026-06-06T12:00", ""),
    ],
)
def test_the_reasons_are_those_of_all_windows_that_join_each_once(
    freezes: Sequence[Freeze], now: str, reason: str
) -> None:
    found = find_freeze(freezes, at(now))

    assert found
    assert found.reason == reason


def test_windows_that_never_leave_a_gap_are_followed_for_a_while() -> None:
    found = find_freeze([repeated("0 * * * *", "1h")], at("2026-06-05T00:30"))

    assert found
    assert found.is_open_end
    assert found.tell_end().startswith("at least ")
    assert found.until == at("2026-06-05T00:00") + timedelta(hours=MOST_JOINED)
    assert find_next_freeze([repeated("0 * * * *", "1h")], at("2026-06-05T00:30")) is None


@pytest.mark.parametrize(
    ("freezes", "now", "begins", "until"),
    [
        ([WEEKEND], "2026-06-04T12:00", "2026-06-05T15:00", "2026-06-08T05:00"),
        ([WEEKEND], "2026-06-05T15:00", "2026-06-12T15:00", "2026-06-15T05:00"),
        ([WEEKEND, NIGHT], "2026-06-06T12:00", "2026-06-08T22:00", "2026-06-09T06:00"),
        ([CHRISTMAS, WEEKEND], "2026-12-21T12:00", "2026-12-22T23:00", "2027-01-04T06:00"),
        ([CHRISTMAS], "2026-12-21T12:00", "2026-12-22T23:00", "2027-01-01T23:00"),
        ([CHRISTMAS], "2026-12-22T23:00", None, None),
        ([CHRISTMAS], "2027-01-01T23:00", None, None),
        ([], "2026-06-04T12:00", None, None),
    ],
)
def test_the_next_freeze_is_the_one_after_that_which_is_on(
    freezes: Sequence[Freeze], now: str, begins: str | None, until: str | None
) -> None:
    found = find_next_freeze(freezes, at(now))

    told = (found.at, found.freeze.until) if found else (None, None)
    assert told == (at(begins) if begins else None, at(until) if until else None)


EXPRESSIONS = st.sampled_from(["0 17 * * fri", "30 2 * * *", "0 */6 * * *", "0 0 1 * *", "15 1-4 * * sun"])
REPEATED = st.builds(
    repeated,
    EXPRESSIONS,
    st.integers(1, 80).map(lambda hours: f"{hours}h"),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "UTC"]),
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- given UTC


@settings(deadline=None)
@given(freezes=st.lists(REPEATED, min_size=1, max_size=3), now=MOMENTS)
def test_it_is_frozen_up_to_the_end_and_not_at_it(freezes: list[Freeze], now: datetime) -> None:
    found = find_freeze(freezes, now)

    if found and not found.is_open_end:
        assert found.until > now
        assert find_freeze(freezes, found.until) is None
        for part in (1 / 3, 2 / 3):
            between = find_freeze(freezes, now + (found.until - now) * part)
            assert between
            assert between.until == found.until


@settings(deadline=None)
@given(freezes=st.lists(REPEATED, min_size=1, max_size=3), now=MOMENTS)
def test_nothing_is_frozen_between_now_or_this_freeze_and_the_next(
    freezes: list[Freeze], now: datetime
) -> None:
    current, coming = find_freeze(freezes, now), find_next_freeze(freezes, now)

    if coming:
        free_from = current.until if current else now
        assert coming.at > free_from
        assert find_freeze(freezes, free_from + (coming.at - free_from) / 2) is None
        assert find_freeze(freezes, coming.at - timedelta(microseconds=1)) is None
        assert find_freeze(freezes, coming.at) == coming.freeze
