"""Four roles, each with all that the one before may, for one app or for all."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from release.roles import NEEDED, RANK, Action, Grant, Role, find_role, may

EVERYWHERE = frozenset[str]()
SHOP = frozenset({"shop"})


def test_every_action_names_the_role_that_it_needs() -> None:
    assert set(NEEDED) == set(Action)


@pytest.mark.parametrize(("role", "action"), list(product(Role, Action)))
def test_a_role_may_what_its_rank_reaches(role: Role, action: Action) -> None:
    assert may([Grant(role)], action, "shop") == (RANK[role] >= RANK[NEEDED[action]])


def test_each_role_may_all_that_the_one_before_may() -> None:
    allowed = [{action for action in Action if may([Grant(role)], action, "shop")} for role in Role]

    assert all(less < more for less, more in pairwise(allowed))
    assert allowed[-1] == set(Action)


@pytest.mark.parametrize(
    ("grants", "app", "expected"),
    [
        ([], "shop", None),
        ([Grant(Role.ADMIN, SHOP)], "blog", None),
        ([Grant(Role.VIEWER, SHOP)], "shop", Role.VIEWER),
        ([Grant(Role.VIEWER, EVERYWHERE)], "anything", Role.VIEWER),
        ([Grant(Role.VIEWER), Grant(Role.PROMOTER, SHOP)], "shop", Role.PROMOTER),
        ([Grant(Role.PROMOTER, SHOP), Grant(Role.VIEWER)], "blog", Role.VIEWER),
    ],
)
def test_the_highest_role_for_an_app_counts(grants: list[Grant], app: str, expected: Role | None) -> None:
    assert find_role(grants, app) is expected


def test_what_belongs_to_no_app_takes_a_role_for_all() -> None:
    assert not may([Grant(Role.ADMIN, SHOP)], Action.READ_AUDIT, None)
    assert may([Grant(Role.ADMIN)], Action.READ_AUDIT, None)
    assert not may([], Action.READ, None)
