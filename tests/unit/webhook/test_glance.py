from __future__ import annotations

from datetime import datetime, timedelta

import fakeredis
import pytest
from markupsafe import Markup

from release.attention import FRESH
from release.config import Config
from release.model import Color, JobKind, JobState, Observation, StartWhen, State
from release.queue import Queue, Timing
from release.requests import Requests
from release.store import Store
from tests.e2e.scene import NoCelery
from tests.unit.webhook.fakes import (
    NOW,
    OCTOCAT,
    FakeStore,
    make_app,
    make_job,
    make_observation,
    make_release,
)
from tests.unit.webhook.test_remembered import FakeStream
from webhook.glance import (
    LONGEST_TEXT,
    AppGlance,
    Glance,
    Row,
    find_next_age,
    glance_at,
    shorten,
    tell_doing,
    tell_rough_age,
)
from webhook.remembered import Numbers


class TestWords:
    def test_a_color_is_told_with_its_role_tag_and_since_when(self) -> None:
        live = make_release("R0", tag="v1.0-green", color=Color.GREEN, state=State.LIVE)
        seen = glance_at(Color.GREEN, make_observation(), [live])
        assert (seen.role, seen.tag, seen.since, seen.is_low) == (
            "live",
            "v1.0-green",
            live.updated_at,
            False,
        )
        assert glance_at(Color.BLUE, make_observation(), [live]).role == "test"
        assert glance_at(Color.BLUE, make_observation(test_route=None), [live]).role == "idle"
        assert glance_at(Color.BLUE, None, []).role == "unknown"

    def test_a_row_has_the_beginning_of_what_is_wrong(self) -> None:
        assert shorten("two defaults") == "two defaults"
        assert len(shorten("x" * 300)) == LONGEST_TEXT

    @pytest.mark.parametrize(
        ("place", "given", "words"),
        [
            (0, {"passed": 1}, "deploy runs"),
            (0, {"state": JobState.OFFERED}, "waiting for a worker"),
            (2, {"state": JobState.WAITING}, "waiting for its turn, 2 ahead"),
            (0, {"state": JobState.WAITING}, "waiting for its turn"),
            (1, {"state": JobState.WAITING, "start_by": NOW}, "waits for CI"),
            (1, {"state": JobState.WAITING, "held_until": NOW}, "held until 12:00 UTC"),
        ],
    )
    def test_a_job_is_told_with_what_it_waits_for(
        self, place: int, given: dict[str, object], words: str
    ) -> None:
        release = make_release(start_when=StartWhen.CI_PASSED)
        assert tell_doing(place, make_job(**given), release) == f"deploy v2.0-blue: {words}"  # type: ignore[arg-type]

    @pytest.mark.parametrize("seconds", [-5, 0, 59, 60, 61, 3599, 3600, 7300, 86_399, 86_400, 300_000])
    def test_words_of_an_age_hold_as_long_as_is_said(self, seconds: int) -> None:
        then = NOW - timedelta(seconds=seconds)
        until = find_next_age(then, NOW)

        def words(at: datetime) -> str:
            return tell_rough_age((at - then).total_seconds())

        assert words(until - timedelta(milliseconds=1)) == words(NOW)
        assert words(until) != words(NOW)


class Counted(fakeredis.FakeRedis):
    """Counts its round trips."""

    trips = 0

    def execute_command(self, *args: object, **options: object) -> object:
        self.trips += 1
        return super().execute_command(*args, **options)

    def pipeline(self, *args: object, **options: object) -> object:
        self.trips += 1
        return super().pipeline(*args, **options)


class House:
    """``apps`` over a real store, of which the last two share a queue; its clock moves by hand."""

    def __init__(self, apps: int, **more: object) -> None:
        self.client = Counted(server=fakeredis.FakeServer(), decode_responses=True)
        without = {key: value for key, value in make_app("acme/app").items() if key != "webhook"}
        configured: dict[str, object] = {f"app-{number:03}": {**without, **more} for number in range(apps)}
        for name in list(configured)[-2:]:
            configured[name] = {**without, **more, "queue": "shared"}
        self.config = Config.model_validate({"apps": configured})
        self.store, self.queue = Store(self.client), Queue(self.client, Timing())
        self.requests = Requests(self.config, self.store, self.queue, NoCelery())
        self.now = datetime.now(NOW.tzinfo)
        self.made: list[str] = []
        numbers = Numbers(self.config, self.store.events)
        self.glance = Glance(self.config, self.store, numbers, clock=lambda: self.now, render=self._render)
        self.see()

    def _render(self, view: AppGlance) -> Markup:
        self.made.append(view.name)
        return Markup("<li>{}</li>").format(view.name)

    def see(self) -> None:
        """A worker looks at every app."""
        for app in self.config.apps:
            seen = make_observation(app=app, at=self.now, live=Color.GREEN)
            self.store.observe(seen)

    def look(self) -> list[Row]:
        view = self.glance.look(tuple(self.config.apps))
        return [*view.alarming, *view.others]

    def cost(self) -> tuple[int, list[str]]:
        """Round trips and rows that one look takes."""
        self.client.trips = 0
        self.made.clear()
        self.look()
        return self.client.trips, [*self.made]


