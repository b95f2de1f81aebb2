"""What votes come to, and whether a promote may be made by that, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.approvals import Decision, Verdict, Vote, check_promotion, find_pushers, judge
from release.freezes import Frozen
from release.model import VERDIGRIS, Actor, Color, Release, State
from release.rule_refusals import app_frozen, stopped
from release.rules import Promotion
from tests.unit.release.desk import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PUSHER = Actor("git", "octocat")
PEOPLE = {"octocat": "anna@example.com"}
RELEASE = Release("r1", "shop", "v1-blue", Color.BLUE, "", State.READY, PUSHER, NOON, NOON)


def vote(text: str) -> Vote:
    """``+person:joe`` approves, ``-person:joe`` rejects."""
    decision = Decision.APPROVE if text[0] == "+" else Decision.REJECT
    return Vote(Actor.parse(text[1:]), decision, "", NOON)


@pytest.mark.parametrize(
    ("needed", "votes", "approved", "missing", "rejected_by"),
    [
        (0, [], True, 0, None),
        (1, [], False, 1, None),
        (2, ["+person:joe"], False, 1, None),
        (2, ["+person:joe", "+token:ci"], True, 0, None),
        (2, ["+person:joe", "+person:Joe"], False, 1, None),
        (2, ["+person:joe", "+token:joe"], False, 1, None),
        (1, ["+person:anna@example.com"], False, 1, None),
        (1, ["+token:Anna@Example.com"], False, 1, None),
        (1, ["+person:octocat"], True, 0, None),
        (1, ["+person:joe", "+person:bob"], True, 0, None),
        (1, ["+person:joe", "-person:bob"], False, 0, "person:bob"),
        (1, ["-person:bob", "+person:joe"], False, 0, "person:bob"),
        (2, ["+person:joe", "-person:joe"], False, 1, "person:joe"),
        (1, ["-person:anna@example.com", "-person:bob"], False, 1, "person:anna@example.com"),
        (0, ["-person:bob"], False, 0, "person:bob"),
    ],
)
def test_a_release_is_approved_by_enough_others_and_rejected_by_anybody(
    needed: int, votes: Sequence[str], *, approved: bool, missing: int, rejected_by: str | None
) -> None:
    verdict = judge(needed, [vote(one) for one in votes], pushers=[PUSHER], people=PEOPLE)

    assert (verdict.is_approved, verdict.missing) == (approved, missing)
    assert verdict.rejected_by == (Actor.parse(rejected_by) if rejected_by else None)


def test_the_verdict_names_those_whose_approvals_count() -> None:
    votes = [vote(one) for one in ("+person:joe", "+git:octocat", "+token:JOE", "+person:bob")]

    verdict = judge(3, votes, pushers=[PUSHER], people=PEOPLE)

    assert verdict.approved_by == (Actor("person", "joe"), Actor("person", "bob"))


VOTES = st.lists(
    st.builds(
        Vote,
        st.builds(
            Actor,
            st.sampled_from(["person", "token", "git"]),
            st.sampled_from(["anna@example.com", "Anna@example.com", "octocat", "joe", "JOE", "bob"]),
        ),
        st.sampled_from(Decision),
        st.just(""),
        st.just(NOON),
    ),
    max_size=8,
)


@given(needed=st.integers(0, 4), votes=VOTES, further=VOTES)
def test_no_vote_takes_an_approval_away_and_none_lifts_a_rejection(
    needed: int, votes: list[Vote], further: list[Vote]
) -> None:
    before = judge(needed, votes, pushers=[PUSHER], people=PEOPLE)
    after = judge(needed, votes + further, pushers=[PUSHER], people=PEOPLE)

    assert after.missing <= before.missing
    assert after.approved_by[: len(before.approved_by)] == before.approved_by
    assert before.rejected_by is None or after.rejected_by == before.rejected_by
    assert not (after.is_approved and (after.missing or after.rejected_by))
    assert PUSHER not in after.approved_by
    assert Actor("person", "anna@example.com") not in after.approved_by


def test_whoever_brought_a_commit_stays_its_pusher_through_redeploys() -> None:
    again = replace(RELEASE, id="r2", actor=Actor("person", "joe"), redeploy_of="r1")
    third = replace(RELEASE, id="r3", actor=Actor("token", "ci"), redeploy_of="r2")
    known = {one.id: one for one in (RELEASE, again, third)}

    assert find_pushers(RELEASE, known.get) == (PUSHER,)
    assert find_pushers(third, known.get) == (Actor("token", "ci"), Actor("person", "joe"), PUSHER)


def test_releases_that_are_forgotten_or_go_in_a_circle_end_the_search() -> None:
    again = replace(RELEASE, id="r2", redeploy_of="r1")
    circle = replace(RELEASE, redeploy_of="r2")

    assert find_pushers(again, {"r2": again}.get) == (PUSHER,)
    assert find_pushers(again, {"r1": circle, "r2": again}.get) == (PUSHER, PUSHER)


APPROVED = Verdict(is_approved=True, missing=0)
REFUSED = Promotion(pusher="refused")


def check(rule: Promotion, verdict: Verdict, actor: Actor) -> None:
    check_promotion(RELEASE, rule, verdict, actor=actor, pushers=[PUSHER], people=PEOPLE)


@pytest.mark.parametrize(
    ("rule", "verdict", "actor", "slug"),
    [
        (Promotion(), Verdict(False, 0, Actor("person", "bob")), "person:joe", "release-rejected"),  # noqa: FBT003
        (Promotion(), Verdict(False, 2), "person:joe", "approvals-missing"),  # noqa: FBT003
        (REFUSED, APPROVED, "person:anna@example.com", "own-release"),
        (REFUSED, APPROVED, "git:octocat", "own-release"),
    ],
)
def test_a_promote_is_refused_by_the_rules(rule: Promotion, verdict: Verdict, actor: str, slug: str) -> None:
    with refused(slug):
        check(rule, verdict, Actor.parse(actor))


@pytest.mark.parametrize(
    ("rule", "actor"),
    [
        (Promotion(), Actor("person", "anna@example.com")),
        (REFUSED, Actor("person", "joe")),
        (REFUSED, VERDIGRIS),
    ],
)
def test_a_promote_that_is_agreed_to_passes(rule: Promotion, actor: Actor) -> None:
    check(rule, APPROVED, actor)


@pytest.mark.parametrize(
    ("frozen", "told"),
    [
        (Frozen(NOON, "weekend"), "shop: until 2026-01-01 12:00 UTC (weekend); release r1 (v1-blue) stays"),
        (Frozen(NOON, "", is_open_end=True), "shop: until at least 2026-01-01 12:00 UTC; release r1"),
    ],
)
def test_a_freeze_tells_until_when_and_why(frozen: Frozen, told: str) -> None:
    assert app_frozen(RELEASE, frozen).document.detail.startswith(told)


def test_a_stop_tells_by_whom_and_why_without_marks_of_control() -> None:
    joe = Actor("person", "joe")

    assert (
        stopped(RELEASE, joe, "a\x1bbug").document.detail
        == "shop: release r1 (v1-blue): by person:joe: a\\u001bbug"
    )
    assert stopped(RELEASE, joe, "").document.detail.endswith("by person:joe")
