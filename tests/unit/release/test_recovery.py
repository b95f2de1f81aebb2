"""What is known of releases from the cluster alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.model import VERDIGRIS, Actor, Color, JobKind, State
from release.observation import ColorObservation, Observation, Switch
from release.others import Interference
from release.recovery import REASON, find_newest, find_replaced, find_running, keep_last_known
from tests.unit.release.desk import step

if TYPE_CHECKING:
    from release.model import Release
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
        pytest.param(
            observation(
                color(Color.BLUE, NEW),
                color(Color.GREEN, OLD),
                live=Color.GREEN,
                live_release=NEW,
                previous=OLD,
            ),
            {OLD: State.LIVE, NEW: State.ROLLED_BACK},
            id="after somebody else moved users back",
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
    release = store.find_release(OLD)
    assert release is not None
    assert release.state is State.FAILED


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

    superseded = desk.release(ready)
    assert superseded.state is State.SUPERSEDED
    assert "blue does not run it any more" in superseded.reason
    assert desk.store.releases_on_a_color("shop") == []


ROOT = Actor("direct", "root@desk")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STORY = "rolled back by direct:root@desk at 2026-01-01 12:00:00 UTC: errors"


def switched(kind: JobKind, *, by: Actor = ROOT) -> Switch:
    return Switch(kind, by, "errors", NOON)


@pytest.mark.parametrize(("kind", "state"), [("rollback", State.ROLLED_BACK), ("promote", State.STANDBY)])
def test_the_route_tells_better_than_ids_how_users_were_moved(kind: str, state: State) -> None:
    for live, previous in ((OLD, NEW), (NEW, OLD)):
        seen = observation(
            color(Color.BLUE, live),
            color(Color.GREEN, previous),
            live=Color.BLUE,
            live_release=live,
            previous=previous,
        )
        running = find_running(replace(seen, switch=switched(JobKind(kind))))
        assert {one.id: one.state for one in running} == {live: State.LIVE, previous: state}


def test_a_direct_rollback_is_recovered_with_who_and_why() -> None:
    seen = observation(
        color(Color.BLUE, NEW), color(Color.GREEN, OLD), live=Color.GREEN, live_release=OLD, previous=NEW
    )

    direct = find_running(replace(seen, switch=switched(JobKind.ROLLBACK)))
    queued = find_running(replace(seen, switch=switched(JobKind.ROLLBACK, by=Actor("person", "anna"))))

    undone = find_running(replace(seen, live=Color.BLUE, switch=switched(JobKind.ROLLBACK)))
    assert {(one.actor, one.reason) for one in undone} == {(VERDIGRIS, REASON)}, (
        "nor is it that switch's doing"
    )
    assert {(one.actor, one.reason) for one in direct} == {(ROOT, f"{STORY} ({REASON})")}
    assert {(one.actor, one.reason) for one in queued} == {(VERDIGRIS, REASON)}


def found(desk: Desk, release_id: str) -> Release:
    release = desk.store.find_release(release_id)
    assert release is not None
    return release


def two_promoted(desk: Desk) -> tuple[str, str]:
    """Green was live, blue is, as our records have it."""
    old = desk.deploy("v1.0-green")
    desk.promote(old)
    new = desk.deploy("v2.0-blue")
    desk.promote(new, step(old.release_id or "", State.STANDBY))
    return desk.release(old).id, desk.release(new).id


def moved_back(desk: Desk, old: str, new: str) -> Observation:
    """What is seen a while after users were moved back directly."""
    later = found(desk, new).updated_at + timedelta(minutes=1)
    seen = observation(
        color(Color.BLUE, new), color(Color.GREEN, old), live=Color.GREEN, live_release=old, previous=new
    )
    return replace(seen, at=later, switch=switched(JobKind.ROLLBACK))


def test_records_follow_a_direct_rollback(desk: Desk) -> None:
    old, new = two_promoted(desk)
    seen = moved_back(desk, old, new)

    desk.queue.settle(find_replaced(seen, desk.store.releases_on_a_color("shop")))

    assert (found(desk, old).state, found(desk, new).state) == (State.LIVE, State.ROLLED_BACK)
    for release in (old, new):
        change = desk.store.changes(release)[-1]
        assert (change.actor, change.reason) == (ROOT, STORY)
    assert find_replaced(seen, desk.store.releases_on_a_color("shop")) == []


def test_records_follow_only_what_is_sure(desk: Desk) -> None:
    old, new = two_promoted(desk)
    seen, releases = moved_back(desk, old, new), desk.store.releases_on_a_color("shop")
    by_us = switched(JobKind.ROLLBACK, by=Actor("person", "anna"))

    assert find_replaced(seen, releases)
    # a worker's own switch is recorded by that worker
    assert find_replaced(replace(seen, switch=by_us), releases) == []
    assert find_replaced(replace(seen, switch=None), releases) == []
    # records that changed a moment ago may be newer than what was seen
    assert find_replaced(replace(seen, at=seen.at - timedelta(seconds=57)), releases) == []
    # nobody is live, or something else runs where the route leads
    assert find_replaced(replace(seen, live=None), releases) == []
    assert find_replaced(replace(seen, green=color(Color.GREEN, "01OTHER")), releases) == []
    assert find_replaced(replace(seen, problem="no answer"), releases) == []


def test_what_went_live_unrecorded_is_recorded_when_it_was_rolled_back(desk: Desk) -> None:
    """Its worker was lost between the switch and the record of it; then somebody rolled back directly."""
    first = desk.deploy("v1.0-green")
    desk.promote(first)
    bad = desk.deploy("v2.0-blue")
    old, new = desk.release(first).id, desk.release(bad).id

    desk.queue.settle(find_replaced(moved_back(desk, old, new), desk.store.releases_on_a_color("shop")))

    assert (found(desk, old).state, found(desk, new).state) == (State.LIVE, State.ROLLED_BACK)
    assert [change.target for change in desk.store.changes(new)][-3:] == [
        State.READY,
        State.LIVE,
        State.ROLLED_BACK,
    ]


def test_a_promote_by_hand_leaves_the_other_one_on_standby(desk: Desk) -> None:
    first = desk.deploy("v1.0-green")
    desk.promote(first)
    ready = desk.deploy("v2.0-blue")
    old, new = desk.release(first).id, desk.release(ready).id
    seen = replace(
        moved_back(desk, old, new),
        live=Color.BLUE,
        live_release=new,
        previous_release=old,
        switch=Switch(JobKind.PROMOTE, Actor("direct", "kubectl"), "by hand"),
    )

    desk.queue.settle(find_replaced(seen, desk.store.releases_on_a_color("shop")))

    assert (found(desk, old).state, found(desk, new).state) == (State.STANDBY, State.LIVE)
    assert found(desk, new).reason == "promoted by direct:kubectl: by hand"


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


def test_a_switch_that_was_recorded_after_the_look_is_believed_over_it(desk: Desk) -> None:
    old, new = desk.deploy("v1.0-blue"), desk.deploy("v2.0-green")
    desk.promote(old)
    desk.promote(new)
    runs = [desk.release(old), desk.release(new)]
    seen = observation(
        color(Color.BLUE, runs[0].id),
        color(Color.GREEN, runs[1].id),
        live=Color.BLUE,
        live_release=runs[0].id,
    )

    shown = find_newest(seen, runs)

    assert shown == replace(
        seen,
        live=Color.GREEN,
        default=Color.GREEN,
        live_release=runs[1].id,
        previous_release=runs[0].id,
    )
    assert find_newest(shown, runs) is shown
    later = replace(seen, at=runs[1].updated_at)
    assert find_newest(later, runs) is later
    assert find_newest(seen, []) is seen
    assert find_newest(None, runs) is None


def test_what_others_did_is_kept_until_our_next_switch() -> None:
    found = Interference("moved", "somebody moved users", "Users get v1", "go on", NOON)
    known = replace(observation(live=Color.BLUE, live_release=OLD), interference=found)
    later = observation(live=Color.BLUE, live_release=OLD)
    away = replace(later, problem="no answer in time")

    assert keep_last_known(known, later).interference == found
    assert keep_last_known(known, away).interference == found
    assert keep_last_known(known, replace(later, live_release=NEW)).interference is None
    assert keep_last_known(known, replace(later, switch=switched(JobKind.PROMOTE))).interference is None
