from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import fakeredis
import pytest
from markupsafe import Markup

from release.approvals import Verdict
from release.attention import FRESH
from release.auto_promotion import Block, Countdown
from release.config import Config
from release.freezes import Frozen
from release.jobs import NewRelease
from release.model import Color, JobKind, JobState, StartWhen, State
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
from webhook.rules_view import tell_badge, tell_left

if TYPE_CHECKING:
    from release.observation import Observation


class TestWords:
    def test_a_color_is_told_with_its_role_tag_and_since_when(self) -> None:
        live = make_release("R0", tag="v1.0-green", color=Color.GREEN, state=State.LIVE)
        seen = glance_at(Color.GREEN, make_observation(), live)
        assert (seen.role, seen.tag, seen.since, seen.is_low) == (
            "live",
            "v1.0-green",
            live.updated_at,
            False,
        )
        assert glance_at(Color.BLUE, make_observation(), None).role == "test"
        assert glance_at(Color.BLUE, make_observation(test_route=None), None).role == "idle"
        assert glance_at(Color.BLUE, None, None).role == "unknown"

    @pytest.mark.parametrize(
        ("color", "state", "badge"),
        [
            (Color.BLUE, State.FAILED, "failed"),
            (Color.BLUE, State.RUNNING, "running"),
            (Color.BLUE, State.LIVE, ""),
            (Color.GREEN, State.STANDBY, ""),
        ],
    )
    def test_a_state_is_told_beside_the_role_unless_the_cluster_is_ahead_of_it(
        self, color: Color, state: State, badge: str
    ) -> None:
        seen = glance_at(color, make_observation(), make_release(color=color, state=state))
        assert seen.badge == badge

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


class TestBadges:
    """How the release on the test color stands, by a house whose ``app-000`` has one of each kind."""

    def house(self, state: State = State.READY, **more: object) -> House:
        house = House(3, **more)
        release = NewRelease("R1", "app-000", "v2.0-blue", Color.BLUE, "c0ffee", OCTOCAT, "", state=state)
        house.queue.recover([release])
        return house

    def badges(self, house: House) -> list[str]:
        row = next(row for row in house.look() if row.name == "app-000")
        return [one.badge for one in row.glance.colors]

    @pytest.mark.parametrize(
        ("state", "more", "badge"),
        [
            (State.READY, {}, "ready"),
            (State.FAILED, {}, "failed"),
            (State.RUNNING, {}, "running"),
            (State.READY, {"promote": {"approvals": 1}}, "waiting for approval"),
        ],
    )
    def test_it_is_told_with_its_age_whatever_it_is(
        self, state: State, more: dict[str, object], badge: str
    ) -> None:
        house = self.house(state, **more)
        assert self.badges(house) == [badge, ""]
        assert house.look()[0].glance.colors[0].since is not None

    def test_a_countdown_goes_on_by_the_minute(self) -> None:
        told = [tell_left(seconds) for seconds in (3700, 240, 239, 61, 60, 1, 0, -5)]
        assert (
            told
            == ["in 1 h 02 min", "in 4 min", "in 4 min", "in 2 min", "in 1 min", "in 1 min"]
            + ["within seconds"] * 2
        )
        now, release = NOW, make_release(updated_at=NOW)
        verdict = Verdict(is_approved=True, missing=0)
        assert tell_badge(release, verdict, Countdown(NOW + timedelta(minutes=4)), now) == (
            "promotes itself in 4 min"
        )
        stopped = Countdown(NOW, (Block.STOPPED,))
        assert tell_badge(release, verdict, stopped, now) == "ready"
        frozen = Countdown(NOW, (Block.FREEZE,), Frozen(NOW, "", is_open_end=False))
        assert tell_badge(release, verdict, frozen, now) == "promotes itself after the freeze"
        rejected = Verdict(is_approved=False, missing=0, rejected_by=OCTOCAT)
        assert tell_badge(release, rejected, None, now) == "rejected"

    def test_a_job_that_no_worker_takes_stands_before_all_others_when_its_time_is_over(self) -> None:
        house = House(3)
        house.requests.deploy("app-001", "v1.0-blue", actor=OCTOCAT)
        house.store.observe(make_observation(app="app-000", at=house.now, live=Color.GREEN, problem="two"))
        assert [row.name for row in house.look()] == ["app-000", "app-001", "app-002"]
        assert not house.look()[1].needs_attention

        house.now += timedelta(seconds=61)
        house.see()
        house.store.observe(make_observation(app="app-000", at=house.now, live=Color.GREEN, problem="two"))
        first = house.look()[0]
        assert (first.name, first.needs_attention) == ("app-001", True)
        assert first.glance.trouble.startswith("no worker takes the deploy of v1.0-blue: `verdigris worker")
