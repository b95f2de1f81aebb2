"""A cancel ends waits at once, waits for a migration's end, and never stops a switch half-way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from release.model import Stage
from release.problems import ProblemDocument
from tests.integration.line import ANNA
from tests.integration.migrating import python

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.model import Release
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

CANCELLED = ProblemDocument("cancelled", "Cancelled", "shop: cancelled", "ask again")


def cancel_at(line: Line, release: Release, told: str) -> Callable[[str], None]:
    """Cancel as soon as the log says something."""

    def hear(text: str) -> None:
        if told in text and line.job().cancel_requested_by is None:
            line.requests.cancel(release.id, actor=ANNA, reason="wrong tag")

    return hear


def run(line: Line, index: int, hear: Callable[[str], None]) -> str:
    return line.run_stage(line.sent.offers.pop(), index, around=line.interrupted(at_line=hear))


def test_a_cancel_ends_the_wait_for_a_rollout(make_line: Callable[..., Line]) -> None:
    # given users on green, and a blue that never gets ready
    line = make_line()
    line.go_live("v1-green")
    line.reconfigure(deadlines={"rollout": 60})
    release = line.push("v2-blue", unready=True)
    line.run(until=Stage.DEPLOY)
    began = time.monotonic()

    # when it is cancelled in its rollout
    result = run(line, 1, cancel_at(line, release, "probes don't pass"))

    # then it ends at once, and users are where they were
    assert result.startswith("StageCancelled")
    assert time.monotonic() - began < 10
    assert line.state(release) == "cancelled"
    problem = line.job().problem
    assert problem
    assert problem.slug == "cancelled"
    assert "anna" in problem.detail
    line.expect("v1-green")
    changes = line.store.changes(release.id)
    assert str(changes[-1].actor) == "person:anna"


def test_a_cancel_ends_the_repetitions_of_a_smoke_test(make_line: Callable[..., Line]) -> None:
    line = make_line(smoke={"requests": [{"path": "/", "status": 418}], "deadline": 60, "interval": 30})
    release = line.push("v1-green")
    line.run(until=Stage.SMOKE)
    began = time.monotonic()

    result = run(line, 3, cancel_at(line, release, "tried again"))

    assert result.startswith("StageCancelled")
    assert time.monotonic() - began < 10
    assert line.state(release) == "cancelled"


def test_a_cancel_in_sanity_ends_the_job_before_anything_is_touched(line: Line) -> None:
    release = line.push("v1-green")
    offer = line.sent.offers[0]

    run(line, 0, cancel_at(line, release, "is commit"))
    result = line.run_stage(offer, 1) if line.state(release) == "running" else "StageCancelled"

    assert result.startswith("StageCancelled")
    assert line.state(release) == "cancelled"
    assert line.find("Service") is None


def test_a_cancel_during_a_migration_takes_effect_after_its_end(make_line: Callable[..., Line]) -> None:
    code = "import time; print('begun', flush=True); time.sleep(0.5); print('finished')"
    line = make_line(migrate=[python(code)])
    release = line.push("v1-green")
    line.run(until=Stage.MIGRATE)
    offer = line.sent.offers[0]

    assert run(line, 2, cancel_at(line, release, "begun")) == "migrate passed"
    assert "finished" in line.told(release)

    assert line.run_stage(offer, 3).startswith("StageCancelled")
    assert line.state(release) == "cancelled"


def test_a_cancel_that_comes_while_a_smoke_command_runs_is_not_overheard(
    make_line: Callable[..., Line],
) -> None:
    code = "import time; print('begun', flush=True); time.sleep(0.8)"
    line = make_line(smoke={"commands": [python(code)], "requests": []})
    release = line.push("v1-green")
    line.run(until=Stage.SMOKE)

    assert run(line, 3, cancel_at(line, release, "begun")).startswith("StageCancelled")

    assert line.state(release) == "cancelled"


def test_a_switch_that_has_begun_is_not_cancelled_not_even_when_it_is_taken_over(line: Line) -> None:
    # given a promote whose worker dies after the switch, and somebody who cancels it then
    line.go_live("v1-green")
    ready = line.deploy("v2-blue")
    line.accepted = line.requests.promote("shop", actor=ANNA)

    with pytest.raises(KeyboardInterrupt):
        line.run_stage(line.sent.offers.pop(), 0, around=line.dying_after_its_switch())
    assert line.queue.cancel(line.job().id, actor=ANNA, problem=CANCELLED).status == "begun"

    # when another worker takes over
    assert line.run_stage(line.lose(), 0) == "activate passed"

    # then the release is live, as users are
    assert line.state(ready) == "live"
    line.expect("v2-blue")


def test_a_lost_stage_that_was_cancelled_is_stamped_before_it_ends(line: Line) -> None:
    # given a deploy whose worker froze before a write, and somebody who cancelled it
    line.go_live("v1-green")
    line.deploy("v2-blue")
    release = line.push("v3-blue")
    line.run(until=Stage.DEPLOY)
    offer = line.sent.offers.pop()
    assert line.queue.claim(offer.job_id, index=1, fence=offer.fence, owner="frozen")
    line.requests.cancel(release.id, actor=ANNA)

    # when another worker takes over
    taken_over = line.lose()
    assert line.run_stage(taken_over, 1).startswith("StageCancelled")

    # then the frozen one's write would be refused
    annotations = line.get("Deployment", "blue")["metadata"]["annotations"]
    assert annotations["verdigris.dev/fence"] == str(taken_over.fence)
    assert line.state(release) == "cancelled"
