"""A stage whose worker is lost goes on with another; what the first one still writes does no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release.model import Stage
from release.problems import ProblemDocument
from release.records import Offer
from release.turn import LostTurn
from tests.integration.line import ANNA
from tests.integration.migrating import python

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.store import Event
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

CANCELLED = ProblemDocument("cancelled", "Cancelled", "shop: cancelled", "ask again")
KINDS = (("Service", ""), ("Deployment", "blue"), ("DestinationRule", ""), ("VirtualService", ""))


def claim(line: Line, index: int) -> None:
    """A worker takes the stage and is never heard of again."""
    offer = line.sent.offers.pop()
    assert line.queue.claim(offer.job_id, index=index, fence=offer.fence, owner="lost")


def fences(line: Line) -> dict[str, int]:
    """Who wrote what last."""
    return {
        kind: int(line.get(kind, color)["metadata"]["annotations"]["verdigris.dev/fence"])
        for kind, color in KINDS
    }


def versions(line: Line) -> dict[str, str]:
    return {kind: line.get(kind, color)["metadata"]["resourceVersion"] for kind, color in KINDS}


def test_a_lost_deploy_is_taken_over_and_its_objects_stamped_first(line: Line) -> None:
    # given blue deployed before, and a worker that is lost in its next deploy
    line.deploy("v2-blue")
    release = line.push("v3-blue")
    line.run(until=Stage.DEPLOY)
    claim(line, 1)
    first_fence = line.job().fence

    # when another worker takes over
    offer = line.lose()
    assert offer.fence > first_fence
    line.sent.send(offer)
    with line.writes() as events:
        line.run()

    # then its first writes are stamps alone, on everything that the stage writes
    assert line.state(release) == "ready"
    ours = [event for event in events if is_ours(event)]
    stamps = ours[: len(KINDS)]
    assert {event.object["kind"] for event in stamps} == {kind for kind, _ in KINDS}
    for event in stamps:
        assert event.previous
        assert event.object["metadata"]["annotations"]["verdigris.dev/fence"] == str(offer.fence)
        assert event.object["spec"] == event.previous["spec"]
    assert "taken over (attempt 2): the worker before was lost" in line.told(release)


def is_ours(event: Event) -> bool:
    names = {"services": "shop", "deployments.apps": "shop-blue"}
    istio = event.resource.endswith("networking.istio.io") and not event.resource.startswith("gateways")
    named = event.object["metadata"]["name"] == names.get(event.resource, "shop-blue-green" if istio else "")
    return named and is_by_us(event)


def is_by_us(event: Event) -> bool:
    """Not a controller's write of a status."""
    return bool(
        event.previous
        and event.object["metadata"].get("annotations") != event.previous["metadata"].get("annotations")
        and "verdigris.dev/fence" in event.object["metadata"].get("annotations", {})
    )


def test_sanity_touches_nothing_even_when_it_is_taken_over(line: Line) -> None:
    line.deploy("v2-blue")
    before = versions(line)
    line.push("v3-blue")
    claim(line, 0)

    offer = line.lose()
    assert line.run_stage(offer, 0) == "sanity passed"

    assert versions(line) == before


def freeze(line: Line, index: int, *, check: int) -> list[str]:
    """Run a stage; after a check, before its write, freeze it until another worker has done the stage whole.

    Returns what happened to both, and asserts that nothing of the frozen one has landed.
    """
    told: list[str] = []
    after: dict[str, str] = {}

    def take_over(number: int) -> None:
        if number != check:
            return
        offer = line.lose()
        told.append(line.run_stage(offer, index))
        after.update(versions(line))

    around = line.interrupted(at_check=take_over, has_heartbeat=False)
    try:
        told.append(line.run_stage(line.sent.offers.pop(0), index, around=around))
    except LostTurn as lost:
        told.append(type(lost).__name__)
    assert versions(line) == after
    return told


