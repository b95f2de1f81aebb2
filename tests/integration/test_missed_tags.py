"""Tags in a real repository: what is listed of it, and what becomes of those whose delivery never came."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import fakeredis
import pytest

from release.model import JobState, State
from release.problems import Problem
from release.queue import Queue
from release.requests import Requests
from release.store import Store
from source.remote_tags import list_release_tags
from tests.integration.test_source_git import Origin
from tests.unit.release.desk import Sent
from tests.unit.webhook.fakes import KEY, TOKEN, dump, headers, make_config, push
from webhook.application import create_app
from webhook.services import WebSettings
from worker.observer import Observer
from worker.tag_comparison import TagComparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from release.model import Release

DEADLINE = 20.0
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def commit_in(origin: Origin, text: str = "1") -> str:
    return origin.commit(("100644", "a", text))


class TestListing:
    def test_tags_are_listed_with_their_commits_also_annotated_ones(self, origin: Origin) -> None:
        first, second = commit_in(origin), commit_in(origin, "2")
        origin.tag("v1-blue", first)
        origin.tag("v2-green", second, annotated=True)

        assert list_release_tags(origin.address) == {"v1-blue": first, "v2-green": second}

    def test_a_repository_without_tags_lists_none(self, origin: Origin) -> None:
        assert list_release_tags(origin.address) == {}

    @pytest.mark.parametrize(
        "name",
        ["v1", "1-blue", "release/v1-blue", "v1-blue-hotfix", "v+1-blue", "vü-blue", f"v{'1' * 60}-blue"],
    )
    def test_what_could_not_be_released_is_left_out(self, origin: Origin, name: str) -> None:
        commit = commit_in(origin)
        origin.tag(name, commit)
        origin.tag("v1-blue", commit)
        origin.git("update-ref", "refs/heads/v2-blue", commit)

        assert list_release_tags(origin.address) == {"v1-blue": commit}

    def test_a_repository_that_is_not_there_is_a_problem(self, tmp_path: Path) -> None:
        with pytest.raises(Problem) as caught:
            list_release_tags(str(tmp_path / "none.git"))

        assert caught.value.document.slug == "repository-unreachable"
        assert "none.git" in caught.value.document.detail

    @pytest.mark.parametrize("address", ["ext::sh -c id", "--upload-pack=id", "relative/path"])
    def test_an_address_that_may_not_be_used_is_refused(self, address: str) -> None:
        with pytest.raises(Problem) as caught:
            list_release_tags(address)

        assert caught.value.document.slug == "repository-refused"

    def test_a_host_that_keeps_silent_is_waited_for_in_bounds_and_its_password_not_told(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as silent:
            port = silent.getsockname()[1]
            began = time.monotonic()
            with pytest.raises(Problem) as caught:
                list_release_tags(f"http://bot:s3cret@127.0.0.1:{port}/shop.git", seconds=0.5)

        assert time.monotonic() - began < DEADLINE
        assert caught.value.document.slug == "repository-unreachable"
        assert "took longer than 0.5 s" in caught.value.document.detail
        assert "s3cret" not in str(caught.value.document)

    def test_more_tags_than_are_compared_is_a_problem(self, origin: Origin) -> None:
        commit = commit_in(origin)
        for number in range(3):
            origin.tag(f"v{number}-blue", commit)

        assert len(list_release_tags(origin.address, most=3)) == 3
        with pytest.raises(Problem) as caught:
            list_release_tags(origin.address, most=2)
        assert caught.value.document.slug == "too-many-tags"


class House:
    """A web process, a worker's comparison in its thread, and a repository whose hook can be off.

    One tag was there before them.
    """

    def __init__(self, folder: Path, origin: Origin, **app: object) -> None:
        self.folder, self.origin, self.given = folder, origin, app
        self.redis: Any = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
        self.now = datetime.now(UTC)
        self.first = self.push("v1-blue", is_delivered=False)
        self.start()

    def start(self) -> None:
        """Every process, anew."""
        config = make_config(self.folder)
        shop = config.apps["shop"].model_copy(update={"repository": self.origin.address, **self.given})
        config = config.model_copy(update={"apps": {"shop": shop}})
        self.store, self.sent = Store(self.redis), Sent()
        requests = Requests(config, self.store, Queue(self.redis), self.sent)
        settings = WebSettings(clock=lambda: self.now)
        self.web = create_app(config, self.store, requests, secret_key=KEY, settings=settings)
        comparison = TagComparison(
            config.apps,
            self.store.tags,
            requests,
            list_tags=list_release_tags,
            clock=lambda: self.now,
        )
        self.observer = Observer(["shop"], comparison.look, interval=0.02)
        self.observer.start()

    def restart(self) -> None:
        self.observer.stop()
        self.start()

    def push(self, tag: str, *, is_delivered: bool) -> str:
        """A tag comes into Git; its hook may be off."""
        commit = commit_in(self.origin, tag)
        self.origin.tag(tag, commit, annotated=True)
        if is_delivered:
            body = dump(push(ref=f"refs/tags/{tag}", head_commit={"id": commit}))
            given = headers(body, X_GitHub_Delivery=tag)
            named = {name.replace("_", "-"): value for name, value in given.items()}
            answer = self.web.test_client().post("/webhooks/github", data=body, headers=named)
            assert answer.status_code == 202, answer.text
        return commit

    def compare(self) -> dict[str, Any]:
        """As `verdigris tags shop --compare` does."""
        client = self.web.test_client()
        answer = client.post("/api/v1/apps/shop/tags/compare", headers=BEARER)
        assert answer.status_code == 202
        until(lambda: not self.tags()["is_asked"], "a worker has compared")
        return self.tags()

    def tags(self) -> dict[str, Any]:
        answer = self.web.test_client().get("/api/v1/apps/shop/tags", headers=BEARER)
        assert answer.status_code == 200
        return dict(answer.json or {})

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def releases(self) -> list[Release]:
        return self.store.releases("shop")[::-1]

    def sign_in(self) -> FlaskClient:
        client = self.web.test_client()
        client.post("/login", data={"token": TOKEN, "csrf_token": csrf_of(client.get("/login").text)})
        return client


def csrf_of(page: str) -> str:
    return page.split('name="csrf_token" value="')[1].partition('"')[0]


def until(condition: Callable[[], object], what: str) -> None:
    pause, end = threading.Event(), time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE:.0f} s: {what}"
        pause.wait(0.01)


@pytest.fixture
def make_house(tmp_path: Path, origin: Origin) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def make(**app: object) -> House:
        made.append(House(tmp_path, origin, **app))
        return made[-1]

    yield make
    for house in made:
        house.observer.stop()


def test_a_tag_pushed_while_the_hook_was_off_is_shown_and_starts_by_its_button(
    make_house: Callable[..., House],
) -> None:
    # Given an app that was compared before, and a tag that was delivered
    house = make_house()
    house.compare()
    house.push("v2-blue", is_delivered=True)
    # When another one is pushed while the hook is off
    commit = house.push("v3-green", is_delivered=False)
    house.compare()
    house.wait(60)
    # Then it alone is shown as never delivered, and nothing has started by that
    assert [(one["tag"], one["commit"]) for one in house.tags()["missed"]] == [("v3-green", commit)]
    assert [one.tag for one in house.releases()] == ["v2-blue"]
    # When a person presses its button
    client = house.sign_in()
    page = client.get("/").text
    assert "Release v3-green" in page
    form = {"csrf_token": csrf_of(page), "tag": "v3-green", "commit": commit}
    answer = client.post("/apps/shop/tags/release", data=form)
    # Then its release starts, it is shown no more, and the delivery that comes late is a duplicate
    released = house.releases()[-1]
    assert answer.headers["Location"] == f"/releases/{released.id}"
    assert (released.tag, released.commit, released.state) == ("v3-green", commit, State.QUEUED)
    assert str(released.actor) == "person:ci"
    assert [job.state for job in house.store.jobs_of(released.id)] == [JobState.WAITING]
    assert house.tags()["missed"] == []
    body = dump(push(ref="refs/tags/v3-green", head_commit={"id": commit}))
    late = house.web.test_client().post("/webhooks/github", data=body, headers=headers(body))
    assert (late.status_code, (late.json or {})["result"]) == (200, "duplicate")
    assert len(house.releases()) == 2


def test_where_the_app_polls_a_tag_starts_without_any_delivery(make_house: Callable[..., House]) -> None:
    house = make_house(poll=30)
    house.compare()
    commit = house.push("v2-green", is_delivered=False)

    house.wait(30)
    until(house.releases, "it has started")

    [released] = house.releases()
    assert (released.tag, released.commit, str(released.actor)) == ("v2-green", commit, "git:poll")
    assert [offer.app for offer in house.sent.offers] == ["shop"]


def test_neither_a_restart_nor_an_empty_redis_starts_anything(make_house: Callable[..., House]) -> None:
    house = make_house(poll=30)
    house.compare()
    house.push("v2-green", is_delivered=False)
    house.compare()
    assert len(house.releases()) == 1

    house.restart()
    house.compare()
    assert len(house.releases()) == 1

    house.redis.flushall()
    house.compare()
    house.wait(3600)
    house.compare()
    assert house.releases() == []
    assert house.tags()["missed"] == house.tags()["moved"] == []


def test_a_tag_moved_in_git_is_shown_as_moved(make_house: Callable[..., House]) -> None:
    house = make_house(poll=30)
    house.compare()

    second = commit_in(house.origin, "elsewhere")
    house.origin.tag("v1-blue", second)
    house.compare()
    house.wait(60)

    assert [(one["commit"], one["was"]) for one in house.tags()["moved"]] == [(second, house.first)]
    assert house.releases() == []


def test_a_git_host_that_is_away_is_told_and_forgiven(make_house: Callable[..., House]) -> None:
    house = make_house()
    house.compare()
    away = house.origin.path.rename(house.origin.path.with_suffix(".away"))

    assert house.compare()["error"]["type"].endswith("/repository-unreachable")

    away.rename(house.origin.path)
    assert house.compare()["error"] is None
