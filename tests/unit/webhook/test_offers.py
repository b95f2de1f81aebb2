from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.model import Actor, Color, JobKind, JobState, Migration, MigrationRecord, MigrationState, State
from release.observation import ColorObservation
from tests.unit.webhook.fakes import NOW, make_job, make_observation, make_release
from webhook.offers import Offer, app_offers, release_offers
from webhook.standing import Standing, stand
from webhook.way_back import find_way_back

LIVE = make_release("R0", tag="v1.0-green", color=Color.GREEN, state=State.LIVE)
READY = make_release("R1", state=State.READY)
STANDBY = make_release("R1", state=State.STANDBY)
BACK = make_release("R1", state=State.ROLLED_BACK)
NOTHING = stand(None, [])


def buttons_of(standing: Standing) -> tuple[Offer, ...]:
    """An app's buttons, with nothing in its queue and no earlier releases."""
    return app_offers(standing, find_way_back(standing, queue=[], earlier=[]))


def offered(standing: Standing) -> dict[str, str]:
    """Which of an app's buttons can be pressed, and for which release."""
    return {one.action: one.release_id or "" for one in buttons_of(standing) if one.is_possible}


@pytest.mark.parametrize(
    ("runs", "buttons"),
    [
        ([], {"deploy": ""}),
        ([READY], {"deploy": "", "promote": "R1"}),
        ([LIVE], {"deploy": "", "decommission": ""}),
        ([LIVE, READY], {"deploy": "", "promote": "R1", "decommission": ""}),
        ([LIVE, STANDBY], {"deploy": "", "rollback": "R1", "decommission": ""}),
        ([LIVE, BACK], {"deploy": "", "promote": "R1", "decommission": ""}),
    ],
)
def test_an_app_offers_what_its_releases_allow(runs: list[type[object]], buttons: dict[str, str]) -> None:
    assert offered(stand(None, runs)) == buttons  # type: ignore[arg-type]


def test_the_panel_to_what_users_were_moved_away_from_says_when_by_whom_and_why() -> None:
    left = replace(BACK, updated_at=NOW, reason="rolled back by person:anna: users see 500")
    promote = buttons_of(stand(None, [LIVE, left]))[1]
    told = "Users were moved away from it at 2026-01-01 12:00 UTC, rolled back by anna: users see 500."
    assert (promote.label, promote.loses, promote.goes_back) == ("Promote v2.0-blue", told, True)
    assert release_offers(left, [], stand(None, [LIVE, left]))[0] == promote

    first = buttons_of(stand(None, [LIVE, READY]))[1]
    assert (first.loses, first.goes_back) == ("", False)


def test_what_somebody_just_moved_users_to_is_offered_no_more() -> None:
    seen = make_observation(live=Color.BLUE)
    standing = stand(seen, [LIVE, STANDBY])
    assert (standing.live, standing.current, standing.standby) == (Color.BLUE, None, None)
    assert stand(seen, [LIVE, READY]).ready is None


def test_what_can_not_be_asked_says_what_is_missing() -> None:
    missing = [one for one in buttons_of(NOTHING) if not one.is_possible]
    assert {one.action for one in missing} == {"promote", "rollback", "decommission"}
    assert all(one.what for one in missing)


def test_the_cluster_is_believed_over_our_record() -> None:
    standing = stand(make_observation(live=Color.BLUE), [LIVE])
    assert standing.live is Color.BLUE
    decommission = buttons_of(standing)[3]
    assert decommission.label == "Decommission green"


def test_where_nothing_runs_on_the_idle_color_there_is_nothing_to_decommission() -> None:
    nothing = ColorObservation(Color.BLUE, exists=False)
    decommission = buttons_of(stand(make_observation(blue=nothing), [LIVE]))[3]
    assert (decommission.label, decommission.is_possible) == ("Decommission blue", False)
    assert decommission.what == "nothing runs on blue"


def test_pods_that_a_failed_release_left_can_be_decommissioned() -> None:
    assert buttons_of(stand(make_observation(), [LIVE]))[3].is_possible


