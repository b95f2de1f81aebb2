"""Whether a release that is ready is promoted by itself, and when: pure decisions.

It is tried once: after a promote that did not succeed, or that somebody cancelled, a person decides; one that
a freeze kept from its switch goes on after it. A release that users were moved away from never comes back by
itself, nor does one of which nobody knows any more what people said to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from release.freezes import find_freeze
from release.model import JobKind, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from release.approvals import Verdict
    from release.freezes import Frozen
    from release.model import Actor, Job, Release
    from release.rules import Freeze

STOPPABLE: Final = frozenset({State.WAITING, State.QUEUED, State.RUNNING, State.READY})
"""States in which somebody may say that a release shall not be promoted by itself."""

FROZEN: Final = "app-frozen"
"""The problem that ends a promote which a freeze kept from its switch."""


class Block(StrEnum):
    """Why a release is not promoted by itself at the end of its delay."""

    STOPPED = "stopped"
    TRIED = "tried"
    READ_BACK = "read-back"
    REJECTED = "rejected"
    APPROVALS = "approvals"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody's word that a release shall not be promoted by itself."""

    actor: Actor
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Countdown:
    """To the promote of a release that is ready. ``due_at``: when it comes if nothing else is in the way.

    ``frozen``: the freeze that would be on at the end of the delay, and that ``due_at`` waits out.
    """

    due_at: datetime
    blocked_by: tuple[Block, ...] = ()
    frozen: Frozen | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether to promote now."""
        return not self.blocked_by and now >= self.due_at


def find_due(
    release: Release,
    delay: float | None,
    *,
    now: datetime,
    freezes: Sequence[Freeze],
    verdict: Verdict,
    stop: Stop | None,
    jobs: Sequence[Job],
) -> Countdown | None:
    """The countdown of a release, if one runs.

    None runs where the app has no ``delay`` (in seconds), where the release is not ready, and while its
    promote waits or runs. ``jobs`` are the release's. A freeze that is on at the end of the delay moves the
    end of the countdown to its own; approvals that come after the end let it be due at once.
    """
    promotes = [job for job in jobs if job.kind is JobKind.PROMOTE]
    if delay is None or release.state is not State.READY or not all(job.state.is_over for job in promotes):
        return None
    due_at = release.updated_at + timedelta(seconds=delay)
    frozen = find_freeze(freezes, max(now, due_at))
    blocks = {
        Block.STOPPED: stop is not None,
        Block.TRIED: len(promotes) > len(find_put_off(promotes)),
        Block.READ_BACK: release.is_read_back,
        Block.REJECTED: verdict.rejected_by is not None,
        Block.APPROVALS: verdict.missing > 0,
        Block.FREEZE: frozen is not None,
    }
    return Countdown(
        due_at=frozen.until if frozen else due_at,
        blocked_by=tuple(block for block, is_so in blocks.items() if is_so),
        frozen=frozen,
    )


def find_put_off(jobs: Sequence[Job]) -> list[Job]:
    """The promotes of a release that a freeze which began meanwhile kept from their switch."""
    return [job for job in jobs if job.kind is JobKind.PROMOTE and job.problem and job.problem.slug == FROZEN]