def test_a_worker_that_froze_before_any_write_of_deploy_changes_nothing_when_it_thaws(line: Line) -> None:
    # given blue was deployed before, so that every write of a deploy changes something
    line.deploy("v1-blue")

    for check in range(1, 7):
        release = line.push(f"v2.{check}-blue")
        line.run(until=Stage.DEPLOY)

        # when the worker freezes between a read and its write, and thaws when the other one is done
        told = freeze(line, 1, check=check)

        # then the other one's deploy stands, and the first one reports nothing
        assert told == ["deploy passed", "LostTurn"], check
        assert line.job().stage is Stage.MIGRATE
        assert set(fences(line).values()) == {line.job().fence}
        assert line.route()[0]["route"][0]["destination"]["subset"] == "blue"
        assert line.state(release) == "running"
        line.queue.cancel(line.job().id, actor=ANNA, problem=CANCELLED)
        line.run_stage(next_offer(line), 2)


def next_offer(line: Line) -> Offer:
    """The chain that the second worker would go on with."""
    job = line.job()
    stages = tuple(run.stage for run in job.stages)
    return Offer(job.id, job.release_id, job.app, job.tag, job.kind, stages, job.stage_index, job.fence)


def test_a_worker_that_froze_before_its_switch_changes_nothing_when_it_thaws(line: Line) -> None:
    line.go_live("v1-green")
    ready = line.deploy("v2-blue")
    line.accepted = line.requests.promote("shop", actor=ANNA)

    told = freeze(line, 0, check=1)

    assert told == ["activate passed", "LostTurn"]
    assert line.job().state == "done"
    assert line.state(ready) == "live"
    line.expect("v2-blue")


def test_a_frozen_switch_does_not_undo_the_rollback_that_came_after(line: Line) -> None:
    """The whole point of fencing: users were moved back while the worker slept."""
    live = line.go_live("v1-green")
    line.deploy("v2-blue")
    line.accepted = line.requests.promote("shop", actor=ANNA)
    offer = line.sent.offers.pop()

    def sleep(number: int) -> None:
        if number == 1:
            assert line.run_stage(line.lose(), 0) == "activate passed"
            assert line.rollback().state == "done"

    with pytest.raises(LostTurn):
        line.run_stage(offer, 0, around=line.interrupted(at_check=sleep, has_heartbeat=False))

    assert line.default() == "green"
    assert line.state(live) == "live"
    line.expect("v1-green")


def test_a_worker_lost_after_its_switch_is_followed_by_one_that_says_so_and_proves_it(line: Line) -> None:
    # given a worker that dies right after it has moved every user
    live = line.go_live("v1-green")
    ready = line.deploy("v2-blue")
    line.accepted = line.requests.promote("shop", actor=ANNA)

    with pytest.raises(KeyboardInterrupt):
        line.run_stage(line.sent.offers.pop(), 0, around=line.dying_after_its_switch())
    assert line.default() == "blue"
    assert (line.state(live), line.state(ready)) == ("live", "ready")

    # when another one takes over
    assert line.run_stage(line.lose(), 0) == "activate passed"

    # then our records agree with the cluster
    assert (line.state(live), line.state(ready)) == ("standby", "live")
    assert "the route names this release already" in line.told(ready)
    assert "proved: " in line.told(ready)


def test_a_migration_whose_worker_was_lost_is_not_repeated(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[python("print('migrating')")])
    release = line.push("v1-green")
    line.run(until=Stage.MIGRATE)
    claim(line, 2)

    result = line.run_stage(line.lose(), 2)

    assert result.startswith("StageFailed: The stage was lost with its worker")
    problem = line.job().problem
    assert problem
    assert problem.slug == "stage-lost"
    assert f"verdigris retry {release.id}" in problem.next_step
    assert "migrating" not in line.told(release)
    assert line.state(release) == "failed"


def test_a_migration_that_may_be_repeated_is(make_line: Callable[..., Line]) -> None:
    line = make_line(migrate=[python("print('migrating')")], migrate_repeatable=True)
    release = line.push("v1-green")
    line.run(until=Stage.MIGRATE)
    claim(line, 2)

    assert line.run_stage(line.lose(), 2) == "migrate passed"

    assert "migrating" in line.told(release)


def test_a_second_message_of_the_same_stage_does_nothing(line: Line) -> None:
    line.push("v1-green")
    offer = line.sent.offers[0]
    assert line.run_stage(offer, 0) == "sanity passed"

    assert line.run_stage(offer, 0).startswith("NotClaimed")

    assert line.job().stage is Stage.DEPLOY
