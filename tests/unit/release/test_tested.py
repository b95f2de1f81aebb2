"""What a look shows of a tested release: notices and buttons go by the same answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from release.interference import find_interference
from release.model import Color, State
from release.tested import find_changed, runs_as_tested
from tests.unit.release.sights import BLUE, GREEN, NOW, look, runs

if TYPE_CHECKING:
    from release.observation import Observation

LEFT = replace(BLUE, state=State.ROLLED_BACK)
SIGHTS = [
    pytest.param(look(), True, id="as it was"),
    pytest.param(look(test_route=None), False, id="without the test entry"),
    pytest.param(look(test_route=Color.GREEN), False, id="behind the other's test entry"),
    pytest.param(look(fingerprint="another"), False, id="with changed entries"),
    pytest.param(look(blue=runs(BLUE, passed=False)), False, id="with changed pods"),
    pytest.param(look(blue=runs(replace(BLUE, id="B9"))), False, id="replaced"),
]


@pytest.mark.parametrize(("seen", "expected"), SIGHTS)
def test_a_release_runs_as_tested_with_the_same_pods_behind_the_same_route(
    seen: Observation, *, expected: bool
) -> None:
    assert runs_as_tested(seen, LEFT) is expected
    assert find_changed(seen, [LEFT, GREEN]) == (frozenset() if expected else {"B2"})


@pytest.mark.parametrize(("seen", "expected"), SIGHTS)
def test_after_a_revert_the_notice_advises_a_promote_exactly_where_one_is_offered(
    seen: Observation, *, expected: bool
) -> None:
    notice = find_interference(seen, (BLUE, GREEN), active=None, known=None).interference
    assert notice
    assert ("`verdigris promote shop" in notice.next_step) is expected
    assert ("`verdigris redeploy B2`" in notice.next_step) is not expected


@pytest.mark.parametrize(
    "seen",
    [
        look(test_route=None, has_route=None),
        look(test_route=None, has_route=False),
        look(test_route=None, problem="several weighted destinations"),
    ],
)
def test_nothing_is_said_where_the_route_was_not_read_or_not_understood(seen: Observation) -> None:
    assert find_changed(seen, [LEFT]) == frozenset()


def test_nothing_is_said_of_a_record_that_may_be_newer_than_the_look() -> None:
    fresh = replace(LEFT, updated_at=NOW - timedelta(seconds=4))
    assert find_changed(look(test_route=None), [fresh]) == frozenset()
