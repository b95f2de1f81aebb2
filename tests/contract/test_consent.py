"""What people say at the same moment, over Redis in the test's own process and over a real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from release.approvals import Decision
from release.consent import Consent
from release.jobs import NewJob, NewRelease
from release.model import Actor, Color, JobKind, State
from release.problems import NotDurable, Problem
from release.queue import Queue
from release.redis_access import connect
from release.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from release.model import Release
    from release.redis_access import Client
    from sandbox.datastore import RunningRedis

GIT = Actor("git", "octocat")
PEOPLE = [Actor("person", f"person-{number}") for number in range(8)]


@pytest.fixture
def consent(client: Client) -> Consent:
    return Consent(client)


@pytest.fixture
def release(client: Client) -> Release:
    """Of a deploy that waits for its turn."""
    new = NewRelease("r1", "shop", "v1-blue", Color.BLUE, "", GIT, "")
    Queue(client).accept(
        NewJob(
            id="j1",
            app="shop",
            kind=JobKind.DEPLOY,
            queue="shop",
            color=Color.BLUE,
            release_id="r1",
            tag="v1-blue",
            actor=GIT,
            reason="",
            release=new,
        )
    )
    found = Store(client).find_release("r1")
    assert found
    assert found.state is State.QUEUED
    return found


def ask_at_once(questions: Sequence[Callable[[], object]]) -> list[str]:
    """How each went: a slug, or nothing where it was kept."""

    def ask(question: Callable[[], object]) -> str:
        try:
            question()
        except Problem as problem:
            return problem.document.slug
        return ""

    with ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(ask, questions))


def approval(consent: Consent, release: Release, actor: Actor) -> Callable[[], object]:
    return lambda: consent.approve(release, actor=actor, pushers=[GIT], people={})


def rejection(consent: Consent, release: Release, actor: Actor) -> Callable[[], object]:
    return lambda: consent.reject(release, actor=actor, people={})


def test_one_person_who_clicks_often_approves_once(consent: Consent, release: Release) -> None:
    went = ask_at_once([approval(consent, release, PEOPLE[0]) for _ in range(8)])

    assert sorted(went) == ["", *["already-approved"] * 7]
    assert [vote.actor for vote in consent.votes("r1")] == [PEOPLE[0]]


def test_nothing_is_kept_after_a_rejection_whoever_is_faster(consent: Consent, release: Release) -> None:
    went = ask_at_once(
        [(rejection if number % 2 else approval)(consent, release, one) for number, one in enumerate(PEOPLE)]
    )

    votes = consent.votes("r1")
    assert [vote.decision for vote in votes].count(Decision.REJECT) == 1
    assert votes[-1].decision is Decision.REJECT
    assert set(went) == {"", "release-rejected"}
    assert went.count("") == len(votes)


def test_one_stop_stands_and_everybody_is_told_the_same(consent: Consent, release: Release) -> None:
    with ThreadPoolExecutor(8) as pool:
        stops = set(pool.map(lambda one: consent.stop(release, actor=one, reason=one.name), PEOPLE))

    assert stops == {consent.find_stop("r1")}


def test_hostile_words_are_kept_as_words(consent: Consent, release: Release) -> None:
    words = '{"decision": "approve"}\x00\r\n\ud800 ↯ <script> ' + "9" * 400

    consent.reject(release, actor=Actor("person", words), comment=words, people={})
    consent.stop(release, actor=PEOPLE[0], reason=words)

    (vote,), stop = consent.votes("r1"), consent.find_stop("r1")
    assert (vote.decision, vote.actor.name) == (Decision.REJECT, words.replace("\ud800", "?"))
    assert vote.comment == words.replace("\ud800", "?")
    assert stop
    assert stop.reason == vote.comment


@pytest.mark.needs_redis
def test_a_redis_that_takes_no_writes_is_told(
    shared_redis: RunningRedis, real_redis: Client, request: pytest.FixtureRequest
) -> None:
    """Full memory: what was said is not kept, and nobody is told that it was."""
    consent = Consent(connect(shared_redis.url, timeout=5))
    new = NewRelease("r1", "shop", "v1-blue", Color.BLUE, "", GIT, "", state=State.READY)
    Queue(real_redis).recover([new])
    release = Store(real_redis).find_release("r1")
    assert release
    request.addfinalizer(lambda: real_redis.config_set("maxmemory", 0))
    real_redis.config_set("maxmemory", 1)

    for ask in (rejection(consent, release, GIT), lambda: consent.stop(release, actor=GIT)):
        with pytest.raises(NotDurable):
            ask()

    real_redis.config_set("maxmemory", 0)
    assert consent.votes("r1") == []
    assert consent.find_stop("r1") is None
