"""What a moment remembers, and what ends it."""

import pytest

from cluster.connection import Body
from cluster.errors import Conflict, NotFound
from cluster.moment import LASTING, Moment
from tests.unit.cluster.fakes import Answer, fake_cluster

PATCH = Body([], "application/json-patch+json")


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
