from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from release.model import Color, JobKind, JobState, State
from tests.unit.webhook.fakes import NOW, make_job, make_release
from webhook.offers import stand
from webhook.way_back import find_way_back

if TYPE_CHECKING:
    from release.model import Job, Release

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


def test_after_a_rollback_it_names_the_way_forward() -> None:
    left = make_release("R1", tag="v1.0-blue", state=State.ROLLED_BACK)
    assert note(LIVE, left).endswith("promote v1.0-blue to return to it")


def test_where_nothing_is_live_there_is_no_way_back() -> None:
    assert note() == "no color is known to be live, so there is no way back"
