"""Releases that wait for their image, or for a commit to be known: asked for by one worker, not too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fakeredis
import pytest
import structlog

from release.loading import parse_config
from release.model import Actor, StartWhen, State
from release.problems import NotDurable, Problem
from release.queue import Queue
from release.requests import Requests
from release.starting import Starting
from release.store import Store
from tests.unit.release.desk import Sent
from worker.starter import Starter

if TYPE_CHECKING:
    from release.model import Release
    from release.origins import Registry
    from release.redis_access import Client

GIT = Actor("git", "octocat")
COMMIT = "c0ffee"
DIGEST = "sha256:" + "a" * 64
IMAGE = "registry.example.com/news:v1.0-blue"

CONFIG = """
apps:
  news:
    repository: https://git.example.com/acme/news.git
    namespace: news
    image: registry.example.com/news:{tag}
    gateway: {address: "http://gateway.example.com"}
    start_when: image-exists
    registry: {plain_http: true}
  shop:
    repository: https://git.example.com/acme/shop.git
    webhook: {repository: acme/shop, secrets: [{env: SHOP}]}
    namespace: shop
    image: registry.example.com/shop:{commit}
    gateway: {address: "http://gateway.example.com"}
    start_when: ci-passed
    required_checks: [build]
"""


class World:
    """A Git host and a registry, as they answer now; what they were asked."""

    def __init__(self) -> None:
        self.client: Client = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
        self.store, self.queue, self.sent = Store(self.client), Queue(self.client), Sent()
        self.configure(CONFIG)
        self.digest: str | None = None
        self.trouble: Problem | None = None
        self.asked: list[str] = []

    def configure(self, text: str) -> None:
        """Start web process and workers anew with another configuration."""
        self.config = parse_config(text, name="verdigris.yml")
        self.requests = Requests(self.config, self.store, self.queue, self.sent)

    def starter(self) -> Starter:
        """One worker's."""
        starting = Starting(self.config, self.store, self.queue, self.sent, self.requests.gate)
        return Starter(
            self.config, self.store, starting, resolve=self._resolve, find_digest=self._find_digest
        )

    def push(self, app: str = "news", *, commit: str = COMMIT) -> str:
        accepted = self.requests.deploy(app, "v1.0-blue", actor=GIT, commit=commit)
        return accepted.release_id or ""

    def release(self, release_id: str) -> Release:
        release = self.store.find_release(release_id)
        assert release is not None
        return release

    def let_time_pass(self) -> None:
        for name in self.client.keys("verdigris:spent:*"):
            self.client.delete(name)

    def _resolve(self, address: str, tag: str) -> str:
        self._answer(f"{address} {tag}")
        return COMMIT

    def _find_digest(self, image: str, registry: Registry) -> str | None:
        assert registry.plain_http == image.startswith("registry.example.com/news")
        self._answer(image)
        return self.digest

    def _answer(self, question: str) -> None:
        self.asked.append(question)
        if self.trouble:
            raise self.trouble


@pytest.fixture
def world() -> World:
    return World()


def test_a_release_starts_with_its_image_pinned_once_it_is_there(world: World) -> None:
    release_id = world.push()
    world.starter().look()
    assert world.release(release_id).state is State.WAITING
    assert world.release(release_id).reason == f"waiting for its image: {IMAGE} is not in the registry yet"

    world.digest = DIGEST
    world.let_time_pass()
    world.starter().look()

    release = world.release(release_id)
    assert (release.state, release.start_when) == (State.QUEUED, StartWhen.PUSHED)
    assert (release.image, release.reason) == (f"{IMAGE}@{DIGEST}", f"its image is there: {DIGEST}")
    assert [offer.release_id for offer in world.sent.offers] == [release_id]


def test_in_a_freeze_an_image_that_is_there_is_told_of_once(world: World) -> None:
    # given a tag whose commit is not known, in a freeze that lasts as long as anybody can write
    frozen = '    freezes: [{from: "2000-01-01T00:00Z", to: "2999-12-31T00:00Z", reason: holidays}]\n  shop:'
    world.configure(CONFIG.replace("  shop:", frozen))
    release_id, world.digest = world.push(commit=""), DIGEST

    for _ in range(3):
        world.let_time_pass()
        world.starter().look()

    told = "waiting: the app is frozen until 2999-12-31 00:00 UTC: holidays"
    assert [line.text for line in world.store.log(release_id)] == [told]
    release = world.release(release_id)
    assert (release.state, release.reason, release.commit) == (State.WAITING, told, COMMIT)


def test_several_workers_ask_the_registry_once_between_them(world: World) -> None:
    world.push()

    for _ in range(3):
        world.starter().look()

    assert world.asked == [IMAGE]


def test_nobody_is_asked_for_an_app_where_nothing_waits(world: World) -> None:
    release_id = world.push()
    world.requests.start(release_id, actor=GIT)

    world.starter().look()

    assert world.asked == []


def test_a_registry_that_is_away_is_told_and_asked_again(world: World) -> None:
    release_id = world.push()
    detail = "registry.example.com did not answer"
    world.trouble = Problem("registry-unreachable", "No answer", detail=detail, next_step="see to it")
    world.starter().look()
    assert world.release(release_id).reason == f"waiting: No answer: {detail}; see to it"

    world.trouble, world.digest = None, DIGEST
    world.let_time_pass()
    world.starter().look()

    assert world.release(release_id).state is State.QUEUED


def test_the_commit_of_a_tag_is_asked_of_its_repository(world: World) -> None:
    release_id = world.push("shop", commit="")
    world.starter().look()
    assert world.asked == ["https://git.example.com/acme/shop.git v1.0-blue"]
    assert world.release(release_id).commit == COMMIT

    world.starter().look()

    assert world.release(release_id).reason == "waiting for CI (not heard of: build)"


def test_a_report_that_nobody_could_act_on_is_found_by_a_worker(world: World) -> None:
    release_id = world.push("shop")
    world.client.hset(f"verdigris:checks:shop:{COMMIT}", "build", '{"state": "passed", "at": 1}')

    world.starter().look()

    assert world.release(release_id).state is State.QUEUED
    assert world.asked == []


def test_a_record_that_is_gone_keeps_nobody_from_the_others(world: World) -> None:
    gone = world.push()
    world.client.delete(f"verdigris:release:{gone}")
    other = world.requests.deploy("news", "v2.0-blue", actor=GIT, commit=COMMIT).release_id or ""
    world.digest = DIGEST

    world.starter().look()

    assert world.release(other).state is State.QUEUED


def test_what_goes_wrong_with_one_is_told_and_keeps_the_others_from_nothing(world: World) -> None:
    world.push()
    other = world.push("shop", commit="")
    world.digest = "no digest"
    world.trouble = None

    def break_down(*_: object) -> str:
        raise RuntimeError("a mistake of ours")

    starting = Starting(world.config, world.store, world.queue, world.sent, world.requests.gate)
    starter = Starter(world.config, world.store, starting, resolve=world._resolve, find_digest=break_down)
    with structlog.testing.capture_logs() as logged:
        starter.look()

    assert world.release(other).commit == COMMIT
    assert [(one["event"], one["log_level"]) for one in logged] == [
        ("a waiting release could not be looked at", "error")
    ]


def test_a_redis_that_went_away_ends_the_look(world: World) -> None:
    world.push()

    def lose_redis(*_: object) -> str:
        raise NotDurable("away")

    starting = Starting(world.config, world.store, world.queue, world.sent, world.requests.gate)
    starter = Starter(world.config, world.store, starting, resolve=world._resolve, find_digest=lose_redis)

    with pytest.raises(NotDurable):
        starter.look()
