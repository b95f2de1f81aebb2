"""What a stage holds while it is its job's turn: the right to write, a log, a way to hear that it is over.

The worker's executor implements ``Turn``; all that writes to a cluster asks it right before each write.
"""

from __future__ import annotations

from typing import Protocol


class TurnOver(Exception):
    """The stage must stop at once."""


class LostTurn(TurnOver):
    """Another worker has taken the stage over: write nothing, report nothing."""


class CancelRequested(TurnOver):
    """Somebody asked to cancel the job, and the stage is at a point where that is safe."""


class Turn(Protocol):
    """The right to act for one stage of one job."""

    @property
    def fence(self) -> int:
        """The number that rises with every take-over; stamped on each object that is written.

        0 for a direct rollback, which stands in no queue: it stamps ``directs`` instead.
        """

    @property
    def directs(self) -> int:
        """How many direct rollbacks of the app it knows of: what carries more was taken from it (ADR 8)."""

    def check(self) -> None:
        """Ask Redis whether this is still our turn. Called between reading an object and writing it.

        Raises:
            LostTurn: somebody else has it.
        """

    def pause(self, seconds: float) -> None:
        """Wait, but wake at once when the turn is over or a cancel is asked.

        Raises:
            LostTurn: somebody else has the turn.
            CancelRequested: a cancel was asked, and this wait is one that a cancel may end.
        """

    def log(self, text: str) -> None:
        """Add lines to the release's log, under the current stage."""
