"""When tags in Git are compared, what is kept of it, and what starts by itself: only where the app polls."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import fakeredis
import pytest
import structlog

from release.loading import parse_config
from release.model import Actor
from release.problems import NotDurable, Problem
from release.queue import Queue
from release.requests import Requests
from release.store import Store
from release.tag_watch import Heard
from tests.unit.release.desk import Sent
from worker.observer import Observer
from worker.tag_comparison import TagComparison

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from release.model import Release

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE, TWO = "1" * 40, "2" * 40
OLD = {"v1-blue": ONE}
SHOP = """
apps:
  shop:
    repository: {repository}
    namespace: shop
    image: registry.example.com/shop:{{tag}}
    gateway: {{address: "http://gateway.example.com"}}
    {more}
"""


def unreachable() -> Problem:
    return Problem(
        "repository-unreachable", "can't be read", detail="git: away", next_step="wait", status=502
    )


@dataclass
class Git:
    """A Git host that lists what it is told to."""

    tags: dict[str, str] = field(default_factory=dict)
    problem: Problem | None = None
    asked: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def list_tags(self, address: str) -> Mapping[str, str]:
        self.asked.append(address)
        self.meanwhile()
        if self.problem:
            raise self.problem
        return dict(self.tags)


class Site:
    """One worker's comparison over the real core, with a clock that is moved by hand."""

    def __init__(self, more: str = "", *, repository: str = "https://git.example.com/shop.git") -> None:
        self.server = fakeredis.FakeServer()
        self.client = fakeredis.FakeRedis(server=self.server, decode_responses=True)
        self.git, self.now = Git(), NOON
        self.configure(more, repository=repository)

    def configure(self, more: str = "", *, repository: str = "https://git.example.com/shop.git") -> None:
        """Start the worker anew with other settings of the app."""
        config = parse_config(SHOP.format(repository=repository, more=more), name="verdigris.yml")
        self.store = Store(self.client)
        self.tags = self.store.tags
        self.requests = Requests(config, self.store, Queue(self.client), Sent())
        self.comparison = TagComparison(
            config.apps,
            self.tags,
            self.requests,
            list_tags=self.git.list_tags,
            clock=lambda: self.now,
        )

    def look(self, *, after: float = 0) -> None:
        self.now += timedelta(seconds=after)
        self.comparison.look("shop")

    def compare(self, tags: Mapping[str, str]) -> None:
        """A comparison somebody asked for, of what Git lists now."""
        self.git.tags = dict(tags)
        self.tags.ask("shop")
        self.look()

    def deliver(self, tag: str, commit: str, *, delivery: str = "a delivery") -> bool:
        """A webhook comes; whether it is new."""
        actor = Actor("git", "octocat")
        return self.requests.deploy("shop", tag, actor=actor, commit=commit, delivery=delivery).is_new

    def open(self) -> list[tuple[str, Heard, str]]:
        return [(one.name, one.heard, one.commit) for one in self.tags.never_delivered("shop")]

    def releases(self) -> list[Release]:
        return self.store.releases("shop")[::-1]


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def polling() -> Site:
    site = Site("poll: 60s")
    site.compare(OLD)
    return site


def test_what_is_there_at_the_first_comparison_is_not_missed_and_starts_nothing() -> None:
    for more in ("", "poll: 60s", "poll: 60s\n    moved_tags: release"):
        site = Site(more)
        site.compare({"v1-blue": ONE, "v2-green": TWO})
        site.compare({"v1-blue": ONE, "v2-green": TWO})

        assert (site.open(), site.releases()) == ([], [])


def test_a_tag_that_nobody_told_of_is_missed_and_starts_nothing(site: Site) -> None:
    site.compare(OLD)

    site.compare({**OLD, "v2-blue": TWO})

    assert site.open() == [("v2-blue", Heard.MISSED, TWO)]
    assert site.releases() == []


def test_a_tag_that_was_delivered_is_not_missed(site: Site) -> None:
    site.compare(OLD)
    site.deliver("v2-blue", TWO)

    site.compare({**OLD, "v2-blue": TWO})

    assert site.open() == []
    assert site.tags.known("shop")["v2-blue"].heard is Heard.DELIVERED


