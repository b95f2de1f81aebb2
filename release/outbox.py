"""Where the core's offers leave it: what it needs of whoever carries them to Celery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.records import Offer


class Outbox(Protocol):
    """Where offers leave for Celery. It may fail silently: a worker's reconciler sends an offer again."""

    def send(self, offer: Offer) -> None:
        """Publish the rest of the job's chain."""

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        """Let the task queue's own view show the job while it waits for its turn."""

    def close_waiting(self, job_id: str) -> None:
        """Let that view show that the wait is over: its turn has come, or it was cancelled."""
