"""A Celery worker whose stages do nothing but say when they begin: ``celery -A bench.hops worker``.

Beside the stages, which are claimed and ended as in earnest, stands a task of plain Celery that does so too.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import redis
from celery import Celery
from celery.signals import worker_process_init

from cluster.connection import Cluster
from cluster.errors import from_answer
from release.clock import utc_now
from release.environment import Settings
from release.loading import load_config
from release.model import Stage
from release.queue import Queue
from release.redis_access import connect
from release.store import Store
from source.checkout import Repositories
from tasks.celery_tasks import register
from tasks.step import Passed, Step, Surroundings
from worker.sending import quick_sender
from worker.settings import worker_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.connection import Body

STAGES: Final = (Stage.SANITY, Stage.DEPLOY, Stage.MIGRATE, Stage.SMOKE)
BEGUN: Final = "bench:begun"
TASK: Final = "bench.nothing"
MISSING: Final = 404

_settings = Settings.read(os.environ)
app = Celery("bench")
app.config_from_object(worker_settings(_settings.redis_url))


class EmptyCluster(Cluster):
    """A cluster in which there is nothing, and which answers at once: its time is no part of a hop."""

    def __init__(self) -> None:
        """There is no connection."""

    def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Body | None = None
    ) -> bytes:
        """There is no such thing."""
        del method, path, query, body
        raise from_answer(MISSING, b"{}", {})


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(_settings.redis_url)


@cache
def surroundings() -> Surroundings:
    """As a worker's, without a cluster."""
    client = connect(_settings.redis_url, timeout=5)
    return Surroundings(
        settings=_settings,
        config=load_config(_settings.config),
        store=Store(client),
        queue=Queue(client),
        outbox=quick_sender(_settings.redis_url),
        repositories=Repositories(_settings.data / "repositories"),
        connect=lambda _: EmptyCluster(),
        clock=utc_now,
    )


@worker_process_init.connect
def _forget_connections(**_: object) -> None:
    surroundings.cache_clear()
    _client.cache_clear()


def say_begun() -> None:
    """Note the moment."""
    _client().rpush(BEGUN, time.time())


def _stage(_: Step) -> Passed:
    say_begun()
    return Passed()


register(app, surroundings, work=dict.fromkeys(STAGES, _stage))


@app.task(name=TASK, shared=False)
def nothing(**_: Any) -> str:  # noqa: ANN401 -- what a stage is sent, for a message of the same length
    """What a stage does here, in plain Celery."""
    say_begun()
    return "nothing passed"
