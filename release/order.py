"""Who goes ahead of whom in a queue: rollback before everybody, promote before its app's deploys.

The rule is a table, so that the Lua script that inserts a job and the model that tests it read the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from release.model import JobKind

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Jump:
    """Kinds of waiting jobs that a new job goes ahead of; ``same_app``: only its own app's."""

    over: frozenset[JobKind]
    same_app: bool


NO_JUMP: Final = Jump(frozenset(), same_app=True)

JUMPS: Final[dict[JobKind, Jump]] = {
    JobKind.DEPLOY: NO_JUMP,
    JobKind.DECOMMISSION: NO_JUMP,
    JobKind.PROMOTE: Jump(frozenset({JobKind.DEPLOY}), same_app=True),
    JobKind.ROLLBACK: Jump(
        frozenset({JobKind.DEPLOY, JobKind.DECOMMISSION, JobKind.PROMOTE}), same_app=False
    ),
}


def urgency(kind: JobKind) -> int:
    """Which of an app's jobs goes first where they stand at the heads of several queues: the higher one."""
    return len(JUMPS[kind].over)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the order of a queue depends on."""

    app: str
    kind: JobKind


def insertion_index(queue: Sequence[Entry], new: Entry, *, is_head_active: bool = True) -> int:
    """Where ``new`` goes in ``queue``. An active head is never overtaken."""
    jump = JUMPS[new.kind]
    first = int(is_head_active)
    for index, entry in enumerate(queue[first:], first):
        if entry.kind in jump.over and (not jump.same_app or entry.app == new.app):
            return index
    return len(queue)
