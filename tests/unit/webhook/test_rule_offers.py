from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.approvals import Decision, Verdict, Vote
from release.auto_promotion import Block, Countdown, Stop
from release.freezes import Coming, Frozen
from release.model import Actor, Color, State
from tests.unit.webhook.fakes import NOW, make_job, make_release
from webhook.offers import Offer, app_offers, release_offers
from webhook.rule_offers import offer_under_rules, tell_wait
from webhook.rules_view import RulesView, Viewer, tell_freeze, tell_next_freeze, tell_verdict
from webhook.standing import stand
from webhook.way_back import find_way_back

ANNA, BEN = Actor("person", "anna"), Actor("token", "ben")
LIVE = make_release("R0", tag="v1.0-green", color=Color.GREEN, state=State.LIVE)
READY = make_release("R1")
FREE = RulesView(release=READY, now=NOW, needed=0, verdict=Verdict(is_approved=True, missing=0))
ASKING = replace(FREE, needed=2, verdict=Verdict(is_approved=False, missing=1, approved_by=(ANNA,)))
AGREED = replace(FREE, needed=1, verdict=Verdict(is_approved=True, missing=0, approved_by=(ANNA,)))
REJECTED = replace(ASKING, verdict=Verdict(is_approved=False, missing=2, rejected_by=BEN))
CHRISTMAS = Frozen(NOW + timedelta(days=1), "Christmas")
FROZEN = replace(FREE, frozen=CHRISTMAS)
PROMOTER = Viewer(may_override=True)


def buttons(rules: RulesView) -> dict[str, Offer]:
    """Those of the app of a release that is ready, by what they ask for."""
    standing = stand(None, [LIVE, rules.release])
    offers = app_offers(standing, find_way_back(standing, queue=[], earlier=[]))
    return {one.action: one for one in offer_under_rules(offers, rules)}


def test_without_rules_nothing_is_added_and_nothing_held_back() -> None:
    found = buttons(FREE)
    assert list(found) == ["deploy", "promote", "rollback", "decommission"]
    assert found["promote"].is_possible
    assert not found["promote"].overrides_freeze


def test_a_promote_without_approvals_says_how_many_are_missing_instead_of_failing() -> None:
    found = buttons(ASKING)
    assert (found["promote"].is_possible, found["promote"].release_id) == (False, None)
    assert found["promote"].what == "v2.0-blue has 1 of 2 approvals; missing 1"
    assert list(found) == ["deploy", "promote", "approve", "reject", "rollback", "decommission"]
    assert found["approve"].release_id == found["reject"].release_id == "R1"
    assert "final" in found["reject"].loses


def test_with_all_approvals_it_can_be_promoted_and_still_be_rejected() -> None:
    found = buttons(AGREED)
    assert found["promote"].is_possible
    assert found["reject"].is_possible


def test_what_was_rejected_is_neither_promoted_nor_voted_on() -> None:
    found = buttons(REJECTED)
    assert found["promote"].what.startswith("v2.0-blue was rejected by ben (API), and that is final")
    assert not {"approve", "reject"} & set(found)


@pytest.mark.parametrize(
    ("viewer", "why"),
    [
        (Viewer(has_pushed=True), "you pushed its tag, so somebody else has to approve it"),
        (Viewer(has_approved=True), "you have approved it, and nobody counts twice"),
    ],
)
def test_who_can_not_approve_is_told_why_and_may_still_reject(viewer: Viewer, why: str) -> None:
    found = buttons(replace(ASKING, viewer=viewer))
    assert (found["approve"].is_possible, found["approve"].what) == (False, why)
    assert found["reject"].is_possible


def test_who_pushed_the_tag_is_told_that_somebody_else_has_to_promote_it() -> None:
    own = replace(AGREED, viewer=Viewer(has_pushed=True), is_own_refused=True)
    assert buttons(own)["promote"].what == "you pushed its tag, so somebody else has to promote it"
    assert buttons(replace(own, is_own_refused=False))["promote"].is_possible


def test_in_a_freeze_who_may_is_offered_the_override_and_has_to_say_why() -> None:
    promote = buttons(replace(FROZEN, viewer=PROMOTER))["promote"]
    assert (promote.is_possible, promote.overrides_freeze, promote.release_id) == (True, True, "R1")
    assert promote.label == "Promote v2.0-blue, in the freeze"
    assert promote.loses == "Overrides a freeze: shop is frozen until 2026-01-02 12:00 UTC (Christmas)."


def test_in_a_freeze_all_others_are_told_until_when() -> None:
    promote = buttons(FROZEN)["promote"]
    assert not promote.is_possible
    assert "shop is frozen until 2026-01-02 12:00 UTC (Christmas)" in promote.what


def test_an_override_does_not_stand_for_approvals() -> None:
    assert not buttons(replace(ASKING, frozen=CHRISTMAS, viewer=PROMOTER))["promote"].is_possible


