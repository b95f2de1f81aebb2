"""The way of an offered signal into Celery: one task, named here for those who send and those who run it.

No secret is in it: the channel's name is enough, and what is told waits in Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from celery import Celery

from release.plan import SIGNALS_QUEUE
from worker.settings import sender_settings

if TYPE_CHECKING:
    from release.signal_lines import SignalOffer

log = structlog.get_logger(__name__)

TASK: Final = "signal.send"


class Publisher:
    """Sends offers to the queue ``signals``."""

    def __init__(self, redis_url: str) -> None:
        self._app = Celery("verdigris-signal-sender", set_as_current=False)
        self._app.config_from_object(sender_settings(redis_url))

    def publish(self, offer: SignalOffer) -> None:
        """Publish now; what fails is offered again when its time is over."""
        message = offer.message
        signal = message.signal
        told = {
            "app": signal.app,
            "release": signal.release_id,
            "tag": signal.tag,
            "event": str(signal.topic),
        }
        try:
            self._app.send_task(
                TASK,
                kwargs={"channel": message.channel, "message": message.id, "offer": offer.number, **told},
                task_id=f"{message.id}.o{offer.number}",
                queue=SIGNALS_QUEUE,
            )
        except Exception as error:  # noqa: BLE001 -- whatever the broker says, the message stands in Redis
            log.warning(
                "publishing a signal failed; it is offered again", message=message.id, error=str(error)
            )
