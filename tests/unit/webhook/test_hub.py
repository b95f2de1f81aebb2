"""One thread tells all open pages: each what it may see, once, and not too often."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from release.events import Event, EventKind, Heard
from release.problems import NotDurable
from release.records import LogLine
from webhook.hub import BEAT, CALM, Hub, Listener
from webhook.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
PATIENCE = 10


@dataclass
class FakeEvents:
    """What a test lets happen, as Redis would answer: at once, or after a moment without anything."""

    events: list[Event] = field(default_factory=list)
    lines: dict[str, list[LogLine]] = field(default_factory=dict)
    is_away: bool = False
    is_broken: bool = False
    asked: int = 0
    logs: list[Mapping[str, str]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def happen(self, *apps: str) -> None:
        with self.news:
            for app in apps:
                number = len(self.events) + 1
                self.events.append(Event(f"{number}-0", EventKind.JOB, app, "", AT, {}))
            self.news.notify_all()

    def say(self, release_id: str, *texts: str) -> None:
        with self.news:
            log = self.lines.setdefault(release_id, [])
            for text in texts:
                log.append(LogLine(f"{len(log) + 1}-0", AT, "deploy", text, len(log) + 1))
            self.news.notify_all()

    def last_id(self) -> str:
        self._check()
        return self.events[-1].id if self.events else "0-0"

    def touched(self) -> dict[str, int]:
        raise AssertionError

    def listen(self, *, after: str, logs: Mapping[str, str], wait: float) -> Heard:
        with self.news:
            self.asked += 1
            self.logs.append(dict(logs))
            self._check()
            if not self._find(after, logs):
                self.news.wait(min(wait, 0.05))
            return self._find(after, logs) or Heard()

    def _find(self, after: str, logs: Mapping[str, str]) -> Heard | None:
        def is_new(one: str, other: str) -> bool:
            return int(one.partition("-")[0]) > int(other.partition("-")[0])

        events = tuple(event for event in self.events if is_new(event.id, after))
        lines = {
            release: tuple(line for line in self.lines.get(release, ()) if is_new(line.id, last))
            for release, last in logs.items()
        }
        return Heard(events, lines) if events or any(lines.values()) else None

    def _check(self) -> None:
        if self.is_broken:
            message = "a mistake of ours"
            raise RuntimeError(message)
        if self.is_away:
            message = "Redis did not answer"
            raise NotDurable(message)


class House:
    """A hub, and pages that remember what they were told."""

    def __init__(self) -> None:
        self.events = FakeEvents()
        self.late = 0.0
        self.hub = Hub(self.events, clock=lambda: time.monotonic() + self.late, most=3)
        self.told: dict[Listener, bytearray] = {}

    def open(
        self, *apps: str, release: str = "", after: str = "0", may: Callable[[], bool] = lambda: True
    ) -> Listener:
        listener = Listener(frozenset(apps), may, release, after)
        assert self.hub.join(listener)
        self.told[listener] = bytearray()
        return listener

    def text(self, listener: Listener) -> str:
        self.told[listener] += listener.stream.take()
        return self.told[listener].decode()

    def changes(self, listener: Listener) -> int:
        return self.text(listener).count("event: changed")

    def wait(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)

    def wait_to_be_asked(self) -> None:
        """Until what happened before was told."""
        asked = self.events.asked
        self.wait(lambda: self.events.asked > asked + 2)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.events.is_broken = made.events.is_away = False
    for listener in made.told:
        listener.stream.end()
    made.wait(lambda: made.hub._thread is None)


def test_a_page_hears_at_once_that_it_may_be_behind_and_then_of_its_own_apps(house: House) -> None:
    shop, forum = house.open("shop"), house.open("forum")
    house.wait(lambda: house.changes(shop) == house.changes(forum) == 1)
    house.late += CALM

    house.events.happen("shop", "blog")

    house.wait(lambda: house.changes(shop) == 2)
    house.wait_to_be_asked()
    assert house.changes(forum) == 1


def test_many_events_are_few_notices(house: House) -> None:
    shop = house.open("shop")
    house.wait(lambda: house.changes(shop) == 1)
    for _ in range(50):
        house.events.happen("shop")
    house.wait(lambda: house.changes(shop) == 2)
    house.wait_to_be_asked()

    assert house.changes(shop) <= 3


def test_what_happened_before_the_first_page_came_is_not_told(house: House) -> None:
    house.events.happen(*["shop"] * 20)
    shop = house.open("shop")
    house.wait(lambda: house.changes(shop) == 1)
    house.late += CALM
    house.wait_to_be_asked()
    assert house.changes(shop) == 1


def test_lines_come_to_the_pages_of_their_release_each_once(house: House) -> None:
    house.events.say("r1", "one", "two")
    first = house.open("shop", release="r1", after="1-0")
    house.wait(lambda: "two" in house.text(first))
    second, other = house.open("shop", release="r1"), house.open("shop", release="r2")
    house.wait(lambda: "two" in house.text(second))
    house.events.say("r1", "three")
    house.wait(lambda: "three" in house.text(first) and "three" in house.text(second))

    assert [house.text(first).count(f">{text}<") for text in ("one", "two", "three")] == [0, 1, 1]
    assert [house.text(second).count(f">{text}<") for text in ("one", "two", "three")] == [1, 1, 1]
    assert "id: 3-0\nevent: lines\n" in house.text(first)
    assert "event: lines" not in house.text(other)
    assert {"r1": "3-0", "r2": "0"} in house.events.logs


def test_after_an_outage_of_redis_pages_hear_that_they_may_be_behind(house: House) -> None:
    shop = house.open("shop")
    house.wait(lambda: house.changes(shop) == 1)
    house.events.is_away = True
    asked = house.events.asked
    house.wait(lambda: house.events.asked > asked)
    house.late += BEAT
    house.wait(lambda: "event: beat" in house.text(shop))
    assert house.changes(shop) == 1
    house.events.is_away = False

    house.wait(lambda: house.changes(shop) == 2)


def test_who_may_see_it_no_more_is_told_no_more(house: House) -> None:
    answers = [True]

    def may() -> bool:
        if not answers:
            message = "Redis did not answer"
            raise NotDurable(message)
        return answers[0]

    leaver, other = house.open("shop", may=may), house.open("shop")
    house.late += BEAT
    house.wait(lambda: "event: beat" in house.text(leaver))
    answers.clear()
    house.late += BEAT
    house.wait(lambda: house.text(leaver).count("event: beat") == 2)
    answers.append(False)
    house.late += BEAT

    house.wait(lambda: leaver.stream.is_over)
    assert not other.stream.is_over


def test_there_is_room_for_so_many_and_who_goes_makes_room(house: House) -> None:
    first, *_ = [house.open("shop") for _ in range(3)]
    assert not house.hub.join(Listener(frozenset(), lambda: True))

    first.stream.end()
    house.wait(lambda: house.hub.join(Listener(frozenset(), lambda: True, stream=_ended())))


def test_without_pages_nobody_asks_redis(house: House) -> None:
    house.open("shop").stream.end()
    house.wait(lambda: house.hub._thread is None)
    asked = house.events.asked
    again = house.open("shop")
    house.wait(lambda: house.changes(again) == 1)
    assert house.events.asked > asked


def test_while_redis_is_away_the_first_page_is_refused(house: House) -> None:
    house.events.is_away = True
    with pytest.raises(NotDurable):
        house.hub.join(Listener(frozenset({"shop"}), lambda: True))
    house.events.is_away = False
    house.open("shop")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_after_a_mistake_of_ours_no_page_waits_in_vain(house: House) -> None:
    shop = house.open("shop")
    house.wait(lambda: house.changes(shop) == 1)
    house.events.is_broken = True

    house.wait(lambda: shop.stream.is_over)
    house.events.is_broken = False
    again = house.open("shop")
    house.wait(lambda: house.changes(again) == 1)


def _ended() -> Stream:
    stream = Stream()
    stream.end()
    return stream
