"""Who may do what: four roles, each with all that the one before it may, for one app or for all.

The table is what the documentation shows and what a test walks over HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Role(StrEnum):
    """From the least to the most."""

    VIEWER = "viewer"
    RELEASER = "releaser"
    PROMOTER = "promoter"
    ADMIN = "admin"


class Action(StrEnum):
    """What can be asked for."""

    READ = "read"
    DEPLOY = "deploy"
    REDEPLOY = "redeploy"
    RETRY = "retry"
    CANCEL = "cancel"
    START = "start"
    COMPARE_TAGS = "compare-tags"
    DISMISS_TAG = "dismiss-tag"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    DECOMMISSION = "decommission"
    APPROVE = "approve"
    STOP_COUNTDOWN = "stop-countdown"
    OVERRIDE_FREEZE = "override-freeze"
    READ_AUDIT = "read-audit"
    MANAGE_TOKENS = "manage-tokens"
    TEST_CHANNEL = "test-channel"


RANK: Final = {role: rank for rank, role in enumerate(Role)}

NEEDED: Final[dict[Action, Role]] = {
    Action.READ: Role.VIEWER,
    Action.DEPLOY: Role.RELEASER,
    Action.REDEPLOY: Role.RELEASER,
    Action.RETRY: Role.RELEASER,
    Action.CANCEL: Role.RELEASER,
    Action.START: Role.PROMOTER,
    Action.COMPARE_TAGS: Role.RELEASER,
    Action.DISMISS_TAG: Role.RELEASER,
    Action.PROMOTE: Role.PROMOTER,
    Action.ROLLBACK: Role.PROMOTER,
    Action.DECOMMISSION: Role.PROMOTER,
    Action.APPROVE: Role.PROMOTER,
    Action.STOP_COUNTDOWN: Role.RELEASER,
    Action.OVERRIDE_FREEZE: Role.PROMOTER,
    Action.READ_AUDIT: Role.ADMIN,
    Action.MANAGE_TOKENS: Role.ADMIN,
    Action.TEST_CHANNEL: Role.ADMIN,
}
"""The least role that may. To start a release past its CI is to pass a check: that takes who may promote."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for some apps; ``apps`` empty: for all, also those to come."""

    role: Role
    apps: frozenset[str] = frozenset()

    def covers(self, app: str | None) -> bool:
        """Whether it counts for an app; ``app`` None is what belongs to no app, or to all."""
        return not self.apps or app in self.apps


def find_role(grants: Iterable[Grant], app: str | None) -> Role | None:
    """The highest role that somebody has for an app; None where they have none."""
    roles = [grant.role for grant in grants if grant.covers(app)]
    return max(roles, key=RANK.__getitem__, default=None)


def may(grants: Iterable[Grant], action: Action, app: str | None) -> bool:
    """Whether somebody with these grants may do something to an app."""
    role = find_role(grants, app)
    return role is not None and RANK[role] >= RANK[NEEDED[action]]
