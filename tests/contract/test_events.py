"""What happens is an event in the same moment: releases, jobs, stages, votes, what workers see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.events import BEGINNING, EventKind, Events
from release.model import Actor, Color, StageState, State
from release.observation import ColorObservation, Observation
from release.others import Interference
from release.problems import NotDurable
from release.records import Move
from release.tag_watch import Comparison
from tests.contract.queue_line import ANNA, new_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.events import Event
    from tests.contract.queue_line import Line

BEN = Actor("person", "ben")
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def events(line: Line, kind: EventKind | None = None) -> list[Event]:
    return [one for one in line.store.events.read(after=BEGINNING) if kind in {None, one.kind}]


def seen(**more: object) -> Observation:
    blue = ColorObservation(Color.BLUE, exists=True, release="r1", replicas=2, available=2)
    green = ColorObservation(Color.GREEN, exists=False)
    return replace(Observation("shop", NOW, Color.BLUE, blue, green), **more)  # type: ignore[arg-type]  # by name


def test_a_job_is_heard_of_when_it_is_accepted_offered_and_over(line: Line) -> None:
    line.accept("a", "b")
    line.finish("a")

    told = [(one.data["job"], one.data["state"]) for one in events(line, EventKind.JOB)]

    assert told == [("a", "waiting"), ("a", "offered"), ("b", "waiting"), ("a", "done"), ("b", "offered")]


def test_each_stage_is_heard_of_when_it_begins_and_ends(line: Line) -> None:
    line.accept("a")
    line.claim("a")
    line.end("a")
    line.claim("a")
    line.end("a", StageState.FAILED)

    found = events(line, EventKind.STAGE)

    told = [(one.data["stage"], one.data["state"]) for one in found]
    assert told == [("sanity", "running"), ("sanity", "passed"), ("deploy", "running"), ("deploy", "failed")]
    assert {(one.app, one.release_id, one.data["tag"]) for one in found} == {("shop", "r-a", "va-blue")}


def test_steps_of_a_release_say_from_where_and_by_whom(line: Line) -> None:
    line.accept("a")
    line.claim("a", moves=(Move("r-a", frozenset({State.QUEUED}), State.RUNNING, ANNA, "its turn"),))

    first, second = events(line, EventKind.RELEASE)

    assert (first.data.get("from"), first.data["to"]) == (None, "queued")
    told = [second.data[name] for name in ("from", "to", "tag", "actor", "reason")]
    assert told == ["queued", "running", "va-blue", "person:anna", "its turn"]
    assert second.at - first.at < timedelta(minutes=1)


def test_what_is_read_after_an_event_comes_after_it(line: Line) -> None:
    assert line.store.events.last_id() == BEGINNING
    line.accept("a")
    newest = line.store.events.last_id()

    assert line.store.events.read(after=newest) == []
    assert line.store.events.read(after=newest, wait=0.01) == []
    line.accept("b")

    assert {one.release_id for one in line.store.events.read(after=newest, wait=5)} == {"r-b"}


def test_each_event_of_an_app_changes_its_number(line: Line) -> None:
    assert line.store.events.touched() == {}
    line.queue.accept(new_job("a"))
    line.queue.accept(new_job("b", app="blog"))
    before = line.store.events.touched()
    line.claim("a")
    after = line.store.events.touched()

    assert after["shop"] > before["shop"]
    assert after["blog"] == before["blog"]


def test_an_observation_is_an_event_only_where_it_says_something_new(line: Line) -> None:
    for later in range(3):
        line.store.observe(seen(at=NOW + timedelta(seconds=later)))
    line.store.observe(seen(live=Color.GREEN))

    assert [one.kind for one in events(line)] == [EventKind.OBSERVED, EventKind.OBSERVED]


def test_a_switch_and_what_shows_it_are_one_and_nothing_without_the_turn(line: Line) -> None:
    line.accept("a")
    line.store.observe(seen())
    fence = line.claim("a").fence
    begun = [Move("r-a", frozenset({State.QUEUED}), State.RUNNING, ANNA, "")]
    moved = seen(live=Color.GREEN)

    assert not line.queue.move("a", fence=fence + 1, moves=begun, seen=moved)
    assert line.store.observation("shop") == seen()
    assert line.queue.move("a", fence=fence, moves=begun, seen=moved)
    assert line.store.observation("shop") == moved
    assert [one.kind for one in events(line)][-2:] == [EventKind.RELEASE, EventKind.OBSERVED]


def test_what_somebody_undid_is_told_once_for_each_mark(line: Line) -> None:
    undone = Interference("moved:1", "Argo CD moved users", "they get v1", "exclude the route", NOW)
    line.store.observe(seen())
    line.store.observe(seen(interference=undone))
    line.store.observe(seen(interference=replace(undone, times=2)))
    line.store.observe(seen())

    (told,) = events(line, EventKind.INTERFERENCE)

    assert (told.app, told.data["what"], told.data["next_step"]) == (
        "shop", "Argo CD moved users", "exclude the route"
    )  # fmt: skip


def test_a_vote_and_a_stopped_countdown_are_heard_of(line: Line) -> None:
    line.accept("a")
    release = line.store.find_release("r-a")
    assert release

    line.store.consent.approve(release, actor=BEN, comment="looks good", pushers=(), people={})
    line.store.consent.stop(release, actor=BEN, reason="not before noon")

    told = [
        (one.data["decision"], one.data["actor"], one.data["comment"]) for one in events(line, EventKind.VOTE)
    ]
    assert told == [
        ("approve", "person:ben", "looks good"), ("stop-countdown", "person:ben", "not before noon")
    ]  # fmt: skip


def test_a_job_that_waits_too_long_for_a_worker_is_told_once(line: Line) -> None:
    line.accept("a")
    for _ in range(2):
        line.queue.tell_of_job("a", mark="stuck", text="no worker for 60 s", event=EventKind.STUCK)

    (told,) = events(line, EventKind.STUCK)

    assert (told.release_id, told.data["job"], told.data["text"]) == ("r-a", "a", "no worker for 60 s")


@pytest.mark.parametrize(
    "ask",
    [
        Events.last_id,
        Events.touched,
        partial(Events.read, after=BEGINNING),
        partial(Events.read, after=BEGINNING, wait=1),
    ],
)
def test_nobody_hears_anything_without_redis(ask: Callable[[Events], object]) -> None:
    server = fakeredis.FakeServer()
    events = Events(fakeredis.FakeRedis(server=server, decode_responses=True))
    server.connected = False

    with pytest.raises(NotDurable, match="Redis did not answer"):
        ask(events)


def test_only_apps_that_nobody_has_seen_for_a_while_are_told(line: Line) -> None:
    line.store.observe(seen())
    line.store.observe(replace(seen(at=NOW + timedelta(seconds=20)), app="forum"))

    assert line.store.last_seen_before(NOW) == {}
    assert line.store.last_seen_before(NOW + timedelta(seconds=20)) == {"shop": NOW}
    assert set(line.store.last_seen_before(NOW + timedelta(seconds=21))) == {"shop", "forum"}


def test_a_comparison_of_tags_is_heard_of(line: Line) -> None:
    line.store.tags.keep("shop", Comparison("fingerprint", NOW))

    assert [(one.kind, one.app, one.at) for one in events(line)] == [(EventKind.OBSERVED, "shop", NOW)]
    assert line.store.events.touched() == {"shop": 1}
