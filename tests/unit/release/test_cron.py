"""When a cron expression comes, also where clocks are changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.cron import check_cron, find_last, find_next

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
EXPRESSIONS = [
    "0 17 * * fri",
    "30 2 * * *",
    "*/15 * * * *",
    "* * * * *",
    "0 1-3 * 3,10,11 sun",
    "0 0 1 * *",
    "0 0 L * *",
    "0 9 * * mon#1",
    "15 2,3 8-14 3 *",
]

moments = st.one_of(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- given UTC
    # Around the changes of clocks.
    st.sampled_from(["2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00", "2026-11-01T06:00"]).flatmap(
        lambda text: st.integers(-7_200, 7_200).map(
            lambda seconds: datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(seconds=seconds)
        )
    ),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def all_between(cron: str, zone: str, first: str, last: str) -> list[str]:
    """Every time that the expression comes, by asking again and again."""
    found, moment = [], find_next(cron, ZoneInfo(zone), after=at(first))
    while moment and moment <= at(last):
        found.append(moment.strftime("%d %H:%M"))
        moment = find_next(cron, ZoneInfo(zone), after=moment)
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "first", "last", "expected"),
    [
        ("0 17 * * fri", BERLIN, "2026-03-26T00:00", "2026-04-09T00:00", ["27 16:00", "03 15:00"]),
        ("0 17 * * fri", NEW_YORK, "2026-10-29T00:00", "2026-11-12T00:00", ["30 21:00", "06 22:00"]),
        # 02:30 is skipped on the 29th: it comes at 03:00, and once.
        ("30 2 * * *", BERLIN, "2026-03-28T00:00", "2026-03-30T23:00", ["28 01:30", "29 01:00", "30 00:30"]),
        ("30 2 * * *", NEW_YORK, "2026-03-08T00:00", "2026-03-09T23:00", ["08 07:00", "09 06:30"]),
        # 02:30 is shown twice on the 25th: it comes at the first.
        ("30 2 * * *", BERLIN, "2026-10-24T00:00", "2026-10-26T23:00", ["24 00:30", "25 00:30", "26 01:30"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", "2026-11-02T23:00", ["01 05:30", "02 06:30"]),
        ("*/30 2 * * *", BERLIN, "2026-03-29T00:00", "2026-03-29T05:00", ["29 01:00"]),
    ],
)
def test_it_comes_when_the_clock_shows_it(
    cron: str, zone: str, first: str, last: str, expected: list[str]
) -> None:
    assert all_between(cron, zone, first, last) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-10-25T00:29:59", "2026-10-24T00:30"),
        ("2026-10-25T00:30", "2026-10-25T00:30"),
        # The clock shows 02:10 for the second time, and 02:30 was there before.
        ("2026-10-25T01:10", "2026-10-25T00:30"),
        ("2026-10-25T01:30", "2026-10-25T00:30"),
        ("2026-10-25T02:00", "2026-10-25T00:30"),
    ],
)
def test_the_last_time_is_found_while_an_hour_is_shown_again(moment: str, expected: str) -> None:
    assert find_last("30 2 * * *", ZoneInfo(BERLIN), at=at(moment)) == at(expected)


@given(cron=st.sampled_from(EXPRESSIONS), zone=st.sampled_from([BERLIN, NEW_YORK, "UTC"]), moment=moments)
def test_last_and_next_are_neighbors(cron: str, zone: str, moment: datetime) -> None:
    clock = ZoneInfo(zone)

    last, following = find_last(cron, clock, at=moment), find_next(cron, clock, after=moment)

    assert last is not None
    assert following is not None
    assert last <= moment < following
    assert find_next(cron, clock, after=last) == following
    assert find_last(cron, clock, at=following) == following
    assert find_last(cron, clock, at=following - timedelta(microseconds=1)) == last


@given(
    zone=st.sampled_from([BERLIN, NEW_YORK]),
    day=st.dates(date(2024, 1, 1), date(2030, 1, 1)),
)
def test_each_day_has_one_start_of_a_daily_time(zone: str, day: date) -> None:
    moment = at(f"{day}T12:00")

    starts = [moment]
    for _ in range(4):
        starts.append(find_next("30 2 * * *", ZoneInfo(zone), after=starts[-1]) or moment)

    gaps = [after - before for before, after in pairwise(starts[1:])]
    assert all(timedelta(hours=23) <= gap <= timedelta(hours=25) for gap in gaps)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        "0 17 * *",
        "0 0 17 * * fri",
        "61 * * * *",
        "0 17 * * fryday",
        "0 0 30 2 *",
        "0 0 */25 * mon#2",
        "@daily",
        "*/0 * * * *",
        "٣ * * * *",
    ],
)
def test_what_never_comes_or_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r'as in "0 17 \* \* fri"'):
        check_cron(text)


@given(st.text(alphabet="0123456789*/,-#L W frimon", max_size=30))
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        taken = check_cron(text)
    except ValueError:
        return
    assert find_next(taken, ZoneInfo("UTC"), after=at("2026-01-01T00:00")) is not None