def test_a_delivery_that_comes_while_git_answers_counts(site: Site) -> None:
    site.compare(OLD)
    site.git.meanwhile = lambda: site.deliver("v2-blue", TWO)

    site.compare({**OLD, "v2-blue": TWO})

    assert site.tags.known("shop")["v2-blue"].heard is Heard.DELIVERED


def test_a_delivery_that_comes_late_ends_it(site: Site) -> None:
    site.compare(OLD)
    site.compare({**OLD, "v2-blue": TWO})

    assert site.deliver("v2-blue", TWO)

    assert site.open() == []
    site.compare({**OLD, "v2-blue": TWO})
    assert site.tags.known("shop")["v2-blue"].heard is Heard.DELIVERED


def test_a_moved_tag_is_told_as_moved_and_starts_nothing(site: Site) -> None:
    site.compare(OLD)

    site.compare({"v1-blue": TWO})

    assert site.open() == [("v1-blue", Heard.MOVED, TWO)]
    assert site.tags.known("shop")["v1-blue"].was == ONE
    assert site.releases() == []


def test_it_compares_when_its_interval_is_over_and_not_before() -> None:
    site = Site("compare_tags: 300s")
    site.look()
    site.look(after=299)
    assert len(site.git.asked) == 1

    site.look(after=1)

    assert site.git.asked == ["https://git.example.com/shop.git"] * 2


def test_polling_has_an_interval_of_its_own() -> None:
    site = Site("poll: 30s")
    site.look()
    site.look(after=30)

    assert len(site.git.asked) == 2


def test_without_an_interval_it_compares_on_demand_only() -> None:
    site = Site("compare_tags: 0")
    site.look()
    site.look(after=100_000)
    assert site.git.asked == []

    site.tags.ask("shop")
    site.look()
    site.look()

    assert len(site.git.asked) == 1
    last, asked = site.tags.find_last("shop")
    assert last
    assert (last.answered, last.compared_at, last.error) == (asked, site.now, None)


def test_what_is_asked_for_while_one_runs_is_answered_by_another(site: Site) -> None:
    site.git.meanwhile = lambda: site.tags.ask("shop") if len(site.git.asked) == 1 else None
    site.compare(OLD)
    last, asked = site.tags.find_last("shop")
    assert last
    assert (last.answered, asked) == (1, 2)

    site.look()
    site.look()

    assert len(site.git.asked) == 2


def test_only_one_worker_at_a_time_compares_an_app(site: Site) -> None:
    site.tags.ask("shop")
    with site.tags.leased("shop") as is_held:
        assert is_held
        site.look()
    assert site.git.asked == []

    site.look()

    assert len(site.git.asked) == 1


def test_what_another_worker_has_just_done_is_not_done_again(site: Site) -> None:
    """It saw the same request, and got the lease when the other was through."""
    other = Site()
    other.client, other.now = site.client, site.now
    other.configure()
    lease = site.tags.leased

    def late(app: str) -> Any:  # noqa: ANN401 -- as leased
        other.look()
        return lease(app)

    site.tags.leased = late  # type: ignore[method-assign]
    site.tags.ask("shop")
    site.look()

    assert (len(other.git.asked), len(site.git.asked)) == (1, 0)


