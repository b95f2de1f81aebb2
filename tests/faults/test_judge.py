"""A judge that can't say no proves nothing: each rule is shown what it must find."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.chronicle import Begun, Chronicle, Noticed, Subject
from tests.faults.journal import Command, Entry, Write
from tests.faults.judge import Evidence, find_late, judge
from tests.faults.ledger import Asked, Outcome, ReleaseEnd

APP = "shop"
DEPLOYMENT = "deployments.apps/shop-green"
ROUTE = "virtualservices.networking.istio.io/shop-blue-green"
FENCES = {
    1: Subject("deploy", "one"),
    2: Subject("deploy", "two"),
    3: Subject("deploy", "two"),
    4: Subject("promote", "two"),
}


def write(at: int, sent: int, what: str = DEPLOYMENT, *, before: int = 0, release: str = "") -> Write:
    return Write(at, at, APP, what, "uid", "MODIFIED", sent, before, sent, release=release)


def command(began: float, ended: float, release: str) -> Command:
    return Command(began, ended, APP, "pod", release, "migrate", ended=True)


def deployed(at: int, fence: int, release: str) -> list[Entry]:
    """A release that is applied, migrated and found good."""
    applied = write(at, fence, release=release)
    passed = replace(write(at + 3, fence, before=fence, release=release), passed="hash")
    return [applied, command(at + 1, at + 2, release), passed]


def switched(at: int, fence: int, release: str) -> Write:
    return replace(write(at, fence, ROUTE), default="green", live=release)


ENTRIES = [*deployed(10, 1, "one"), *deployed(20, 3, "two"), switched(30, 4, "two")]
ASKED = [
    Asked(APP, "deploy", "one", "job-1", "v1-green", "green"),
    Asked(APP, "deploy", "two", "job-2", "v2-green", "green"),
    Asked(APP, "promote", "two", "job-3", "v2-green", "green"),
]
BEGUN = [
    Begun(9, "releases-1", APP, "job-1", Subject("deploy", "one"), "sanity", 1),
    Begun(19, "releases-2", APP, "job-2", Subject("deploy", "two"), "sanity", 1),
]
FINALS = [
    ReleaseEnd(APP, "one", "v1-green", "green", "superseded", ""),
    ReleaseEnd(APP, "two", "v2-green", "green", "live", ""),
]
GOOD = Evidence(
    entries=ENTRIES,
    chronicle=Chronicle(fences=FENCES, begun=BEGUN),
    asked={APP: ASKED},
    switches={APP: [Outcome(ASKED[2], "done", "")]},
    finals=FINALS,
)


def broken_rules(evidence: Evidence) -> set[str]:
    return {loss.rule for loss in judge(evidence)}


def test_a_campaign_without_losses_is_let_pass() -> None:
    assert judge(GOOD) == []


@pytest.mark.parametrize(
    ("rule", "entries"),
    [
        ("fences never go down", [replace(write(40, 3, before=4), after=3)]),
        ("fences never go down", [replace(write(40, 3, before=4), after=4)]),
        ("every fence is known", [write(40, 99)]),
        ("no two jobs of a queue overlap", [write(25, 1)]),
        ("no two jobs of a queue overlap", [command(24, 26, "one")]),
        ("migrations are not repeated", [command(22, 22.5, "two")]),
        ("nothing untested went live", [replace(switched(15, 4, "nobody"), default="blue")]),
        ("nothing untested went live", [replace(switched(21, 4, "two"), revision=21)]),
        ("the route says what was promoted last", [switched(40, 4, "one")]),
    ],
)
def test_what_the_cluster_must_not_have_seen_is_found(rule: str, entries: list[Entry]) -> None:
    assert rule in broken_rules(replace(GOOD, entries=[*ENTRIES, *entries]))


@pytest.mark.parametrize(
    ("rule", "finals"),
    [
        ("every accepted release ended", FINALS[:1]),
        ("every accepted release ended", [FINALS[0], replace(FINALS[1], state="running")]),
        ("every accepted release ended", [FINALS[0], replace(FINALS[1], open_jobs=("job-3",))]),
        ("each tag was released once", [*FINALS, replace(FINALS[0], release="three")]),
        ("failures are explained", [FINALS[0], replace(FINALS[1], state="failed", slug="unexpected")]),
        ("what is ready was tested", [*FINALS, replace(FINALS[0], release="three", state="ready")]),
        ("what is ready was tested", [replace(FINALS[0], state="live"), FINALS[1]]),
    ],
)
def test_what_must_not_have_become_of_a_release_is_found(rule: str, finals: list[ReleaseEnd]) -> None:
    assert rule in broken_rules(replace(GOOD, finals=finals))


def test_deploys_that_begin_in_another_order_than_they_were_accepted_are_found() -> None:
    swapped = [replace(BEGUN[1], at=5), BEGUN[0]]
    assert "deploys keep their order" in broken_rules(
        replace(GOOD, chronicle=Chronicle(fences=FENCES, begun=swapped))
    )


def test_deploys_that_act_in_another_order_than_they_were_accepted_are_found() -> None:
    entries = [*deployed(10, 3, "two"), *deployed(20, 1, "one"), switched(30, 4, "two")]
    assert "deploys keep their order" in broken_rules(replace(GOOD, entries=entries))


def test_a_worker_that_goes_on_after_its_stage_was_lost_is_found() -> None:
    # given: fence 2 was lost before fence 3 began
    lost = Chronicle(fences=FENCES, begun=BEGUN, noticed=[Noticed(18, "job-2", 2)])
    rule, late = "who lost a stage writes no more", write(19, 2)
    # then: one request may have been on its way, a second one may not
    assert rule not in broken_rules(replace(GOOD, chronicle=lost, entries=[*ENTRIES, late]))
    twice = [late, replace(late, at=19.5)]
    assert rule in broken_rules(replace(GOOD, chronicle=lost, entries=[*ENTRIES, *twice]))


def test_a_migration_lost_with_its_worker_is_an_explained_failure() -> None:
    lost = [FINALS[0], replace(FINALS[1], state="failed", slug="stage-lost")]
    assert "failures are explained" not in broken_rules(replace(GOOD, finals=lost))


def test_a_release_that_was_retried_may_act_twice() -> None:
    # given: a second run of the first release, which was asked for after the second had ended
    again = replace(ASKED[0], job="job-4")
    entries = [*ENTRIES, *deployed(40, 5, "one")]
    chronicle = Chronicle(fences={**FENCES, 5: Subject("deploy", "one")}, begun=BEGUN)
    evidence = replace(GOOD, entries=entries, chronicle=chronicle, asked={APP: [*ASKED, again]})
    # then
    assert not broken_rules(evidence) & {"no two jobs of a queue overlap", "migrations are not repeated"}


def test_a_repeatable_migration_may_be_repeated_but_not_at_once() -> None:
    repeatable = replace(GOOD, repeatable=frozenset({APP}))
    later, at_once = command(22, 22.5, "two"), command(21.5, 22.5, "two")
    rule = "migrations are not repeated"
    assert rule not in broken_rules(replace(repeatable, entries=[*ENTRIES, later]))
    assert rule in broken_rules(replace(repeatable, entries=[*ENTRIES, at_once]))


WAITING = ReleaseEnd("cart", "three", "v1-green", "green", "queued", "", open_jobs=("job-9",))


def stopped_early(*, last_of_cart: float, others: list[float]) -> Evidence:
    """A campaign that ran out of time at 100, with one release of a second app still under way."""
    begun = [Begun(last_of_cart, "releases-1", "cart", "job-9", Subject("deploy", "three"), "sanity", 1)]
    begun += [Begun(at, "releases-1", APP, "job-2", Subject("deploy", "two"), "sanity", 1) for at in others]
    return replace(
        GOOD,
        asked={**GOOD.asked, "cart": [Asked("cart", "deploy", "three", "job-9", "v1-green", "green")]},
        chronicle=Chronicle(fences=FENCES, begun=sorted([*BEGUN, *begun], key=lambda one: one.at)),
        finals=[*FINALS, WAITING],
        gave_up=100,
    )


@pytest.mark.parametrize(
    ("last_of_cart", "others"),
    [
        pytest.param(85, [], id="its queue had just moved"),
        pytest.param(70, [72, 80, 88, 96], id="all queues waited long for their turns"),
    ],
)
def test_a_release_that_was_on_its_way_when_the_time_was_up_is_late_and_not_lost(
    last_of_cart: float, others: list[float]
) -> None:
    evidence = stopped_early(last_of_cart=last_of_cart, others=others)
    assert broken_rules(evidence) == set()
    assert find_late(evidence) == [WAITING]


@pytest.mark.parametrize(
    ("last_of_cart", "others"),
    [
        pytest.param(70, [], id="nothing moved any more"),
        pytest.param(70, [71, 74, 78, 82, 90, 97], id="others had their turns again and again"),
    ],
)
def test_a_release_whose_queue_stood_still_is_lost_also_when_the_time_was_up(
    last_of_cart: float, others: list[float]
) -> None:
    evidence = stopped_early(last_of_cart=last_of_cart, others=others)
    assert broken_rules(evidence) == {"every accepted release ended"}
    assert find_late(evidence) == []


def test_a_release_that_never_ends_is_lost_when_there_was_time_enough() -> None:
    evidence = replace(stopped_early(last_of_cart=85, others=[]), gave_up=None)
    assert broken_rules(evidence) == {"every accepted release ended"}


def test_a_route_is_not_held_against_a_switch_that_was_under_way_when_the_time_was_up() -> None:
    # given: users were moved again, and nobody was there any more to hear that the job was done
    later = Asked(APP, "promote", "one", "job-4", "v1-green", "green")
    moved = replace(write(40, 5, ROUTE, before=4), default="green", live="one")
    evidence = replace(
        GOOD,
        entries=[*ENTRIES[:3], *deployed(20, 3, "two"), switched(30, 4, "two"), moved],
        asked={APP: [*ASKED, later]},
        chronicle=Chronicle(fences={**FENCES, 5: Subject("promote", "one")}, begun=BEGUN),
    )
    # then
    assert "the route says what was promoted last" not in broken_rules(evidence)
