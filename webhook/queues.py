"""An app's jobs with their places: it may have several queues, by its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from release.config import Config
    from release.model import Job
    from webhook.services import Store

PlacedJob = tuple[int, "Job"]
"""A place in a queue, 0 for the active job, and the job."""


def read_queues(app: str, config: Config, store: Store) -> list[PlacedJob]:
    """Every queue that the app's jobs go through, whole: other apps' jobs stand between them."""
    return [placed for name in config.queues_of(app) for placed in enumerate(store.queue(name))]
