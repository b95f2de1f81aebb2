from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from release.model import (
    Color,
    JobKind,
    JobState,
    Migration,
    MigrationRecord,
    MigrationState,
    State,
)
from tests.unit.webhook.fakes import NOW, make_job, make_observation, make_release
from webhook.standing import stand
from webhook.way_back import find_contract, find_way_back

if TYPE_CHECKING:
    from release.model import Job, Release
    from webhook.way_back import WayBack

LIVE = make_release("R2", tag="v2.0-green", color=Color.GREEN, state=State.LIVE)
STANDBY = make_release("R1", tag="v1.0-blue", state=State.STANDBY)
RETIRED = make_release("R1", tag="v1.0-blue", state=State.RETIRED, reason="replaced on blue by v3.0-blue")


def note(*runs: Release, queue: tuple[Job, ...] = (), earlier: tuple[Release, ...] = ()) -> str:
    return find_way_back(stand(None, runs), queue=queue, earlier=earlier).note


def test_while_a_release_is_on_standby_the_way_back_is_open() -> None:
    found = find_way_back(stand(None, [STANDBY, LIVE]), queue=[], earlier=[])
    assert found.release == STANDBY
    assert found.note == "the way back is open: v1.0-blue still runs on blue"


def test_a_deploy_in_the_queue_is_named_before_it_ends_the_way_back() -> None:
    deploy = make_job(state=JobState.WAITING, tag="v3.0-blue")
    told = note(STANDBY, LIVE, queue=(deploy,))
    assert told.endswith("; v3.0-blue in the queue ends that, from its deploy stage on")


def test_neither_another_colors_deploy_nor_a_promote_ends_it() -> None:
    other = make_job(state=JobState.WAITING, tag="v3.0-green", color=Color.GREEN)
    promote = make_job(state=JobState.WAITING, kind=JobKind.PROMOTE)
    assert note(STANDBY, LIVE, queue=(other, promote)) == note(STANDBY, LIVE)


def test_afterwards_it_tells_what_ended_the_way_back_and_how_to_get_it_again() -> None:
    found = find_way_back(stand(None, [LIVE]), queue=[], earlier=[LIVE, RETIRED])
    assert found.release is None
    assert found.note == (
        "no way back to v1.0-blue: replaced on blue by v3.0-blue; `verdigris redeploy R1` deploys it again"
    )


def test_the_last_way_that_was_lost_is_the_one_told() -> None:
    later = make_release(
        "R3",
        tag="v3.0-blue",
        state=State.RETIRED,
        reason="blue was decommissioned by token:ci",
        updated_at=NOW,
    )
    earlier = make_release("R0", state=State.RETIRED, updated_at=NOW - timedelta(days=1))
    told = note(LIVE, earlier=(earlier, later, RETIRED))
    assert told.startswith("no way back to v3.0-blue: blue was decommissioned by ci (API); ")


def test_what_was_retired_on_the_live_color_was_no_way_back() -> None:
    same_color = make_release("R0", color=Color.GREEN, state=State.RETIRED)
    assert note(LIVE, earlier=(same_color,)) == "no way back: no other release has been live and still runs"


def test_nobody_is_advised_to_bring_back_what_users_were_moved_away_from() -> None:
    bad = make_release("R4", tag="v4.0-blue", state=State.RETIRED, was=State.ROLLED_BACK, updated_at=NOW)
    assert note(LIVE, earlier=(bad,)) == "no way back: no other release has been live and still runs"
    assert "v4.0" not in note(LIVE, earlier=(bad, RETIRED))
    assert "`verdigris redeploy R1`" in note(LIVE, earlier=(bad, RETIRED))


def test_after_a_rollback_it_names_the_way_forward() -> None:
    left = make_release("R1", tag="v1.0-blue", state=State.ROLLED_BACK)
    assert note(LIVE, left).endswith("promote v1.0-blue to return to it")


def test_after_a_revert_that_changed_the_route_the_way_forward_is_a_redeploy() -> None:
    left = make_release("R1", tag="v1.0-blue", state=State.ROLLED_BACK, updated_at=NOW - timedelta(hours=1))
    seen = make_observation(has_route=True, test_route=None)
    told = find_way_back(stand(seen, [LIVE, left]), queue=[], earlier=[]).note
    assert told == (
        "no way back: users were moved back already; v1.0-blue does not run as it was tested any more; "
        "`verdigris redeploy R1` tests it anew"
    )


def test_what_was_adopted_is_had_back_by_a_tag_of_it() -> None:
    adopted = replace(RETIRED, commit="")
    assert note(LIVE, earlier=(adopted,)).endswith(
        "it has no commit: push a tag of it that ends in -blue, `verdigris deploy shop TAG`"
    )


