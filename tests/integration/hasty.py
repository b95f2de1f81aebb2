"""gunicorn's configuration for tests: a worker with little patience and little room."""

from __future__ import annotations

from webhook.arrivals import ArrivalWorker


class HastyWorker(ArrivalWorker):
    """A request has to be there within 1.5 seconds; of a hundred slow ones the first is let go."""

    patience = 1.5
    most_waiting = 100
    most_held = 8 * 1024 * 1024
    most_long = 20
    most_sending = 30
    most_idle = 20


worker_class = HastyWorker
worker_connections = 250
