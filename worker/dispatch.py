"""What a worker's reconciler sends with, and how it looks for messages that are already in the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.plan import celery_queue

if TYPE_CHECKING:
    from release.records import Offer
    from release.store import Store
    from worker.sending import Sender


class WorkerDispatcher:
    """Sends offers, and knows which of them still wait in the broker for a free worker."""

    def __init__(self, sender: Sender, store: Store) -> None:
        self._store = store
        self.send = sender.send
        self.close_dead = sender.close_dead

    def is_queued(self, offer: Offer) -> bool:
        """Whether a message of this very offer is in its Celery queue."""
        return self._store.has_message(celery_queue(offer.kind), offer.task_prefix(offer.index))
