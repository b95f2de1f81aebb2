"""A color is held for a rollback, and tags choose their queues: whole releases, on the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy


def test_the_next_deploy_of_a_color_waits_while_it_can_be_rolled_back_to(
    make_line: Callable[..., Line],
) -> None:
    # given users on green, and blue on standby
    line = make_line(keep_rollback_for="1h")
    line.go_live("v1-blue")
    line.go_live("v2-green")

    # when the next blue release is pushed
    held = line.push("v3-blue")

    # then it waits and says why, and a rollback goes on beside it
    assert line.run() == []
    assert line.job().held_for == "v1-blue"
    assert "held for 60 min: v1-blue can be rolled back to so long" in line.told(held)
    assert line.rollback().state == "done"
    line.expect("v1-blue")

    # and once blue is live, the deploy comes to its turn and is told the tag to push instead
    line.sent.offers.extend(line.queue.reap().resumed)
    line.run()
    assert line.state(held) == "failed"
    assert "push it as v3-green" in str(line.store.jobs_of(held.id)[-1].problem)


def test_a_decommission_gives_the_standby_up(make_line: Callable[..., Line]) -> None:
    line = make_line(keep_rollback_for="1h")
    line.go_live("v1-blue")
    line.go_live("v2-green")
    held = line.push("v3-blue")

    assert line.decommission().state == "done", line.job().problem
    line.sent.offers.extend(line.queue.reap().resumed)
    line.run()

    assert line.state(held) == "ready", line.told(held)
    line.expect("v2-green")


def test_a_tag_that_goes_through_another_queue_does_not_overlap_with_its_app(
    make_line: Callable[..., Line],
) -> None:
    line = make_line(queue_by_tag={"v*-fix*": "fixes"})
    line.go_live("v1-blue")
    first = line.push("v2-green")
    fix = line.push("v1-fix1-green")

    ended = line.run()

    assert [str(one.stage) for one in ended] == ["sanity", "deploy", "migrate", "smoke"] * 2
    assert [line.store.jobs_of(one.id)[0].queue for one in (first, fix)] == ["shop", "fixes"]
    assert (line.state(first), line.state(fix)) == ("superseded", "ready")
