"""What people say to a promote is kept once, in its time, and forgotten with the release."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.approvals import Decision
from release.auto_promotion import STOPPABLE
from release.consent import HEARD, Consent
from release.model import Actor, State
from release.problems import NotDurable
from tests.unit.release.desk import ANNA, GIT, Desk, refused, step

if TYPE_CHECKING:
    import fakeredis

    from release.model import Release
    from release.redis_access import Client

JOE, BOB = Actor("person", "joe"), Actor("token", "bob")
PEOPLE = {"octocat": "anna"}

TO_STATE = {
    State.QUEUED: (),
    State.RUNNING: (State.RUNNING,),
    State.READY: (State.RUNNING, State.READY),
    State.LIVE: (State.RUNNING, State.READY, State.LIVE),
    State.STANDBY: (State.RUNNING, State.READY, State.LIVE, State.STANDBY),
    State.ROLLED_BACK: (State.RUNNING, State.READY, State.LIVE, State.ROLLED_BACK),
    State.FAILED: (State.RUNNING, State.FAILED),
    State.CANCELLED: (State.CANCELLED,),
    State.SUPERSEDED: (State.SUPERSEDED,),
    State.RETIRED: (State.RUNNING, State.READY, State.LIVE, State.STANDBY, State.RETIRED),
}


@pytest.fixture
def consent(client: Client) -> Consent:
    return Consent(client)


def release_in(desk: Desk, state: State) -> Release:
    """A release that came to a state as far as its record tells."""
    accepted = desk.requests.deploy("shop", "v1.0-blue", actor=GIT)
    desk.queue.settle(step(accepted.release_id or "", one) for one in TO_STATE[state])
    release = desk.release(accepted)
    assert release.state is state
    return release


def approve(consent: Consent, release: Release, actor: Actor, comment: str = "") -> None:
    consent.approve(release, actor=actor, comment=comment, pushers=[release.actor], people=PEOPLE)


def reject(consent: Consent, release: Release, actor: Actor, comment: str = "") -> None:
    consent.reject(release, actor=actor, comment=comment, people=PEOPLE)


def test_votes_are_read_back_as_they_were_cast(desk: Desk, consent: Consent) -> None:
    release = release_in(desk, State.READY)

    approve(consent, release, JOE, "looks good")
    reject(consent, release, BOB, 'it\'s "broken"\x00\n\ud800 ↯')

    approval, rejection = consent.votes(release.id)
    assert (approval.actor, approval.decision, approval.comment) == (JOE, Decision.APPROVE, "looks good")
    assert (rejection.actor, rejection.decision) == (BOB, Decision.REJECT)
    assert rejection.comment == 'it\'s "broken"\x00\n? ↯'
    assert datetime.now(UTC) - approval.at < timedelta(minutes=1)
    assert approval.at <= rejection.at


@pytest.mark.parametrize("again", [JOE, Actor("token", "JOE")])
def test_nobody_approves_twice(desk: Desk, consent: Consent, again: Actor) -> None:
    release = release_in(desk, State.READY)
    approve(consent, release, JOE)

    with refused("already-approved"):
        approve(consent, release, again)

    assert len(consent.votes(release.id)) == 1


@pytest.mark.parametrize("pusher", [GIT, Actor("person", "Anna"), Actor("token", "anna")])
def test_who_pushed_the_tag_can_not_approve_but_may_reject(
    desk: Desk, consent: Consent, pusher: Actor
) -> None:
    release = release_in(desk, State.READY)

    with refused("own-release"):
        approve(consent, release, pusher)
    assert consent.votes(release.id) == []

    reject(consent, release, pusher)
    assert [vote.decision for vote in consent.votes(release.id)] == [Decision.REJECT]


def test_who_has_approved_may_think_better_of_it(desk: Desk, consent: Consent) -> None:
    release = release_in(desk, State.READY)
    approve(consent, release, JOE)

    reject(consent, release, JOE)

    assert [vote.decision for vote in consent.votes(release.id)] == [Decision.APPROVE, Decision.REJECT]


def test_after_a_rejection_nobody_says_anything(desk: Desk, consent: Consent) -> None:
    release = release_in(desk, State.READY)
    reject(consent, release, BOB)

    with refused("release-rejected") as caught:
        approve(consent, release, JOE)
    with refused("release-rejected"):
        reject(consent, release, JOE)

    assert "token:bob" in caught.value.document.detail
    assert len(consent.votes(release.id)) == 1


@pytest.mark.parametrize("state", TO_STATE)
def test_votes_are_heard_while_a_promote_may_follow(desk: Desk, consent: Consent, state: State) -> None:
    release = release_in(desk, state)

    if state in HEARD:
        approve(consent, release, JOE)
        reject(consent, release, BOB)
        assert len(consent.votes(release.id)) == 2
        return
    for say in (approve, reject):
        with refused("past-approval"):
            say(consent, release, JOE)
    assert consent.votes(release.id) == []


def test_the_state_counts_that_the_release_has_and_not_the_one_that_was_read(
    desk: Desk, consent: Consent
) -> None:
    release = release_in(desk, State.READY)
    desk.queue.settle([step(release.id, State.SUPERSEDED)])

    with refused("past-approval"):
        approve(consent, release, JOE)
    with refused("no-countdown"):
        consent.stop(release, actor=JOE)


def test_a_promote_that_has_begun_can_not_be_rejected_one_that_waits_can(
    desk: Desk, consent: Consent
) -> None:
    release = desk.release(desk.deploy("v1.0-blue"))
    other = desk.release(desk.deploy("v1.0-green"))
    promoted = desk.requests.promote("shop", actor=ANNA, release_id=release.id)
    desk.claim(promoted)

    with refused("being-promoted"):
        reject(consent, release, BOB)
    approve(consent, release, JOE)
    reject(consent, other, BOB)

    assert [vote.decision for vote in consent.votes(release.id)] == [Decision.APPROVE]


def test_a_promote_that_only_waits_can_be_rejected(desk: Desk, consent: Consent) -> None:
    release = desk.release(desk.deploy("v1.0-blue"))
    desk.requests.promote("shop", actor=ANNA)

    reject(consent, release, BOB)

    assert len(consent.votes(release.id)) == 1


def test_a_stop_is_the_first_ones(desk: Desk, consent: Consent) -> None:
    release = release_in(desk, State.READY)
    assert consent.find_stop(release.id) is None

    first = consent.stop(release, actor=JOE, reason="not today")
    again = consent.stop(release, actor=BOB, reason="nor tomorrow")

    assert first == again == consent.find_stop(release.id)
    assert (first.actor, first.reason) == (JOE, "not today")
    assert datetime.now(UTC) - first.at < timedelta(minutes=1)


@pytest.mark.parametrize("state", TO_STATE)
def test_what_is_on_its_way_can_be_stopped(desk: Desk, consent: Consent, state: State) -> None:
    release = release_in(desk, state)

    if state in STOPPABLE:
        assert consent.stop(release, actor=JOE)
        return
    with refused("no-countdown"):
        consent.stop(release, actor=JOE)
    assert consent.find_stop(release.id) is None


def test_a_promote_that_is_asked_for_can_not_be_stopped(desk: Desk, consent: Consent) -> None:
    release = desk.release(desk.deploy("v1.0-blue"))
    desk.requests.promote("shop", actor=ANNA)

    with refused("being-promoted"):
        consent.stop(release, actor=JOE)

    assert consent.find_stop(release.id) is None


def test_what_was_said_is_forgotten_with_the_release(desk: Desk, consent: Consent, client: Client) -> None:
    release = release_in(desk, State.READY)
    approve(consent, release, JOE)
    consent.stop(release, actor=JOE)
    desk.queue.settle([step(release.id, State.SUPERSEDED)])
    desk.requests.cancel(release.id, actor=ANNA)

    assert desk.queue.forget("shop", [release.id]) == 1

    assert consent.votes(release.id) == []
    assert consent.find_stop(release.id) is None
    assert client.exists(f"verdigris:votes:{release.id}", f"verdigris:stopped:{release.id}") == 0


def test_without_redis_nothing_is_said(
    desk: Desk, consent: Consent, redis_server: fakeredis.FakeServer
) -> None:
    release = release_in(desk, State.READY)
    redis_server.connected = False

    for ask in (
        lambda: approve(consent, release, JOE),
        lambda: reject(consent, release, JOE),
        lambda: consent.stop(release, actor=JOE),
        lambda: consent.votes(release.id),
        lambda: consent.find_stop(release.id),
    ):
        with pytest.raises(NotDurable):
            ask()
