"""When a release is compared with what is live. What is found is in ``tests/integration``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import fakeredis
import pytest

from release.difference import Base, Difference
from release.jobs import NewRelease
from release.loading import parse_config
from release.model import Actor, Color, State
from release.observation import ColorObservation, Observation
from release.problems import NotDurable
from release.queue import Queue
from release.store import Store
from worker.differ import REST, TRIED_AGAIN, Differ

if TYPE_CHECKING:
    from release.model import Release

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANNA = Actor("person", "anna")
APP = """
    repository: https://git.example.com/acme/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
"""
LIVE = Base("R0", "v1-green", Color.GREEN, "a" * 40)


class Counting(fakeredis.FakeRedis):
    """Counts what is asked of Redis."""

    asked: list[str]

    def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- as redis-py has it
        self.asked = [*getattr(self, "asked", []), str(arguments[0])]
        return super().execute_command(*arguments, **options)


class House:
    """Apps called ``shop`` and ``post``, each with R0 live and R1 ready; a differ over them."""

    def __init__(self) -> None:
        self.server = fakeredis.FakeServer()
        self.redis = Counting(server=self.server, decode_responses=True)
        self.store, self.queue = Store(self.redis), Queue(self.redis)
        self.now = NOW
        self.found: list[tuple[str, Base | None]] = []
        self.is_final, self.trouble = True, ""
        config = parse_config(f"apps:\n  shop:{APP}  post:{APP}", name="verdigris.yml")
        self.differ = Differ(config, self.store, self.find, lambda: self.now)

    def find(self, release: Release, base: Base | None) -> Difference:
        if self.trouble == release.app:
            raise RuntimeError(release.app)
        self.found.append((release.id, base))
        return Difference(
            base, release.commit, self.now, gaps=() if self.is_final else ("away",), is_final=self.is_final
        )

    def bring(
        self, app: str = "shop", *, name: str = "R1", state: State = State.READY, commit: str = "b" * 40
    ) -> None:
        new = NewRelease(name, app, "v2-blue", Color.BLUE, commit, ANNA, "", state=state)
        self.queue.recover([new])

    def observe(self, app: str = "shop", **changes: Any) -> None:  # noqa: ANN401 -- any field
        green = ColorObservation(Color.GREEN, exists=True, release="R0", tag="v1-green", commit="a" * 40)
        blue = ColorObservation(Color.BLUE, exists=True, release="R1")
        self.store.observe(replace(Observation(app, self.now, Color.GREEN, blue, green), **changes))


@pytest.fixture
def house() -> House:
    return House()


def test_what_is_ready_is_compared_once(house: House) -> None:
    house.bring()
    house.observe()

    for _ in range(3):
        house.differ.look()

    assert house.found == [("R1", LIVE)]
    kept = house.store.differences.find("R1")
    assert kept
    assert kept.base == LIVE


def test_while_nothing_happens_redis_is_asked_one_question(house: House) -> None:
    house.bring()
    house.observe()
    house.differ.look()
    house.differ.look()
    house.redis.asked = []

    house.differ.look()

    assert house.redis.asked == ["HGETALL"]


def test_another_live_release_is_another_comparison(house: House) -> None:
    house.bring(state=State.ROLLED_BACK)
    house.observe()
    house.differ.look()
    newer = ColorObservation(Color.GREEN, exists=True, release="R9", tag="v9-green", commit="c" * 40)
    house.observe(green=newer)

    house.differ.look()

    assert house.found == [("R1", LIVE), ("R1", Base("R9", "v9-green", Color.GREEN, "c" * 40))]


@pytest.mark.parametrize(
    "case",
    [
        {"state": State.LIVE},
        {"state": State.STANDBY},
        {"commit": ""},
        {"name": "R0"},
    ],
    ids=lambda case: next(iter(case)),
)
def test_what_nobody_would_promote_is_not_compared(house: House, case: dict[str, Any]) -> None:
    house.bring(**case)
    house.observe()

    house.differ.look()

    assert house.found == []


def test_nothing_is_compared_with_a_cluster_that_is_not_understood(house: House) -> None:
    house.bring()
    house.differ.look()
    house.observe(problem="the route is odd")
    house.differ.look()
    assert house.found == []

    house.observe()
    house.differ.look()

    assert house.found == [("R1", LIVE)]


def test_what_could_not_be_found_out_is_tried_again_after_a_while(house: House) -> None:
    house.is_final = False
    house.bring()
    house.observe()
    house.differ.look()
    house.now += REST
    house.differ.look()
    assert len(house.found) == 1

    house.is_final = True
    house.now += TRIED_AGAIN
    house.differ.look()
    house.now += timedelta(hours=1)
    house.differ.look()

    assert len(house.found) == 2


def test_an_app_that_makes_trouble_leaves_the_others_their_turn(house: House) -> None:
    for app, name in (("shop", "R1"), ("post", "R2")):
        house.bring(app, name=name)
        house.observe(app)
    house.trouble = "shop"

    with pytest.raises(RuntimeError):
        house.differ.look()
    house.differ.look()
    assert [name for name, _ in house.found] == ["R2"]

    house.trouble = ""
    house.now += REST
    house.differ.look()
    assert [name for name, _ in house.found] == ["R2", "R1"]


def test_without_redis_it_says_so(house: House) -> None:
    house.server.connected = False

    with pytest.raises(NotDurable):
        house.differ.look()