def test_where_nothing_is_live_there_is_no_way_back() -> None:
    assert note() == "no color is known to be live, so there is no way back"


CONTRACT_AT = NOW - timedelta(minutes=2)
RAN = MigrationRecord(Migration.CONTRACT, MigrationState.PASSED, CONTRACT_AT)
DUE = MigrationRecord(Migration.CONTRACT, MigrationState.PENDING, CONTRACT_AT)
BEGAN = "the contract migration of v2.0-green began at"


def look(*runs: Release, earlier: tuple[Release, ...] = ()) -> WayBack:
    return find_way_back(stand(None, runs), queue=[], earlier=earlier)


def test_a_way_back_without_a_contract_migration_is_safe() -> None:
    found = look(STANDBY, LIVE)
    assert (found.is_safe, found.since) == (True, None)


def test_before_a_contract_migration_runs_it_is_said_what_will_run_it() -> None:
    live = replace(LIVE, migration=DUE)
    found = look(STANDBY, live, earlier=(live, STANDBY))
    assert found.is_safe
    assert found.note.endswith(
        "; `verdigris decommission shop` ends that and runs the contract migration of v2.0-green"
    )


@pytest.mark.parametrize("state", [MigrationState.RUNNING, MigrationState.FAILED, MigrationState.PASSED])
def test_from_its_beginning_on_there_is_no_safe_way_back(state: MigrationState) -> None:
    live = replace(LIVE, migration=replace(RAN, state=state))
    found = look(live, earlier=(live, RETIRED))
    assert (found.release, found.is_safe, found.since) == (None, False, CONTRACT_AT)
    assert "no way back to v1.0-blue: replaced on blue by v3.0-blue" in found.note
    assert f"{BEGAN} {CONTRACT_AT:%Y-%m-%d %H:%M:%S} UTC: older code may not work" in found.note


def test_one_that_was_given_up_ended_nothing() -> None:
    live = replace(LIVE, migration=replace(RAN, state=MigrationState.GIVEN_UP))
    assert look(STANDBY, live, earlier=(live, STANDBY)).is_safe


def test_without_one_it_is_not_safe_since_the_way_back_was_lost() -> None:
    found = look(LIVE, earlier=(LIVE, RETIRED))
    assert (found.is_safe, found.since) == (False, RETIRED.updated_at)


def test_after_a_rollback_it_is_not_safe_since_then() -> None:
    left = make_release("R3", tag="v3.0-blue", state=State.ROLLED_BACK)
    live = replace(LIVE, migration=RAN)
    found = look(live, left, earlier=(left, live))
    assert (found.is_safe, found.since) == (False, left.updated_at)
    assert BEGAN not in found.note


def test_where_nothing_is_live_nothing_is_told_of_migrations() -> None:
    gone = replace(LIVE, state=State.RETIRED, migration=RAN)
    found = look(earlier=(gone, RETIRED))
    assert (found.is_safe, BEGAN in found.note) == (False, False)


def test_a_standby_that_is_older_is_named_but_not_called_safe() -> None:
    """It can only be there because somebody deployed the older one again."""
    contracted = make_release("R2", tag="v2.0-green", color=Color.GREEN, state=State.RETIRED, migration=RAN)
    again = make_release("R4", tag="v1.0-blue", state=State.STANDBY, redeploy_of="R1")
    live = make_release("R5", tag="v5.0-green", color=Color.GREEN, state=State.LIVE)
    found = look(again, live, earlier=(live, again, contracted, RETIRED))
    assert (found.release, found.is_safe, found.since) == (again, False, CONTRACT_AT)
    assert f"; but {BEGAN}" in found.note


def test_a_redeploy_of_what_contracted_is_no_older_than_it() -> None:
    contracted = make_release("R2", tag="v2.0-green", color=Color.GREEN, state=State.RETIRED, migration=RAN)
    again = make_release(
        "R4", tag="v2.0-green", color=Color.GREEN, state=State.STANDBY, redeploy_of="R2", migration=RAN
    )
    live = make_release("R5", tag="v5.0-blue", state=State.LIVE)
    assert look(again, live, earlier=(live, again, contracted)).is_safe


def test_records_that_lead_in_a_ring_end_somewhere() -> None:
    one, other = make_release("R1", redeploy_of="R2"), make_release("R2", redeploy_of="R1", migration=RAN)
    find_contract(one, [one, other])


def test_without_a_release_the_last_contract_migration_is_told() -> None:
    early = make_release("R1", migration=replace(RAN, at=NOW - timedelta(days=1)))
    late = make_release("R2", migration=RAN)
    assert find_contract(None, [late, early]) is late
    assert find_contract(None, [LIVE]) is None
