"""At which pace a worker asks for a broker that is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from celery import Celery

from worker.consumer import SteadyConsumer
from worker.settings import worker_settings

if TYPE_CHECKING:
    from kombu import Connection


class NotingConnection:
    """Notes how it is asked to wait for the broker, and is then there."""

    asked: dict[str, Any]

    def ensure_connection(self, *_: object, **given: object) -> NotingConnection:
        self.asked = given
        return self


def test_a_worker_asks_every_second_however_long_it_takes() -> None:
    app = Celery("test", set_as_current=False)
    app.config_from_object(worker_settings("redis://127.0.0.1:6379/0"))
    consumer = SteadyConsumer.__new__(SteadyConsumer)
    consumer.app, consumer.first_connection_attempt = app, True
    connection = NotingConnection()

    consumer.ensure_connected(cast("Connection", connection))

    pace = {name: value for name, value in connection.asked.items() if name.startswith("interval")}
    assert pace == {"interval_start": 1, "interval_step": 0, "interval_max": 1}
