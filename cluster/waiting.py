"""Waiting for a cluster: deadlines, and the one loop that tries again while the cluster is away.

What to wait *for* is in the callers. Every wait goes through the turn, so that a lost turn or a cancel
ends it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Self, TypeVar

from cluster.errors import Unavailable
from release.clock import Clock, utc_now
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.turn import Turn

T = TypeVar("T")

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time, set once and handed down, so that nested waits can't add up."""

    at: datetime
    seconds: float
    clock: Clock = utc_now

    @classmethod
    def after(cls, seconds: float, *, clock: Clock = utc_now) -> Self:
        """So many seconds from now."""
        return cls(clock() + timedelta(seconds=seconds), seconds, clock)

    @property
    def remaining(self) -> float:
        """Seconds left; 0 when it is over."""
        return max(0.0, (self.at - self.clock()).total_seconds())

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.remaining == 0


def retry_unavailable(call: Callable[[], T], *, deadline: Deadline, turn: Turn) -> T:
    """Call until the cluster answers, with growing pauses.

    Only for calls that may be repeated: reads, and writes bound to a resourceVersion. Every other error
    goes straight to the caller.

    Raises:
        Problem: ``cluster-unavailable``, at the deadline.
        LostTurn, CancelRequested: the turn ended during a pause.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return call()
        except Unavailable as error:
            if deadline.is_over:
                raise _gave_up(error, deadline) from error
            if pause == FIRST_PAUSE:
                turn.log(f"the cluster's API is not available ({error.message}): trying again")
            turn.pause(min(max(pause, error.retry_after), deadline.remaining))
            pause = min(2 * pause, LONGEST_PAUSE)


def _gave_up(error: Unavailable, deadline: Deadline) -> Problem:
    return Problem(
        Unavailable.slug,
        Unavailable.title,
        detail=f"no usable answer within {deadline.seconds:g} s; the last: {error.message}",
        next_step=Unavailable.next_step,
        status=503,
    )
