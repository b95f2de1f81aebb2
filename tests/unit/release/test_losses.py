"""What a switch needs and is gone, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from release.losses import find_losses
from release.model import Color, Release, State
from tests.unit.release.sights import ARGO, BLUE, GREEN, READY, look

if TYPE_CHECKING:
    from release.observation import Observation
    from release.others import Writer


def tell(seen: Observation, *releases: Release, who: Writer | None = ARGO) -> list[tuple[str, str, str]]:
    return [loss.tell(who) for loss in find_losses(seen, releases)]


def test_a_route_that_was_deleted_names_nobody_and_says_how_to_have_it_back() -> None:
    gone = replace(look(Color.BLUE, has_route=False), default=None)

    ((what, users, way),) = tell(gone, BLUE, GREEN, who=None)

    assert what.startswith("somebody whom the cluster does not name deleted the app's VirtualService")
    assert "users get errors" in users
    assert "find out who applies" in way
    assert "with blue as the subset" in way
    assert "`verdigris redeploy B2`" in way
    # without one that is live, the newest is named; without any, it may never have been there
    assert "`verdigris redeploy G3`" in tell(gone, READY)[0][2]
    assert tell(gone) == []


def test_a_route_that_can_t_be_switched_names_its_writer() -> None:
    odd = replace(look(Color.BLUE, problem="two destinations"), default=None)

    (loss,) = find_losses(odd, [BLUE, GREEN])

    assert loss.wrote is ARGO
    assert loss.releases == (BLUE, GREEN)
    assert loss.tell(ARGO)[0].endswith("wrote a route that can't be switched")


def test_a_subset_that_users_need_comes_before_all_else() -> None:
    none = look(Color.BLUE, subsets=(), test_route=None, green=READY)

    found = tell(none, READY, BLUE)

    assert [what.partition("took the ")[2] for what, _, _ in found] == [
        "subset blue out of the DestinationRule, which v2-blue (blue) needs",
        "subset green out of the DestinationRule, which v3-green (green) needs",
        "test entry of v3-green (green) out of the route",
    ]
    assert [users.partition(";")[0] for _, users, _ in found] == [
        "Users get errors (503): the DestinationRule has no subset blue",
        "Users notice nothing",
        "Users notice nothing",
    ]


def test_what_nobody_looked_at_or_nobody_needs_is_no_loss() -> None:
    away = replace(BLUE, state=State.ROLLED_BACK)

    assert tell(look(Color.BLUE, subsets=None), BLUE, GREEN) == []
    assert tell(look(Color.BLUE, test_route=None), BLUE, GREEN) == []
    assert tell(look(test_route=None), replace(away, id="B9"), replace(GREEN, state=State.LIVE)) == []
    assert len(tell(look(test_route=None), away)) == 1