class TestPolling:
    def test_a_new_tag_starts_by_itself(self, polling: Site) -> None:
        polling.git.tags = {**OLD, "v2-green": TWO}

        polling.look(after=60)
        polling.look(after=60)

        assert [(one.tag, one.commit, str(one.actor)) for one in polling.releases()] == [
            ("v2-green", TWO, "git:poll")
        ]
        assert polling.open() == []

    def test_a_delivery_that_comes_all_the_same_starts_nothing_more(self, polling: Site) -> None:
        polling.compare({**OLD, "v2-green": TWO})

        assert not polling.deliver("v2-green", TWO)

        assert len(polling.releases()) == 1

    def test_what_was_delivered_or_asked_for_before_does_not_start_again(self, polling: Site) -> None:
        polling.deliver("v2-green", TWO)
        polling.requests.deploy("shop", "v3-green", actor=Actor("token", "ci"))

        polling.compare({**OLD, "v2-green": TWO, "v3-green": ONE})

        assert [one.tag for one in polling.releases()] == ["v2-green", "v3-green"]

    def test_several_start_in_the_order_of_their_versions(self, polling: Site) -> None:
        polling.compare({**OLD, "v1.10-blue": ONE, "v2-green": TWO, "v1.9-blue": ONE})

        assert [one.tag for one in polling.releases()] == ["v1.9-blue", "v1.10-blue", "v2-green"]

    def test_a_moved_tag_is_left_to_people(self, polling: Site) -> None:
        polling.compare({"v1-blue": TWO})
        polling.compare({"v1-blue": TWO})

        assert polling.open() == [("v1-blue", Heard.MOVED, TWO)]
        assert polling.releases() == []

    def test_a_moved_tag_starts_where_the_app_releases_moved_tags(self) -> None:
        site = Site("poll: 60s\n    moved_tags: release")
        site.compare(OLD)

        site.compare({"v1-blue": TWO})
        site.compare({"v1-blue": TWO})

        assert [(one.tag, one.commit) for one in site.releases()] == [("v1-blue", TWO)]
        assert site.open() == []

    def test_what_was_missed_before_polling_began_is_left_to_people(self, site: Site) -> None:
        site.compare(OLD)
        site.compare({**OLD, "v2-blue": TWO})
        site.configure("poll: 60s")

        site.compare({**OLD, "v2-blue": TWO, "v3-blue": TWO})

        assert [one.tag for one in site.releases()] == ["v3-blue"]
        assert site.open() == [("v2-blue", Heard.MISSED, TWO)]

    def test_after_a_restart_nothing_starts_twice(self, polling: Site) -> None:
        polling.compare({**OLD, "v2-blue": TWO})
        polling.configure("poll: 60s")

        polling.compare({**OLD, "v2-blue": TWO})

        assert len(polling.releases()) == 1

    def test_after_redis_was_emptied_nothing_starts(self, polling: Site) -> None:
        polling.compare({**OLD, "v2-blue": TWO})
        polling.client.flushall()

        polling.compare({**OLD, "v2-blue": TWO})
        polling.compare({**OLD, "v2-blue": TWO})

        assert (polling.releases(), polling.open()) == ([], [])

    def test_another_repository_is_compared_for_the_first_time(self, polling: Site) -> None:
        polling.configure("poll: 60s", repository="https://git.example.com/other.git")
        polling.compare({"v7-blue": TWO})

        assert (polling.releases(), polling.open()) == ([], [])
        assert set(polling.tags.known("shop")) == {"v7-blue"}

    def test_other_credentials_do_not_make_it_another_repository(self, polling: Site) -> None:
        polling.configure("poll: 60s", repository="https://bot:secret@git.example.com/shop.git")

        polling.compare({**OLD, "v2-blue": TWO})

        assert [one.tag for one in polling.releases()] == ["v2-blue"]

    def test_a_host_that_lists_nothing_for_a_moment_starts_nothing(self, polling: Site) -> None:
        polling.compare({})
        polling.compare(OLD)

        assert (polling.releases(), polling.open()) == ([], [])

    def test_one_that_was_started_before_redis_went_away_is_not_started_again(self, polling: Site) -> None:
        deploy = polling.requests.deploy

        def break_off(app: str, tag: str, **given: Any) -> object:  # noqa: ANN401 -- handed on
            if tag == "v3-blue":
                raise NotDurable("away")
            return deploy(app, tag, **given)

        polling.requests.deploy = break_off  # type: ignore[method-assign, assignment]
        with pytest.raises(NotDurable):
            polling.compare({**OLD, "v2-blue": TWO, "v3-blue": TWO})
        polling.requests.deploy = deploy  # type: ignore[method-assign]

        polling.look(after=10)

        assert [one.tag for one in polling.releases()] == ["v2-blue", "v3-blue"]
        assert polling.open() == []

    def test_what_is_refused_is_left_to_people_and_not_asked_for_again(self, polling: Site) -> None:
        refusals: list[str] = []

        def refuse(_: str, tag: str, **__: object) -> object:
            refusals.append(tag)
            raise Problem("tag-refused", "refused", detail="refused", next_step="push another")

        polling.requests.deploy = refuse  # type: ignore[method-assign, assignment]
        with structlog.testing.capture_logs() as logged:
            polling.compare({**OLD, "v2-blue": TWO})
            polling.compare({**OLD, "v2-blue": TWO})

        assert refusals == ["v2-blue"]
        assert polling.open() == [("v2-blue", Heard.MISSED, TWO)]
        assert [one["why"] for one in logged if one["log_level"] == "warning"] == ["tag-refused"]


