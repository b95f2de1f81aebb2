"""What a switch must not do to users: lead to a lost subset, trust one early answer, write to their data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.line import ANNA, Line

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs_envoy


def both_promoted(line: Line) -> None:
    """Green was live, blue is."""
    line.go_live("v1-green")
    line.go_live("v2-blue")


def lose_subset(line: Line, color: str) -> None:
    """What `kubectl apply -f route.yml` does with a file that holds one subset only."""
    kept = [one for one in line.get("DestinationRule")["spec"]["subsets"] if one["name"] != color]
    line.edit("DestinationRule", {"spec": {"subsets": kept}})


def test_a_subset_that_somebody_took_away_is_put_back_before_users_are_sent_there(line: Line) -> None:
    both_promoted(line)
    lose_subset(line, "green")

    with line.users() as got:
        job = line.rollback()

    assert job.state == "done", job.problem
    assert {status for status, _ in got} == {200}
    line.expect("v1-green")
    assert {one["name"] for one in line.get("DestinationRule")["spec"]["subsets"]} == {"blue", "green"}


def test_a_rollback_is_not_judged_by_tests_that_were_written_for_the_newer_version(line: Line) -> None:
    both_promoted(line)
    line.reconfigure(smoke={"requests": [{"path": "/", "json_equals": {"tag": "v2-blue"}}]})

    job = line.rollback()

    assert job.state == "done", job.problem
    line.expect("v1-green")


def test_a_smoke_test_that_writes_is_never_sent_to_users_data(make_line: Callable[..., Line]) -> None:
    # The app answers a POST with 501, so a proof by it could not pass.
    line = make_line(deadlines={"switch": 3})
    line.deploy("v1-green")
    line.reconfigure(smoke={"requests": [{"path": "/orders", "method": "POST", "status": 200}]})

    job = line.promote()

    assert job.state == "done", job.problem
    line.expect("v1-green")


def test_a_release_is_not_deployed_to_where_users_are_sent_though_nothing_runs_there(line: Line) -> None:
    # given that somebody deleted the live color's Deployment
    both_promoted(line)
    line.by_hand("DELETE", line.ref("Deployment", "blue"))
    line.wait_for(lambda: line.find("Deployment", "blue") is None, "blue is gone")

    # when a new release is pushed to it
    release = line.deploy("v3-blue")

    # then it is refused, for users would meet it untested, and the way back is open
    assert line.slug() == "color-is-next"
    assert line.state(release) == "failed"
    assert line.find("Deployment", "blue") is None
    assert line.rollback().state == "done"
    line.expect("v1-green")


def test_a_switch_that_was_made_counts_even_when_its_workers_die_too_often(line: Line) -> None:
    live = line.go_live("v1-green")
    ready = line.deploy("v2-blue")
    line.accepted = line.requests.promote("shop", actor=ANNA)
    offer = line.sent.offers.pop()

    with pytest.raises(KeyboardInterrupt):
        line.run_stage(offer, 0, around=line.dying_after_its_switch())
    for _ in range(line.queue.timing.attempts):
        offer = line.lose()
        line.queue.claim(offer.job_id, index=0, fence=offer.fence, owner="dies")

    assert line.run_stage(line.lose(), 0) == "activate passed"
    assert (line.state(live), line.state(ready)) == ("standby", "live")


def test_whoever_takes_a_deploy_over_stamps_what_else_its_manifests_hold(line: Line) -> None:
    release = line.push("v1-green")
    line.run(until=None)
    assert line.state(release) == "ready"
    before = int(line.get("Gateway")["metadata"]["annotations"]["verdigris.dev/fence"])

    again = line.requests.redeploy(release.id, actor=ANNA)
    line.accepted = again
    offer = line.sent.offers.pop()
    assert line.run_stage(offer, 0) == "sanity passed"
    assert line.queue.claim(offer.job_id, index=1, fence=offer.fence, owner="dies")
    taken_over = line.lose()

    assert line.run_stage(taken_over, 1) == "deploy passed"
    stamped = int(line.get("Gateway")["metadata"]["annotations"]["verdigris.dev/fence"])
    assert stamped == taken_over.fence > before
