"""Which tags count as missed, moved or new, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from release.problems import ProblemDocument
from release.tag_watch import (
    GRACE,
    REMEMBERED,
    Comparison,
    Heard,
    KnownTag,
    compare,
    find_unsettled,
    fingerprint,
    is_due,
    is_shown,
    sort_by_version,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EARLIER = NOON - timedelta(hours=1)
ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40
TAG = "v1.0-blue"


def known(heard: Heard, commit: str = ONE, **given: object) -> KnownTag:
    return replace(KnownTag(TAG, commit, heard, EARLIER), **given)  # type: ignore[arg-type]


def judge(last: KnownTag | None, commit: str, *told: str) -> KnownTag:
    """What one tag becomes that Git lists at ``commit``."""
    before = {TAG: last} if last else {}
    difference = compare(before, {TAG: commit}, {TAG: frozenset(told)}, now=NOON)
    return difference.changed[0] if difference.changed else before[TAG]


def test_what_stands_in_git_at_the_first_comparison_is_nobodys_omission() -> None:
    difference = compare(None, {TAG: ONE, "v2-green": TWO}, {}, now=NOON)

    assert difference.changed == (
        KnownTag(TAG, ONE, Heard.BEFORE, NOON),
        KnownTag("v2-green", TWO, Heard.BEFORE, NOON),
    )
    assert (difference.found, difference.forgotten) == ((), ())


@pytest.mark.parametrize(
    ("last", "commit", "told", "becomes"),
    [
        (None, ONE, (), Heard.MISSED),
        (None, ONE, (ONE,), Heard.DELIVERED),
        (None, ONE, ("",), Heard.DELIVERED),
        (None, ONE, (TWO,), Heard.MOVED),
        (known(Heard.BEFORE), ONE, (), Heard.BEFORE),
        (known(Heard.DELIVERED), ONE, (), Heard.DELIVERED),
        (known(Heard.DISMISSED), ONE, (), Heard.DISMISSED),
        (known(Heard.MISSED), ONE, (), Heard.MISSED),
        (known(Heard.MISSED), ONE, (ONE,), Heard.DELIVERED),
        (known(Heard.MOVED, TWO, was=ONE), TWO, (ONE,), Heard.MOVED),
        (known(Heard.MOVED, TWO, was=ONE), TWO, (ONE, TWO), Heard.DELIVERED),
        (known(Heard.BEFORE), TWO, (), Heard.MOVED),
        (known(Heard.DELIVERED), TWO, (ONE,), Heard.MOVED),
        (known(Heard.DELIVERED), TWO, (ONE, TWO), Heard.DELIVERED),
        (known(Heard.DISMISSED), TWO, (), Heard.MOVED),
        (known(Heard.MISSED), TWO, (), Heard.MOVED),
        (known(Heard.MOVED, TWO, was=ONE), THREE, (), Heard.MOVED),
    ],
)
def test_each_tag_is_judged_by_what_was_known_and_heard_of_it(
    last: KnownTag | None, commit: str, told: tuple[str, ...], becomes: Heard
) -> None:
    tag = judge(last, commit, *told)

    assert (tag.name, tag.commit, tag.heard) == (TAG, commit, becomes)


def test_a_moved_tag_says_where_it_was_and_counts_from_its_move() -> None:
    moved = judge(known(Heard.DELIVERED), TWO, ONE)

    assert (moved.was, moved.since) == (ONE, NOON)
    assert judge(None, TWO, ONE).was == ONE, "also where only its release knows that"
    assert judge(moved, THREE, ONE).was == TWO


def test_a_missed_tag_stays_missed_since_it_was_first_seen() -> None:
    assert judge(known(Heard.MISSED), ONE).since == EARLIER


def test_what_did_not_change_is_not_kept_again() -> None:
    assert compare({TAG: known(Heard.MISSED)}, {TAG: ONE}, {TAG: frozenset()}, now=NOON).changed == ()


def test_only_what_is_new_at_its_commit_is_found() -> None:
    before = {
        "v1-blue": KnownTag("v1-blue", ONE, Heard.MISSED, EARLIER),
        "v2-blue": KnownTag("v2-blue", ONE, Heard.DELIVERED, EARLIER),
        "v3-blue": KnownTag("v3-blue", ONE, Heard.MISSED, EARLIER, gone_at=EARLIER),
        "v6-blue": KnownTag("v6-blue", ONE, Heard.MISSED, EARLIER),
    }
    listed = {"v10-blue": ONE, "v1-blue": ONE, "v2-blue": TWO, "v3-blue": ONE, "v4-blue": ONE, "v5-blue": ONE}

    difference = compare(before, listed, {"v5-blue": frozenset({ONE})}, now=NOON)

    assert [(tag.name, tag.heard) for tag in difference.found] == [
        ("v2-blue", Heard.MOVED),
        ("v4-blue", Heard.MISSED),
        ("v10-blue", Heard.MISSED),
    ]


def test_a_tag_that_is_gone_is_not_shown_but_remembered_for_a_while() -> None:
    gone = compare({TAG: known(Heard.MISSED)}, {}, {}, now=NOON)

    assert gone.changed == (known(Heard.MISSED, gone_at=NOON),)
    assert not gone.changed[0].is_listed
    assert gone.forgotten == ()

    late = NOON + REMEMBERED + timedelta(seconds=1)
    assert compare({TAG: gone.changed[0]}, {}, {}, now=NOON + REMEMBERED).forgotten == ()
    assert compare({TAG: gone.changed[0]}, {}, {}, now=late).forgotten == (TAG,)


@pytest.mark.parametrize("heard", list(Heard))
def test_a_host_that_lists_nothing_for_a_moment_makes_nothing_new(heard: Heard) -> None:
    before = {TAG: known(heard)}

    empty = compare(before, {}, {}, now=NOON)
    again = compare({TAG: empty.changed[0]}, {TAG: ONE}, {TAG: frozenset()}, now=NOON)

    assert again.changed == (before[TAG],)
    assert empty.found == again.found == ()


def test_only_tags_that_may_still_be_heard_of_are_asked_about() -> None:
    before = {heard.value: KnownTag(heard.value, ONE, heard, EARLIER) for heard in Heard}
    listed = {**dict.fromkeys(before, ONE), "new": ONE}

    assert set(find_unsettled(before, listed)) == {"missed", "moved", "new"}
    assert find_unsettled(before, {"before": TWO}) == {"before": TWO}


def test_a_tag_is_shown_once_its_delivery_can_no_longer_be_under_way() -> None:
    tag = known(Heard.MISSED, since=NOON)

    assert not is_shown(tag, now=NOON + GRACE - timedelta(seconds=1))
    assert is_shown(tag, now=NOON + GRACE)


@pytest.mark.parametrize(
    ("heard", "shown"),
    [
        (Heard.BEFORE, False),
        (Heard.DELIVERED, False),
        (Heard.MISSED, True),
        (Heard.MOVED, True),
        (Heard.DISMISSED, True),
    ],
)
def test_only_what_nobody_told_of_is_shown(heard: Heard, *, shown: bool) -> None:
    assert is_shown(known(heard), now=NOON) is shown
    assert not is_shown(known(heard, gone_at=EARLIER), now=NOON)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("v1.9-blue", "v1.10-blue"),
        ("v1-blue", "v1.0-blue"),
        ("v1.0-blue", "v1.0.1-blue"),
        ("v2.0-rc1-blue", "v2.0-blue"),
        ("v2.0-rc2-blue", "v2.0-rc10-blue"),
        ("v2.0-blue", "v2.0-green"),
        ("v2.0-green", "v2.1-blue"),
        ("v9-blue", "vnext-blue"),
        ("v1.02-blue", "v1.2-blue"),
        ("v1a-blue", "v1b-blue"),
    ],
)
def test_tags_start_in_the_order_of_their_versions(first: str, then: str) -> None:
    tags = [KnownTag(name, ONE, Heard.MISSED, NOON) for name in (first, then)]

    assert sort_by_version(reversed(tags)) == sort_by_version(tags) == tuple(tags)


def test_any_names_can_be_put_in_order() -> None:
    names = [
        "v-blue",
        "v1-blue",
        "v.-blue",
        "v-1-blue",
        "v1-1-blue",
        "vx-y-z-green",
        "v1.x.2-blue",
        "v--blue",
    ]
    tags = [KnownTag(name, ONE, Heard.MISSED, NOON) for name in names]

    assert sort_by_version(tags) == sort_by_version(reversed(tags))


def comparison(*, seconds: float, answered: int = 0, is_broken: bool = False) -> Comparison:
    error = ProblemDocument("repository-unreachable", "away", "away", "wait") if is_broken else None
    return Comparison("x", NOON - timedelta(seconds=seconds), answered=answered, error=error)


@pytest.mark.parametrize(
    ("last", "asked", "interval", "due"),
    [
        (None, 0, 900, True),
        (None, 0, 0, False),
        (None, 1, 0, True),
        (comparison(seconds=899), 0, 900, False),
        (comparison(seconds=900), 0, 900, True),
        (comparison(seconds=1), 1, 900, True),
        (comparison(seconds=1, answered=1), 1, 900, False),
        (comparison(seconds=9000, answered=1), 1, 0, False),
        (comparison(seconds=1, answered=7), 1, 0, True),
        (comparison(seconds=59, is_broken=True), 0, 900, False),
        (comparison(seconds=60, is_broken=True), 0, 900, True),
        (comparison(seconds=10, is_broken=True), 0, 10, True),
    ],
)
def test_a_comparison_is_due_by_its_interval_or_when_somebody_asks(
    last: Comparison | None, asked: int, interval: float, *, due: bool
) -> None:
    assert is_due(last, asked=asked, interval=interval, now=NOON) is due


def test_an_address_is_told_from_another_without_being_kept() -> None:
    secret = "https://user:secret@git.example.com/shop.git"

    assert fingerprint(secret) == fingerprint(secret) != fingerprint(secret + "/")
    assert "secret" not in fingerprint(secret)
