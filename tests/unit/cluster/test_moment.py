"""What a moment remembers, what ends it, and what may be read ahead of it."""

import threading
import time
from collections.abc import Callable, Mapping
from itertools import count

import pytest

from cluster.connection import Body, Cluster
from cluster.errors import ClusterError, Conflict, Forbidden, NotFound, Unavailable
from cluster.moment import LASTING, Moment
from cluster.readers import Readers
from tests.unit.cluster.fakes import Answer, fake_cluster

PATCH = Body([], "application/json-patch+json")
PATIENCE = 10.0


def test_the_same_is_read_once() -> None:
    cluster, pool = fake_cluster([Answer(200, {"n": 1}), Answer(200, {"n": 2})])
    now = Moment(cluster)

    answers = [now.request("GET", "/a"), now.request("GET", "/a", query={}), now.request("GET", "/b")]

    assert answers[0] == answers[1] != answers[2]
    assert [sent.path for sent in pool.sent] == ["/a", "/b"]


def test_another_question_about_the_same_objects_is_another_read() -> None:
    cluster, pool = fake_cluster([Answer(200, {}), Answer(200, {})])
    now = Moment(cluster)

    now.request("GET", "/a", query={"labelSelector": "color=blue"})
    now.request("GET", "/a", query={"labelSelector": "color=green"})

    assert len(pool.sent) == 2


def test_a_write_ends_what_is_known() -> None:
    cluster, pool = fake_cluster([Answer(200, {"n": 1}), Answer(200, {}), Answer(200, {"n": 2})])
    now = Moment(cluster)

    first = now.request("GET", "/a")
    now.request("PATCH", "/a", body=PATCH)

    assert now.request("GET", "/a") != first
    assert [sent.method for sent in pool.sent] == ["GET", "PATCH", "GET"]


def test_a_write_that_was_refused_ends_it_as_well() -> None:
    cluster, pool = fake_cluster(
        [Answer(200, {"n": 1}), Answer(409, {"reason": "Conflict"}), Answer(200, {})]
    )
    now = Moment(cluster)

    now.request("GET", "/a")
    with pytest.raises(Conflict):
        now.request("PATCH", "/a", body=PATCH)
    now.request("GET", "/a")

    assert len(pool.sent) == 3


def test_what_was_read_before_a_decision_was_held_up_is_read_again() -> None:
    cluster, _ = fake_cluster([Answer(200, {"n": 1}), Answer(200, {"n": 2})])
    times = iter([0.0, LASTING, LASTING + 0.1])
    now = Moment(cluster, monotonic=lambda: next(times))

    answers = [now.request("GET", "/a") for _ in range(3)]

    assert answers == [b'{"n": 1}', b'{"n": 1}', b'{"n": 2}']


def test_what_could_not_be_read_is_asked_for_again() -> None:
    cluster, _ = fake_cluster([Answer(404, {"reason": "NotFound"}), Answer(200, {"n": 1})])
    now = Moment(cluster)

    with pytest.raises(NotFound):
        now.request("GET", "/a")

    assert now.request("GET", "/a") == b'{"n": 1}'


def test_it_is_the_same_cluster_with_the_same_credentials() -> None:
    cluster, _ = fake_cluster([], token="t0ken")
    now = Moment(cluster)

    assert now.headers() == cluster.headers() == {"authorization": "Bearer t0ken"}
    assert (now.host, now.url("/a", {"b": "c"})) == (cluster.host, cluster.url("/a", {"b": "c"}))
    assert now.configuration is cluster.configuration
    assert now.renewing(lambda: 7) == 7


def test_what_goes_on_is_streamed_by_the_cluster_itself() -> None:
    cluster, pool = fake_cluster([Answer(200, "{}"), Answer(200, "{}")])
    now = Moment(cluster)

    for _ in range(2):
        now.stream("/a", query={"watch": "1"}).close()

    assert len(pool.sent) == 2


