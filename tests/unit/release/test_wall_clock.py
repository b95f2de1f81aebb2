"""What a time on the clock stands for where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.wall_clock import check_zone, moment_at, wall_at

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "UTC"]

walls = st.datetimes(datetime(2011, 1, 1), datetime(2040, 1, 1))  # noqa: DTZ001 -- on the clock of a zone
zones = st.sampled_from(ZONES).map(ZoneInfo)


@pytest.mark.parametrize(
    ("zone", "wall", "first", "last"),
    [
        ("Europe/Berlin", "2026-07-01T12:00", "2026-07-01T10:00", "2026-07-01T10:00"),
        # Clocks go from 02:00 to 03:00.
        ("Europe/Berlin", "2026-03-29T01:59", "2026-03-29T00:59", "2026-03-29T00:59"),
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T02:30:30", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00", "2026-03-08T07:00"),
        # Clocks go from 03:00 back to 02:00.
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00", "2026-10-25T02:00"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30", "2026-11-01T06:30"),
        # There was no 30 December.
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00", "2011-12-30T10:00"),
    ],
)
def test_a_time_on_the_clock_is_a_moment(zone: str, wall: str, first: str, last: str) -> None:
    shown = datetime.fromisoformat(wall)

    assert moment_at(shown, ZoneInfo(zone)) == datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert moment_at(shown, ZoneInfo(zone), is_last=True) == datetime.fromisoformat(last).replace(tzinfo=UTC)


@given(wall=walls, minutes=st.integers(0, 3_000), zone=zones)
def test_a_later_time_is_never_an_earlier_moment(wall: datetime, minutes: int, zone: ZoneInfo) -> None:
    assert moment_at(wall + timedelta(minutes=minutes), zone) >= moment_at(wall, zone)


@given(wall=walls, zone=zones)
def test_the_clock_shows_the_time_at_its_moment_unless_it_skips_it(wall: datetime, zone: ZoneInfo) -> None:
    moment = moment_at(wall, zone)

    before = wall_at(moment - timedelta(microseconds=1), zone)
    assert wall_at(moment, zone) == wall or before < wall < wall_at(moment, zone)


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Etc/GMT+5"])
def test_a_zone_that_the_machine_knows_is_taken(name: str) -> None:
    assert check_zone(name) == name


@pytest.mark.parametrize(
    "name", ["Berlin", "", "Europe", "../etc/passwd", "/etc/localtime", "x\0y", "x" * 300]
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"no such time zone on this machine.*Europe/Berlin"):
        check_zone(name)
