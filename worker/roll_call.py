"""Which workers are there, and which queues they take jobs from: asked of them all through the broker."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from celery import Celery
from kombu.exceptions import OperationalError

from worker.settings import sender_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLL_CALL_SECONDS: Final = 2.0
"""A worker answers beside the job that it carries out; all answers that come in this time are taken."""


class NotAsked(Exception):
    """The broker did not take the question; the message says how."""


def call_roll(redis_url: str, *, seconds: float = ROLL_CALL_SECONDS) -> Mapping[str, list[str]]:
    """The workers by queue, each by its name.

    Raises:
        NotAsked: the broker is away, or refuses.
    """
    app = Celery("verdigris-doctor", set_as_current=False)
    app.config_from_object(sender_settings(redis_url))
    try:
        answers = app.control.inspect(timeout=seconds).active_queues() or {}
    except OperationalError as error:
        raise NotAsked(str(error)) from error
    except Exception as error:  # kombu passes on what its transport raises, with parts of the address in it
        raise NotAsked(type(error).__name__) from error
    finally:
        app.close()
    workers: defaultdict[str, list[str]] = defaultdict(list)
    for worker, queues in sorted(answers.items()):
        for queue in queues or ():
            workers[str(queue["name"])].append(str(worker))
    return workers
