"""How a worker comes back to Redis: Celery's consumer, but never half a minute late.

Celery asks for a lost broker after 2 s, 4 s, 6 s up to 30 s. After an outage of two minutes a rollback would
wait another twenty seconds for nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from celery.worker.consumer import Consumer

if TYPE_CHECKING:
    from kombu import Connection

RETRY_SECONDS: Final = 1


class SteadyConsumer(Consumer):
    """Asks for the broker every second, for as long as it is away; set as ``worker_consumer``."""

    def ensure_connected(self, conn: Connection) -> Connection:
        """Wait for the broker, as Celery does, at another pace."""
        steady = partial(
            conn.ensure_connection, interval_start=RETRY_SECONDS, interval_step=0, interval_max=RETRY_SECONDS
        )
        conn.ensure_connection = steady  # type: ignore[method-assign]  # Celery gives no other way to its pace
        return super().ensure_connected(conn)