class Busy(Readers):
    """Knows how many calls are not over."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def run(self, call: Callable[[], None]) -> None:
        self.calls += 1

        def call_and_count() -> None:
            call()
            self.calls -= 1

        super().run(call_and_count)


class Held(Cluster):
    """Answers with the path, once it is let go; ``refused`` paths are refused."""

    def __init__(self, *held: str, refused: Mapping[str, type[ClusterError]] | None = None) -> None:
        self._readers = self.busy = Busy()
        self.sent: list[str] = []
        self.doors = {path: threading.Event() for path in held}
        self.refused = dict(refused or {})
        self._answers = count(1)

    def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Body | None = None
    ) -> bytes:
        self.sent.append(f"{method} {path}")
        if path in self.doors:
            assert self.doors[path].wait(PATIENCE)
        if path in self.refused:
            raise self.refused[path](f"{path} is refused")
        return f"{path} {next(self._answers)} {query} {body}".encode()


def reading(*paths: str) -> Callable[[Cluster], object]:
    """A read of one request after the other."""
    return lambda cluster: [cluster.request("GET", path) for path in paths]


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        threading.Event().wait(0.002)


class TestAhead:
    def test_reads_are_on_their_way_at_the_same_time_and_nobody_waits_for_them(self) -> None:
        cluster = Held("/a", "/b", "/c")

        Moment(cluster).ahead(reading("/a"), reading("/b"), reading("/c"))

        wait_until(lambda: len(cluster.sent) == 3)
        for door in cluster.doors.values():
            door.set()

    def test_who_asks_the_same_waits_for_the_answer_and_asks_no_second_time(self) -> None:
        cluster = Held("/a")
        now = Moment(cluster)
        now.ahead(reading("/a", "/b"))
        wait_until(lambda: cluster.sent == ["GET /a"])

        threading.Timer(0.02, cluster.doors["/a"].set).start()
        answers = [now.request("GET", path) for path in ("/a", "/b", "/a")]

        assert [answer.split()[0] for answer in answers] == [b"/a", b"/b", b"/a"]
        assert sorted(cluster.sent) == ["GET /a", "GET /b"]

    def test_who_was_faster_is_not_asked_again_by_those_ahead(self) -> None:
        cluster = Held()
        now = Moment(cluster)
        now.request("GET", "/a")

        now.ahead(reading("/a", "/b"))

        wait_until(lambda: not cluster.busy.calls)
        assert cluster.sent == ["GET /a", "GET /b"]

    def test_an_error_is_told_by_the_read_that_needs_it_and_once(self) -> None:
        cluster = Held(refused={"/b": Forbidden})
        now = Moment(cluster)
        now.ahead(reading("/a"), reading("/b"))
        wait_until(lambda: not cluster.busy.calls)

        assert now.request("GET", "/a").startswith(b"/a")
        with pytest.raises(Forbidden, match="/b is refused"):
            now.request("GET", "/b")
        assert sorted(cluster.sent) == ["GET /a", "GET /b"]
        cluster.refused.clear()

        assert now.request("GET", "/b").startswith(b"/b")

    def test_a_cluster_that_was_away_for_those_ahead_is_asked_by_who_needs_the_answer(self) -> None:
        cluster = Held(refused={"/a": Unavailable, "/b": Unavailable})
        now = Moment(cluster)
        now.ahead(reading("/a"), reading("/b"))
        wait_until(lambda: not cluster.busy.calls)
        del cluster.refused["/a"]

        assert now.request("GET", "/a").startswith(b"/a")
        with pytest.raises(Unavailable):
            now.request("GET", "/b")
        assert sorted(cluster.sent) == ["GET /a", "GET /a", "GET /b", "GET /b"]

    def test_an_error_of_what_nobody_asks_for_is_lost(self) -> None:
        cluster = Held(refused={"/a": Forbidden})
        now = Moment(cluster)

        now.ahead(reading("/a"))
        wait_until(lambda: not cluster.busy.calls)

        assert now.request("GET", "/b").startswith(b"/b")

    def test_what_was_read_ahead_of_a_write_is_not_used_after_it(self) -> None:
        cluster = Held("/slow")
        now = Moment(cluster)
        now.ahead(reading("/quick"), reading("/slow"))
        wait_until(lambda: len(cluster.sent) == 2 and cluster.busy.calls == 1)

        now.request("PATCH", "/a", body=PATCH)
        cluster.doors["/slow"].set()
        wait_until(lambda: not cluster.busy.calls)
        now.request("GET", "/quick")
        now.request("GET", "/slow")

        assert cluster.sent[2:] == ["PATCH /a", "GET /quick", "GET /slow"]

    def test_no_read_goes_on_after_a_write(self) -> None:
        cluster = Held("/first")
        now = Moment(cluster)
        now.ahead(reading("/first", "/second"))
        wait_until(lambda: cluster.sent == ["GET /first"])

        now.request("PATCH", "/a", body=PATCH)
        cluster.doors["/first"].set()
        wait_until(lambda: not cluster.busy.calls)

        assert cluster.sent == ["GET /first", "PATCH /a"]

    def test_after_a_write_one_may_read_ahead_again(self) -> None:
        cluster = Held()
        now = Moment(cluster)
        now.request("PATCH", "/a", body=PATCH)

        now.ahead(reading("/b"))
        wait_until(lambda: not cluster.busy.calls)
        now.request("GET", "/b")

        assert cluster.sent == ["PATCH /a", "GET /b"]

    def test_a_read_may_go_further_ahead_with_what_it_found(self) -> None:
        cluster = Held("/b", "/c")
        now = Moment(cluster)

        def read(scout: Moment) -> None:
            scout.request("GET", "/a")
            scout.ahead(reading("/b"), reading("/c"))

        now.ahead(read)

        wait_until(lambda: sorted(cluster.sent) == ["GET /a", "GET /b", "GET /c"])
        for door in cluster.doors.values():
            door.set()
        assert now.request("GET", "/c").startswith(b"/c")
        assert len(cluster.sent) == 3

    def test_what_took_too_long_is_of_another_moment(self) -> None:
        cluster, clock = Held(), [0.0]
        now = Moment(cluster, monotonic=lambda: clock[0])
        now.ahead(reading("/a"))
        wait_until(lambda: not cluster.busy.calls)

        clock[0] = LASTING + 0.1
        now.request("GET", "/a")

        assert cluster.sent == ["GET /a", "GET /a"]

    def test_nothing_is_written_ahead(self) -> None:
        cluster = Held()

        Moment(cluster).ahead(lambda scout: scout.request("PATCH", "/a", body=PATCH))

        wait_until(lambda: not cluster.busy.calls)
        assert cluster.sent == []