class TestWhatIsRemembered:
    @pytest.mark.parametrize("apps", [2, 50])
    def test_where_nothing_happened_a_look_takes_two_round_trips_whatever_the_number_of_apps(
        self, apps: int
    ) -> None:
        house = House(apps)
        assert len(house.look()) == apps
        house.see()  # nothing new but the time

        assert house.cost() == (2, [])

    def test_what_happened_to_an_app_costs_its_own_row_and_those_beside_it_in_its_queue(self) -> None:
        house = House(20)
        house.look()

        house.requests.deploy("app-000", "v1.0-blue", actor=OCTOCAT)
        assert house.cost()[1] == ["app-000"]
        house.requests.deploy("app-018", "v1.0-blue", actor=OCTOCAT)
        assert house.cost()[1] == ["app-018", "app-019"]

    def test_an_app_that_nobody_looks_at_any_more_is_told_without_being_read(self) -> None:
        house = House(3)
        house.look()
        house.now += timedelta(seconds=31)

        trips, made = house.cost()

        assert (trips, made) == (2, ["app-000", "app-001", "app-002"])
        assert all(row.needs_attention for row in house.look())
        house.see()
        assert house.cost() == (2, ["app-000", "app-001", "app-002"])
        assert not any(row.needs_attention for row in house.look())

    def test_a_freeze_shows_when_it_begins_and_goes_when_it_ends(self) -> None:
        begin = datetime.now(NOW.tzinfo).replace(microsecond=0) + timedelta(minutes=5)
        end = begin + timedelta(minutes=5)
        house = House(1, freezes=[{"from": begin.isoformat(), "to": end.isoformat()}])
        shown: list[bool] = []
        for _ in range(4):
            house.see()
            shown.append(house.look()[0].glance.frozen_until is not None)
            house.now += timedelta(minutes=4)
        assert shown == [False, False, True, False]

    def test_a_failure_needs_attention_for_a_while_and_moves_down_by_itself(self) -> None:
        without = {key: value for key, value in make_app("acme/shop").items() if key != "webhook"}
        config = Config.model_validate({"apps": {"shop": without}})
        store, now = FakeStore(), NOW
        store.jobs = [make_job(state=JobState.FAILED, ended_at=NOW)]
        numbers = Numbers(config, FakeStream())
        glance = Glance(config, store, numbers, clock=lambda: now, render=lambda _: Markup(""))
        shown = []
        for now in (NOW, NOW + FRESH - timedelta(seconds=5), NOW + FRESH):
            store.seen["shop"] = make_observation(at=now)
            shown.append(len(glance.look(("shop",)).alarming))
        assert shown == [1, 1, 0]

    def test_rows_are_made_anew_now_and_then_and_not_all_at_once(self) -> None:
        house = House(30)
        house.look()
        begun = house.now
        counts = []
        while house.now < begun + timedelta(minutes=21):
            house.now += timedelta(seconds=20)
            house.see()
            counts.append(len(house.cost()[1]))
        assert sum(counts) >= 30
        assert max(counts) < 30

    def test_what_needs_attention_comes_first_and_a_filter_takes_names_and_tags(self) -> None:
        house = House(4)
        broken: Observation = make_observation(app="app-002", at=house.now, problem="two defaults")
        house.store.observe(broken)
        names = [row.name for row in house.look()]
        assert names == ["app-002", "app-000", "app-001", "app-003"]
        view = house.glance.look(tuple(house.config.apps))
        assert [row.name for row in view.filtered("APP-003").others] == ["app-003"]
        assert len(view.filtered("v2.0-BLUE")) == 4
        assert len(view.filtered("v7")) == 0
        assert view.alarming_html == Markup("<li>app-002</li>")

    def test_the_kind_of_a_job_without_a_release_is_told_with_its_color(self) -> None:
        job = make_job(kind=JobKind.DECOMMISSION, tag="", release_id=None)
        assert tell_doing(0, job, None) == "decommission blue: decommission runs"