def test_a_release_that_waits_is_started_in_a_freeze_by_an_override_alone() -> None:
    waiting = make_release("R1", state=State.WAITING)
    job = make_job(start_by=NOW + timedelta(hours=1))
    offers = release_offers(waiting, [job], stand(None, [waiting]))

    def start(rules: RulesView) -> Offer:
        return next(one for one in offer_under_rules(offers, rules) if one.action == "start")

    assert start(replace(FROZEN, release=waiting, viewer=PROMOTER)).overrides_freeze
    assert not start(replace(FROZEN, release=waiting)).is_possible
    assert start(replace(FREE, release=waiting)) in offers


def test_a_deploy_in_a_freeze_says_that_it_waits() -> None:
    offers = tell_wait(list(buttons(FREE).values()), CHRISTMAS)
    told = [one.action for one in offers if "It waits first: the app is frozen until" in one.what]
    assert told == ["deploy"]
    assert tell_wait(offers, None) == offers


COUNTING = replace(FREE, countdown=Countdown(NOW + timedelta(minutes=9)), is_by_itself=True)


@pytest.mark.parametrize(
    ("rules", "can_be_stopped"),
    [
        (COUNTING, True),
        (replace(FREE, release=make_release(state=State.RUNNING), is_by_itself=True), True),
        (replace(FREE, release=make_release(state=State.RUNNING)), False),
        (replace(FREE, release=make_release(state=State.LIVE), is_by_itself=True), False),
        (replace(FREE, is_by_itself=True), False),
        (replace(COUNTING, countdown=Countdown(NOW, (Block.TRIED,))), False),
        (replace(COUNTING, countdown=Countdown(NOW, (Block.READ_BACK,))), False),
        (replace(COUNTING, stop=Stop(ANNA, "", NOW)), False),
        (replace(COUNTING, verdict=REJECTED.verdict), False),
    ],
)
def test_a_promote_by_itself_can_be_stopped_while_it_may_still_come(
    rules: RulesView, *, can_be_stopped: bool
) -> None:
    offers = offer_under_rules((), rules)
    assert [one.action for one in offers if one.action == "stop-countdown"] == (
        ["stop-countdown"] if can_be_stopped else []
    )


def test_an_app_that_is_not_configured_any_more_has_no_rules() -> None:
    offers = release_offers(READY, [], stand(None, [READY]))
    assert offer_under_rules(offers, None) == offers


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (FREE, ""),
        (COUNTING, "promoted by itself at 2026-01-01 12:09 UTC, in 9 min 00 s"),
        (replace(COUNTING, countdown=Countdown(NOW)), "promoted by itself within seconds"),
        (
            replace(COUNTING, verdict=ASKING.verdict),
            "promoted by itself once 1 more approval is there, at 2026-01-01 12:09 UTC at the earliest",
        ),
        (
            replace(COUNTING, verdict=Verdict(is_approved=False, missing=2), countdown=Countdown(NOW)),
            "promoted by itself once 2 more approvals are there",
        ),
        (
            replace(COUNTING, countdown=Countdown(CHRISTMAS.until, (Block.FREEZE,), CHRISTMAS)),
            "promoted by itself at 2026-01-02 12:00 UTC, in 24 h 00 min, after the freeze",
        ),
        (
            replace(COUNTING, stop=Stop(ANNA, "wait for the team", NOW)),
            "not promoted by itself: stopped by anna: wait for the team",
        ),
        (replace(COUNTING, stop=Stop(BEN, "", NOW)), "not promoted by itself: stopped by ben (API)"),
        (
            replace(COUNTING, countdown=Countdown(NOW, (Block.REJECTED,))),
            "not promoted by itself: it was rejected",
        ),
        (
            replace(COUNTING, countdown=Countdown(NOW, (Block.TRIED,))),
            "not promoted by itself any more: that was tried once, and a person decides now",
        ),
        (
            replace(COUNTING, countdown=Countdown(NOW, (Block.READ_BACK,))),
            (
                "not promoted by itself: Redis was emptied since its tag was pushed, "
                "and what people said to it is lost; a person decides now"
            ),
        ),
        (replace(COUNTING, release=LIVE, stop=Stop(ANNA, "", NOW)), ""),
    ],
)
def test_a_countdown_is_told_in_words(rules: RulesView, told: str) -> None:
    assert rules.tell_countdown() == told


def test_votes_of_a_release_that_nobody_asks_about_any_more_stay_to_be_read() -> None:
    past = replace(ASKING, release=LIVE)
    assert past.tell_approvals() == ""
    vote = Vote(ANNA, Decision.APPROVE, "", NOW)
    assert replace(past, votes=(vote,)).tell_approvals() == "1 of 2 approvals; missing 1"
    assert replace(past, votes=(vote,)).is_shown
    assert not past.is_shown


def test_verdicts_and_freezes_are_told_in_words() -> None:
    assert tell_verdict(AGREED.verdict, 1) == "1 of 1 approval"
    assert tell_verdict(FREE.verdict, 0) == ""
    assert tell_freeze(Frozen(NOW, "", is_open_end=True)) == "frozen until at least 2026-01-01 12:00 UTC"
    assert tell_next_freeze(Coming(NOW, CHRISTMAS)) == (
        "the next freeze begins at 2026-01-01 12:00 UTC: frozen until 2026-01-02 12:00 UTC (Christmas)"
    )
