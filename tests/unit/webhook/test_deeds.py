from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release.audit_entries import CHANGE, Entry, Outcome
from release.model import Actor, JobKind, JobState
from release.roles import Action
from tests.unit.webhook.fakes import NOW, FakeStore, make_job, make_release
from webhook.deeds import ASKED, REJECT, Deed, deed_of_entry, deed_of_job, is_deed, read_deeds, tell_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.audit_entries import ActionName

MARIA = Actor("person", "maria")
OCTOCAT = Actor("git", "octocat")
KUBECTL = Actor("direct", "kubectl")
TAG = "v2.0-blue"


def make_entry(
    action: ActionName,
    outcome: Outcome = Outcome.ACCEPTED,
    *,
    actor: Actor = MARIA,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    release: str = "R1",
    why: str = "",
) -> Entry:
    return Entry(
        id="1-0",
        at=NOW,
        number=1,
        actor=actor,
        action=action,
        outcome=outcome,
        app="shop",
        release=release,
        why=why,
        before=before or {},
        after=after or {},
    )


def sentence(deed: Deed) -> str:
    """As the page has it."""
    words = (deed.actor.name, deed.before, deed.tag if deed.names_tag else "", deed.after, deed.outcome)
    return " ".join(filter(None, words))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (make_entry(Action.PROMOTE), "maria asked to promote v2.0-blue"),
        (make_entry(Action.ROLLBACK), "maria asked to roll back to v2.0-blue"),
        (make_entry(Action.RETRY), "maria asked to try v2.0-blue again"),
        (make_entry(Action.DECOMMISSION), "maria asked to decommission the color that is not live"),
        (make_entry(Action.APPROVE, Outcome.DONE), "maria approved v2.0-blue"),
        (make_entry(Action.APPROVE, Outcome.DONE, after={"decision": REJECT}), "maria rejected v2.0-blue"),
        (
            make_entry(Action.APPROVE, Outcome.REFUSED, after={"decision": REJECT}, why="own-release"),
            "maria asked to reject v2.0-blue refused: own-release",
        ),
        (
            make_entry(Action.COMPARE_TAGS, Outcome.DONE),
            "maria asked to compare the tags with those in Git",
        ),
        (make_entry(CHANGE, Outcome.DONE, actor=OCTOCAT), "octocat pushed v2.0-blue"),
        (make_entry(CHANGE, Outcome.DONE, actor=KUBECTL), "kubectl moved every user to v2.0-blue"),
    ],
)
def test_an_entry_is_a_sentence(entry: Entry, told: str) -> None:
    assert sentence(deed_of_entry(entry, TAG)) == told


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (Action.PROMOTE, "asked to promote"),
        (Action.ROLLBACK, "asked to roll back"),
        (Action.STOP_COUNTDOWN, "asked to stop the countdown"),
        (Action.START, "asked to start without waiting"),
    ],
)
def test_where_no_tag_is_known_the_sentence_does_without(action: Action, told: str) -> None:
    deed = deed_of_entry(make_entry(action, Outcome.REFUSED, release="", why="nothing-ready"), "")
    assert sentence(deed) == f"maria {told} refused: nothing-ready"


def test_everything_that_can_be_asked_for_has_its_words() -> None:
    assert set(ASKED) == {*Action, REJECT}
    assert {*JobKind} <= set(ASKED)


def test_steps_are_deeds_only_where_no_request_is_behind_them() -> None:
    live: dict[str, object] = {"state": "live"}
    assert is_deed(make_entry(Action.PROMOTE))
    assert is_deed(make_entry(CHANGE, actor=OCTOCAT, after={"state": "queued"}))
    assert is_deed(make_entry(CHANGE, actor=KUBECTL, before={"state": "standby"}, after=live))
    assert is_deed(
        make_entry(CHANGE, actor=Actor("cluster", "argocd"), before={"state": "ready"}, after=live)
    )

    assert not is_deed(make_entry(CHANGE, actor=MARIA, before={"state": "ready"}, after=live))
    assert not is_deed(make_entry(CHANGE, actor=OCTOCAT, before={"state": "queued"}))
    assert not is_deed(make_entry(CHANGE, actor=KUBECTL, before=live, after={"state": "standby"}))
    assert not is_deed(make_entry(Action.PROMOTE, actor=Actor("verdigris", "verdigris")))


def test_a_job_is_a_sentence_with_what_became_of_it() -> None:
    assert sentence(deed_of_job(make_job())) == "octocat pushed v2.0-blue running"
    asked = make_job(kind=JobKind.PROMOTE, actor=MARIA)
    assert sentence(deed_of_job(asked)) == "maria asked to promote v2.0-blue running"
    gone = make_job(kind=JobKind.DECOMMISSION, actor=MARIA, tag="", release_id=None)
    assert sentence(deed_of_job(gone)) == "maria asked to decommission blue running"


def test_what_became_of_a_deed_is_told_by_its_job() -> None:
    failed = make_job("J7", kind=JobKind.PROMOTE, state=JobState.FAILED)
    gone = make_job("J8", kind=JobKind.DECOMMISSION, tag="", release_id=None, state=JobState.DONE)
    pushed, retried = make_job("J1", state=JobState.FAILED), make_job("J2")
    jobs = [gone, failed, retried, pushed]

    def told(entry: Entry, tag: str = TAG) -> str:
        return sentence(tell_end(deed_of_entry(entry, tag), jobs))

    assert told(make_entry(Action.PROMOTE, after={"job": "J7"})) == "maria asked to promote v2.0-blue failed"
    assert (
        told(make_entry(Action.DECOMMISSION, after={"job": "J8"}, release=""), "")
        == "maria asked to decommission blue done"
    )
    assert told(make_entry(CHANGE, Outcome.DONE, actor=OCTOCAT)) == "octocat pushed v2.0-blue failed"
    assert told(make_entry(Action.PROMOTE, after={"job": "J0"})) == "maria asked to promote v2.0-blue"
    refused = make_entry(Action.PROMOTE, Outcome.REFUSED, why="app-frozen")
    assert told(refused) == "maria asked to promote v2.0-blue refused: app-frozen"


def test_each_deed_names_the_tag_of_its_release_as_long_as_that_is_known() -> None:
    store = FakeStore()
    store.found = [make_release("R1", tag="v1.0-blue")]
    for release in ("R1", "R2", "R3"):
        store.audit.write(make_entry(Action.PROMOTE, release=release))
    store.audit.write(make_entry(Action.DEPLOY, release="R4", after={"tag": "v4.0-blue"}))

    deeds = read_deeds("shop", store, {"R2": "v2.0-blue"})

    assert [(sentence(one), one.release_id) for one in deeds] == [
        ("maria asked to deploy v4.0-blue", "R4"),
        ("maria asked to promote a release that is not known any more", ""),
        ("maria asked to promote v2.0-blue", "R2"),
        ("maria asked to promote v1.0-blue", "R1"),
    ]
