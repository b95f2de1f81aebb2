"""An app's jobs with their places: it may have several queues, by its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from release.model import Job
    from webhook.services import Services

PlacedJob = tuple[int, "Job"]
"""A place in a queue, 0 for the active job, and the job."""


def read_queues(app: str, services: Services) -> list[PlacedJob]:
    """Every queue that the app's jobs go through, whole: other apps' jobs stand between them."""
    names = services.config.queues_of(app)
    return [placed for name in names for placed in enumerate(services.store.queue(name))]
