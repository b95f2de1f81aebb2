"""Feeds over a watch's troubles: expired history, ended watches, refusals, an API that is away."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from cluster.connection import Cluster
from cluster.errors import Expired, Forbidden
from cluster.feed import Feed
from cluster.waiting import Deadline
from cluster.watching import Selection, Watch
from release.clock import utc_now
from sandbox.api.errors import ApiError
from sandbox.store import Object
from tests.integration.standin import NAMESPACE, Standin, standin

CHOSEN = Selection("ConfigMap", NAMESPACE, labels="chosen=yes")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Standin]:
    with standin(tmp_path) as running:
        yield running


@pytest.fixture
def cluster(made: Standin) -> Cluster:
    return made.connect()


def config_map(name: str, *, chosen: bool = True) -> Object:
    labels = {"chosen": "yes" if chosen else "no"}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def create(made: Standin, *names: str, chosen: bool = True) -> None:
    made.call(lambda: [made.store.create("configmaps", config_map(name, chosen=chosen)) for name in names])


def names(feed: Feed) -> set[str] | None:
    seen = feed.find_objects("ConfigMap")
    return None if seen is None else {item["metadata"]["name"] for item in seen}


def wait_until(feed: Feed, condition: Callable[[], bool]) -> None:
    deadline = Deadline.after(20, clock=utc_now)
    while not condition():
        feed.check()
        if deadline.is_over:
            pytest.fail(f"not in time; seen: {names(feed)}, trouble: {feed.find_trouble()}")
        feed.wait(0.1)


def test_a_feed_shows_what_is_there_what_comes_and_what_goes(made: Standin, cluster: Cluster) -> None:
    create(made, "one")
    create(made, "not-ours", chosen=False)
    with Feed(cluster, CHOSEN) as feed:
        wait_until(feed, lambda: names(feed) == {"one"})
        create(made, "two")
        wait_until(feed, lambda: names(feed) == {"one", "two"})
        made.call(lambda: made.store.delete("configmaps", NAMESPACE, "one"))
        wait_until(feed, lambda: names(feed) == {"two"})


def test_an_ended_watch_is_gone_on_with_and_an_expired_history_listed_again(
    made: Standin, cluster: Cluster
) -> None:
    lists: list[str] = []

    async def count(request: web.Request) -> ApiError | None:
        if "watch" not in request.query:
            lists.append(request.path)
        return None

    made.server.fault = count
    with Feed(cluster, CHOSEN) as feed:
        wait_until(feed, lambda: names(feed) == set())
        # when the server ends the watch
        made.call(made.server.watches.cut)
        create(made, "one")
        wait_until(feed, lambda: names(feed) == {"one"})
        assert len(lists) == 1
        # when it ends, and so much happens that its history is gone

        def expire() -> None:
            made.server.watches.cut()
            for number in range(300):
                made.store.create("configmaps", config_map(f"filler-{number}", chosen=False))
            made.store.create("configmaps", config_map("two"))

        made.call(expire)
        # then everything is listed anew
        wait_until(feed, lambda: names(feed) == {"one", "two"})
        assert len(lists) == 2
        assert feed.find_trouble() is None


def test_an_api_that_is_away_is_a_trouble_until_it_is_back(made: Standin, cluster: Cluster) -> None:
    with Feed(cluster, CHOSEN) as feed:
        wait_until(feed, lambda: names(feed) == set())
        made.wait(made.server.stop())
        wait_until(feed, lambda: feed.find_trouble() is not None)
        made.restart_server()
        create(made, "one")
        wait_until(feed, lambda: names(feed) == {"one"} and feed.find_trouble() is None)


def test_a_refusal_ends_the_wait(made: Standin, cluster: Cluster) -> None:
    async def refuse(_request: web.Request) -> ApiError | None:
        return ApiError(403, "Forbidden", "cannot watch resource")

    made.server.fault = refuse
    with Feed(cluster, CHOSEN) as feed, pytest.raises(Forbidden, match="cannot watch"):
        wait_until(feed, lambda: False)


def test_a_version_that_is_too_old_is_told_by_the_watch_itself(made: Standin, cluster: Cluster) -> None:
    create(made, *(f"filler-{number}" for number in range(300)))
    with pytest.raises(Expired):
        list(Watch(cluster, CHOSEN, "1"))


def test_a_feed_that_is_left_leaves_no_thread_behind(cluster: Cluster) -> None:
    before = set(threading.enumerate())
    with Feed(cluster, CHOSEN, Selection("Pod", NAMESPACE)) as feed:
        wait_until(feed, lambda: names(feed) == set())
        followers = set(threading.enumerate()) - before
        assert {thread.name for thread in followers} == {"follow ConfigMap", "follow Pod"}
    assert not any(thread.is_alive() for thread in followers)