def test_nothing_is_lost_where_the_idle_color_is_empty() -> None:
    assert not any(one.loses for one in buttons_of(stand(None, [LIVE])))
    assert [one.action for one in buttons_of(stand(None, [LIVE, STANDBY])) if one.loses] == [
        "deploy",
        "decommission",
    ]


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        (State.QUEUED, ["cancel"]),
        (State.WAITING, ["cancel"]),
        (State.RUNNING, ["cancel"]),
        (State.READY, ["promote", "redeploy"]),
        (State.LIVE, ["redeploy"]),
        (State.STANDBY, ["rollback", "redeploy"]),
        (State.ROLLED_BACK, ["promote", "redeploy"]),
        (State.FAILED, ["retry", "redeploy"]),
        (State.CANCELLED, ["redeploy"]),
        (State.SUPERSEDED, ["redeploy"]),
        (State.RETIRED, ["redeploy"]),
    ],
)
def test_a_release_offers_what_its_state_allows(state: State, actions: list[str]) -> None:
    release = make_release(state=state)
    assert [one.action for one in release_offers(release, [], stand(None, [release]))] == actions


def test_while_a_promote_is_on_its_way_it_can_be_cancelled() -> None:
    promote = make_job(kind=JobKind.PROMOTE)
    offers = release_offers(READY, [promote], NOTHING)
    assert [one.action for one in offers] == ["cancel"]
    assert "promote" in offers[0].what


def test_what_is_being_cancelled_offers_nothing() -> None:
    job = replace(make_job(), cancel_requested_by=Actor("person", "maria"))
    assert release_offers(make_release(state=State.RUNNING), [job], NOTHING) == ()


def test_a_job_that_is_over_is_no_hindrance() -> None:
    done = make_job(state=JobState.DONE, passed=4)
    assert release_offers(READY, [done], NOTHING)[0].action == "promote"


def test_a_decommission_says_that_it_runs_the_contract_migration_that_is_due() -> None:
    due = MigrationRecord(Migration.CONTRACT, MigrationState.PENDING)
    ran = MigrationRecord(Migration.CONTRACT, MigrationState.PASSED)

    def told(migration: MigrationRecord) -> str:
        buttons = buttons_of(stand(None, [replace(LIVE, migration=migration), STANDBY]))
        return next(one.what for one in buttons if one.action == "decommission")

    assert "Then runs the contract migration of v1.0-green" in told(due)
    assert "migration" not in told(ran) + told(MigrationRecord())


@pytest.mark.parametrize(
    ("state", "warned"), [(State.RETIRED, {"redeploy"}), (State.READY, {"promote", "redeploy"})]
)
def test_what_would_bring_older_code_back_is_warned_of(state: State, warned: set[str]) -> None:
    release = make_release("R1", state=state)

    offers = release_offers(release, [], NOTHING, warning="Not safe: older.")

    assert {one.action for one in offers if "Not safe: older." in one.loses} == warned


@pytest.mark.parametrize("state", [State.READY, State.ROLLED_BACK])
def test_what_no_longer_runs_as_tested_is_redeployed_and_not_promoted(state: State) -> None:
    # given a revert took the test entry out of the route, so that a promote would be refused
    release = replace(make_release("R1", state=state), updated_at=NOW - timedelta(minutes=1))
    standing = stand(make_observation(has_route=True, test_route=None), [LIVE, release])

    # then neither the app nor the release offers one, and each says what to do instead
    assert "promote" not in offered(standing)
    promote, again = release_offers(release, [], standing)
    assert not promote.is_possible
    assert "`verdigris redeploy R1` tests it anew" in promote.what
    assert buttons_of(standing)[1] == promote
    assert (again.action, again.is_possible) == ("redeploy", True)

    # and the same release as it was tested is offered
    as_tested = stand(make_observation(has_route=True), [LIVE, release])
    assert offered(as_tested)["promote"] == "R1"
