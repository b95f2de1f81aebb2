"""What is kept of tags, over Redis in the test's own process and over a real server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.heard_tags import HeardTags
from release.jobs import NewJob, NewRelease
from release.model import Actor, Color, JobKind
from release.problems import NotDurable, ProblemDocument
from release.queue import Queue
from release.tag_watch import Comparison, Difference, Heard, KnownTag

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.redis_access import Client

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE, TWO = "1" * 40, "2" * 40
GIT = Actor("git", "octocat")
DONE = Comparison("repository", NOON, NOON)
MISSED = KnownTag("v1-blue", ONE, Heard.MISSED, NOON)


@pytest.fixture
def tags(client: Client) -> HeardTags:
    return HeardTags(client)


def hear(client: Client, tag: str, commit: str, *, delivered: str | None = None, number: int = 1) -> None:
    """A release of a tag; ``delivered``: also a delivery that named this commit."""
    release = NewRelease(f"r{number}", "shop", tag, Color.BLUE, commit, GIT, "")
    seen = {f"tag:shop:{tag}:{delivered}": 60} if delivered is not None else {}
    Queue(client).accept(
        NewJob(
            id=f"j{number}",
            app="shop",
            kind=JobKind.DEPLOY,
            queue="shop",
            color=Color.BLUE,
            release_id=release.id,
            tag=tag,
            actor=GIT,
            reason="",
            release=release,
            seen=seen,
        )
    )


def test_nothing_is_known_in_an_empty_redis(tags: HeardTags) -> None:
    assert tags.find_last("shop") == (None, 0)
    assert tags.known("shop") == {}
    assert tags.never_delivered("shop") == []
    assert tags.told("shop", {}) == {}


def test_a_comparison_is_read_back_as_it_was_kept(tags: HeardTags) -> None:
    error = ProblemDocument("repository-unreachable", "Grüße 日本", "a\nb", "wait", 502)
    kept = Comparison("x", NOON, None, error=error, answered=3)

    tags.keep("shop", kept)
    tags.ask("shop")
    tags.ask("shop")

    assert tags.find_last("shop") == (kept, 2)
    assert tags.find_last("forum") == (None, 0)
    assert tags.find_lasts(["forum", "shop"]) == {"forum": (None, 0), "shop": (kept, 2)}


def test_tags_are_read_back_as_they_were_kept(tags: HeardTags) -> None:
    changed = (
        MISSED,
        KnownTag("v2-blue", TWO, Heard.MOVED, NOON, was=ONE),
        KnownTag("v3-blue", TWO, Heard.BEFORE, NOON, gone_at=NOON),
        KnownTag("v4-blue", TWO, Heard.DISMISSED, NOON, by="person:ann", reason="a test"),
    )

    tags.keep("shop", DONE, Difference(changed=changed))

    assert tags.known("shop") == {tag.name: tag for tag in changed}
    assert tags.never_delivered("shop") == [changed[0], changed[1], changed[3]]
    assert tags.known("forum") == {}


def test_what_is_settled_gone_or_forgotten_is_listed_no_more(tags: HeardTags) -> None:
    one, two, three = (replace(MISSED, name=f"v{number}-blue") for number in (1, 2, 3))
    tags.keep("shop", DONE, Difference(changed=(one, two, three)))

    settled = replace(one, heard=Heard.DELIVERED)
    gone = replace(two, gone_at=NOON)
    tags.keep("shop", DONE, Difference(changed=(settled, gone), forgotten=("v2-blue",)))

    assert tags.never_delivered("shop") == [three]
    assert tags.known("shop") == {"v1-blue": settled, "v3-blue": three}


def test_a_first_comparison_replaces_what_was_known(tags: HeardTags) -> None:
    tags.keep("shop", DONE, Difference(changed=(MISSED,)))
    before = KnownTag("v9-blue", TWO, Heard.BEFORE, NOON)

    tags.keep("shop", DONE, Difference(changed=(before,)), is_first=True)

    assert tags.known("shop") == {"v9-blue": before}
    assert tags.never_delivered("shop") == []


@pytest.mark.parametrize(
    ("commit", "delivered", "told"),
    [
        (ONE, None, {ONE}),
        (ONE, ONE, {ONE}),
        (ONE, "", {ONE}),
        ("", None, {""}),
        ("", "", {""}),
        (TWO, None, {TWO}),
        (TWO, TWO, {TWO}),
    ],
)
def test_a_tag_was_heard_of_where_a_release_of_it_is_known(
    client: Client, tags: HeardTags, commit: str, delivered: str | None, told: set[str]
) -> None:
    hear(client, "v1-blue", commit, delivered=delivered)

    assert tags.told("shop", {"v1-blue": ONE, "v2-blue": ONE}) == {"v1-blue": told, "v2-blue": set()}
    assert tags.told("forum", {"v1-blue": ONE}) == {"v1-blue": set()}


@pytest.mark.parametrize(("delivered", "told"), [(ONE, {ONE}), (TWO, set()), ("", {""})])
def test_a_delivery_is_remembered_longer_than_its_release(
    client: Client, tags: HeardTags, delivered: str, told: set[str]
) -> None:
    hear(client, "v1-blue", delivered, delivered=delivered)
    client.delete("verdigris:release:r1")

    assert tags.told("shop", {"v1-blue": ONE}) == {"v1-blue": told}


def test_a_tag_is_listed_no_more_from_the_moment_it_is_released(client: Client, tags: HeardTags) -> None:
    tags.keep("shop", DONE, Difference(changed=(MISSED,)))
    assert tags.never_delivered("shop") == [MISSED]

    hear(client, "v1-blue", ONE)

    assert tags.never_delivered("shop") == []


def test_a_dismissal_is_kept_with_who_and_why(tags: HeardTags) -> None:
    tags.keep("shop", DONE, Difference(changed=(MISSED,)))
    dismissed = replace(MISSED, heard=Heard.DISMISSED, by="person:ann", reason="a test")

    tags.dismiss("shop", dismissed)

    assert tags.never_delivered("shop") == [dismissed]


def test_one_worker_at_a_time_compares_an_app(client: Client, tags: HeardTags) -> None:
    with tags.leased("shop") as first:
        with tags.leased("shop") as second, tags.leased("forum") as other:
            assert (first, second, other) == (True, False, True)
        with tags.leased("shop") as third:
            assert not third, "whoever did not get it does not give it back"
    with tags.leased("shop") as again:
        assert again
    assert 0 < client.ttl("verdigris:app:shop:comparing") <= 120 or not client.exists(
        "verdigris:app:shop:comparing"
    )


def test_a_lease_that_ran_out_is_not_taken_from_the_next(client: Client, tags: HeardTags) -> None:
    with tags.leased("shop"):
        client.delete("verdigris:app:shop:comparing")
        with tags.leased("shop") as next_one:
            assert next_one
            assert client.ttl("verdigris:app:shop:comparing") <= 120
            client.set("verdigris:app:shop:comparing", "somebody else's")

    assert client.get("verdigris:app:shop:comparing") == "somebody else's"


CALLS: dict[str, Callable[[HeardTags], object]] = {
    "find_last": lambda tags: tags.find_last("shop"),
    "find_lasts": lambda tags: tags.find_lasts(["shop"]),
    "ask": lambda tags: tags.ask("shop"),
    "known": lambda tags: tags.known("shop"),
    "told": lambda tags: tags.told("shop", {"v1-blue": ONE}),
    "keep": lambda tags: tags.keep("shop", DONE),
    "never_delivered": lambda tags: tags.never_delivered("shop"),
    "dismiss": lambda tags: tags.dismiss("shop", MISSED),
    "leased": lambda tags: tags.leased("shop").__enter__(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_without_redis_each_method_says_so(call: Callable[[HeardTags], object]) -> None:
    server = fakeredis.FakeServer()
    server.connected = False

    with pytest.raises(NotDurable, match="Redis did not answer"):
        call(HeardTags(fakeredis.FakeRedis(server=server, decode_responses=True)))


def test_every_method_is_asked_without_redis() -> None:
    assert {name for name in vars(HeardTags) if not name.startswith("_")} == set(CALLS)