class TestAHostThatIsAway:
    def test_it_is_told_once_and_stays_known(self, site: Site) -> None:
        site.compare(OLD)
        site.git.problem = unreachable()

        with structlog.testing.capture_logs() as logged:
            for _ in range(3):
                site.compare(OLD)

        assert [one["event"] for one in logged] == ["the tags in Git can't be compared"]
        last, asked = site.tags.find_last("shop")
        assert last
        assert last.error
        assert (last.error.slug, last.answered, last.compared_at) == ("repository-unreachable", asked, NOON)

    def test_that_it_is_back_is_told_as_well(self, site: Site) -> None:
        site.git.problem = unreachable()
        site.compare(OLD)
        site.git.problem = None

        with structlog.testing.capture_logs() as logged:
            site.compare(OLD)
            site.compare({**OLD, "v2-blue": TWO})

        assert [one["event"] for one in logged] == [
            "the tags in Git can be compared again",
            "tag in Git that nobody told of",
        ]
        last, _ = site.tags.find_last("shop")
        assert last
        assert last.error is None

    def test_another_trouble_is_told_anew(self, site: Site) -> None:
        site.git.problem = unreachable()
        site.compare(OLD)
        site.git.problem = Problem("repository-refused", "refused", detail="relative", next_step="mend")

        with structlog.testing.capture_logs() as logged:
            site.compare(OLD)

        assert [one["why"] for one in logged] == ["relative"]

    def test_what_was_missed_before_stays_listed(self, site: Site) -> None:
        site.compare(OLD)
        site.compare({**OLD, "v2-blue": TWO})
        site.git.problem = unreachable()

        site.compare(OLD)

        assert site.open() == [("v2-blue", Heard.MISSED, TWO)]

    def test_of_a_new_repository_that_is_away_the_first_comparison_is_still_to_come(
        self, polling: Site
    ) -> None:
        polling.configure("poll: 60s", repository="https://git.example.com/other.git")
        polling.git.problem = unreachable()
        polling.compare({})
        polling.git.problem = None

        polling.compare({"v7-blue": TWO})

        assert (polling.releases(), polling.open()) == ([], [])


def test_while_redis_is_away_it_is_asked_every_ten_seconds_at_most(site: Site) -> None:
    site.server.connected = False
    with pytest.raises(NotDurable):
        site.look()
    site.look(after=9)  # says nothing
    with pytest.raises(NotDurable):
        site.look(after=1)

    site.server.connected = True
    site.look(after=10)

    assert len(site.git.asked) == 1


def test_a_worker_does_so_in_a_thread_of_its_own(site: Site) -> None:
    seen = threading.Event()
    site.git.tags, site.git.meanwhile = dict(OLD), seen.set
    observer = Observer(["shop"], site.comparison.look, interval=0.01)

    observer.start()
    try:
        assert seen.wait(10)
    finally:
        observer.stop()

    assert len(site.git.asked) == 1, "it is not due again so soon"


def test_apps_whose_comparison_is_due_are_found_by_one_question() -> None:
    # given an app that nothing asks to be compared
    site = Site()
    site.look()
    site.now += timedelta(seconds=1)
    before = site.comparison.choose(["shop"])

    # when somebody asks
    site.tags.ask("shop")

    # then it is chosen, and once it is compared no more
    assert site.comparison.choose(["shop"]) == ["shop"]
    site.look()
    assert site.comparison.choose(["shop"]) == before == []
    assert site.comparison.choose([]) == []
