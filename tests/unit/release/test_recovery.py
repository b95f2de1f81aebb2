"""What is known of releases from the cluster alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.model import VERDIGRIS, Color, ColorObservation, Observation, State
from release.recovery import REASON, find_replaced, find_running, keep_last_known

if TYPE_CHECKING:
    from release.queue import Queue
    from release.store import Store
    from tests.unit.release.desk import Desk

OLD, NEW = "01JD0000000000000000000001", "01JD0000000000000000000002"


def color(
    of: Color, release: str | None, *, passed: bool = True, tag: str | None = "v1-x"
) -> ColorObservation:
    return ColorObservation(of, exists=True, release=release, tag=tag, commit="decade", passed=passed)


def observation(
    blue: ColorObservation | None = None,
    green: ColorObservation | None = None,
    *,
    live: Color | None = None,
    live_release: str | None = None,
    previous: str | None = None,
) -> Observation:
    return Observation(
        app="shop",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        live=live,
        blue=blue or ColorObservation(Color.BLUE, exists=False),
        green=green or ColorObservation(Color.GREEN, exists=False),
        live_release=live_release,
        previous_release=previous,
    )


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(observation(), {}, id="nothing runs"),
        pytest.param(observation(color(Color.BLUE, OLD)), {OLD: State.READY}, id="tested, never promoted"),
        pytest.param(
            observation(color(Color.BLUE, OLD, passed=False)),
            {OLD: State.FAILED},
            id="tests were not finished",
        ),
        pytest.param(
            observation(
                color(Color.BLUE, NEW),
                color(Color.GREEN, OLD),
                live=Color.BLUE,
                live_release=NEW,
                previous=OLD,
            ),
            {OLD: State.STANDBY, NEW: State.LIVE},
            id="after a promote",
        ),
        pytest.param(
            observation(
                color(Color.BLUE, NEW),
                color(Color.GREEN, OLD),
                live=Color.GREEN,
                live_release=OLD,
                previous=NEW,
            ),
            {OLD: State.LIVE, NEW: State.ROLLED_BACK},
            id="after a rollback",
        ),
        pytest.param(
            observation(color(Color.BLUE, NEW), color(Color.GREEN, OLD), live=Color.GREEN, live_release=OLD),
            {OLD: State.LIVE, NEW: State.READY},
            id="one ready beside the live one",
        ),
        pytest.param(observation(color(Color.BLUE, None)), {}, id="not put there by Verdigris"),
        pytest.param(observation(color(Color.BLUE, OLD, tag=None)), {}, id="no tag written on it"),
    ],
)
def test_each_release_that_runs_is_where_the_cluster_shows_it(
    seen: Observation, expected: dict[str, State]
) -> None:
    assert {release.id: release.state for release in find_running(seen)} == expected


def test_what_was_lost_is_recorded_once_oldest_first_and_can_be_acted_on(store: Store, queue: Queue) -> None:
    seen = observation(
        color(Color.BLUE, NEW), color(Color.GREEN, OLD), live=Color.BLUE, live_release=NEW, previous=OLD
    )

    assert queue.recover(find_running(seen)) == [OLD, NEW]
    assert queue.recover(find_running(seen)) == []

    assert [release.id for release in store.releases("shop")] == [NEW, OLD]
    assert {one.id: one.state for one in store.releases_on_a_color("shop")} == {
        OLD: State.STANDBY,
        NEW: State.LIVE,
    }
    (change,) = store.changes(NEW)
    assert (change.source, change.target, change.actor, change.reason) == (
        None,
        State.LIVE,
        VERDIGRIS,
        REASON,
    )
    release = store.find_release(NEW)
    assert release is not None
    assert (release.commit, release.tag) == ("decade", "v1-x")


def test_a_failed_one_is_recorded_but_is_on_no_color(store: Store, queue: Queue) -> None:
    queue.recover(find_running(observation(color(Color.BLUE, OLD, passed=False))))

    assert store.releases_on_a_color("shop") == []
    found = store.find_release(OLD)
    assert found is not None
    assert found.state is State.FAILED


def test_a_ready_release_that_its_color_no_longer_runs_can_t_be_promoted_any_more(desk: Desk) -> None:
    ready = desk.deploy("v2.0-blue")
    release = desk.release(ready)
    later = release.updated_at + timedelta(seconds=1)
    runs = replace(observation(color(Color.BLUE, release.id)), at=later)
    gone = replace(observation(), at=later)

    # what still runs, or was seen before, or could not be seen, says nothing
    assert find_replaced(runs, [release]) == []
    assert find_replaced(replace(gone, at=release.updated_at), [release]) == []
    assert find_replaced(replace(gone, problem="the API can't be reached"), [release]) == []

    desk.queue.settle(find_replaced(gone, [release]))

    found = desk.release(ready)
    assert found.state is State.SUPERSEDED
    assert "blue does not run it any more" in found.reason
    assert desk.store.releases_on_a_color("shop") == []


def test_what_is_on_standby_is_left_to_the_rollback_to_refuse(desk: Desk) -> None:
    ready = desk.deploy("v2.0-blue")
    desk.promote(ready)
    release = desk.release(ready)

    assert find_replaced(replace(observation(), at=release.updated_at + timedelta(hours=1)), [release]) == []


def test_a_cluster_that_can_t_be_read_leaves_the_last_picture_with_its_age_and_the_trouble() -> None:
    known = observation(color(Color.BLUE, OLD), live=Color.BLUE, live_release=OLD)
    unread = replace(observation(), at=known.at + timedelta(minutes=1), problem="no answer in time")
    odd = replace(observation(color(Color.BLUE, OLD)), problem="two weighted destinations")

    assert keep_last_known(known, unread) == replace(known, problem="no answer in time")
    assert keep_last_known(None, unread) == unread
    assert keep_last_known(known, odd) == odd
    assert keep_last_known(known, observation()) == observation()
