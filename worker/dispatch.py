"""What a worker's reconciler sends with, and how it looks for messages that are already in the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from celery.exceptions import BackendError, WorkerLostError
from celery.states import FAILURE

from release.plan import celery_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from celery.backends.base import Backend

    from release.records import Offer
    from release.store import Store
    from worker.sending import Sender

log = structlog.get_logger(__name__)


class WorkerDispatcher:
    """Sends offers, and knows which of them still wait in the broker for a free worker."""

    def __init__(self, sender: Sender, store: Store, results: Backend) -> None:
        self._sender = sender
        self._store = store
        self._results = results

    def send(self, offer: Offer) -> None:
        """Publish the rest of the job's chain."""
        self._sender.send(offer)

    def close_dead(self, task_id: str, *, why: str) -> None:
        """End a task that died with its worker, in the results and in Flower."""
        try:
            self._results.store_result(task_id, WorkerLostError(why), FAILURE)
        except BackendError as error:
            log.warning("a dead task is not closed", task=task_id, error=str(error))
        self._sender.close_dead(task_id, why=why)

    def find_unsent(self, offers: Sequence[Offer]) -> list[Offer]:
        """Those of which no message is in its Celery queue.

        Each queue is read once, however many offers wait in it: with many apps and few workers it is long.
        """
        queues = {celery_queue(offer.kind, offer.stages[offer.index]) for offer in offers}
        sent = {_prefix(task_id) for queue in queues for task_id in self._store.task_ids(queue)}
        return [offer for offer in offers if offer.task_prefix(offer.index) not in sent]


def _prefix(task_id: str) -> str:
    """The task's id without the random part at its end, which is another for each message."""
    return task_id[: task_id.rfind(".") + 1]
