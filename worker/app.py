"""The Celery application that workers run: ``celery -A worker.app worker -Q releases``.

Everything is wired here, once per process: nothing happens at import but reading the environment's Redis
address. A pool child makes its own connections after the fork.
"""

from __future__ import annotations

import os
from functools import cache
from signal import SIG_DFL, SIG_IGN, SIGTERM, signal
from typing import TYPE_CHECKING, Any

import structlog
from celery import Celery
from celery.exceptions import WorkerLostError
from celery.signals import (
    setup_logging,
    task_failure,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)

from cluster.connection import Cluster
from release.clock import utc_now
from release.config import Config, ConfigError
from release.environment import Settings
from release.loading import load_config
from release.problems import NotDurable
from release.queue import LostStage, Queue
from release.redis_access import connect
from release.requests import Requests
from release.retention import choose_forgotten
from release.store import Store
from source.checkout import Repositories
from tasks.celery_tasks import register
from tasks.step import Surroundings
from worker.dispatch import WorkerDispatcher
from worker.log_context import configure_logs
from worker.look import look
from worker.observer import Observer
from worker.reconciler import Reconciler
from worker.sending import quick_sender
from worker.settings import worker_settings

if TYPE_CHECKING:
    from celery.app.task import Task

log = structlog.get_logger(__name__)

REDIS_TIMEOUT = 5.0
TIDYING_INTERVAL = 300.0
TIDIED_AT_ONCE = 200

_settings = Settings.read(os.environ)

app = Celery("verdigris")
app.config_from_object(worker_settings(_settings.redis_url))


@cache
def _config() -> Config:
    """Read once: a pool child that is started later works with what its worker began with."""
    return load_config(_settings.config)


@cache
def surroundings() -> Surroundings:
    """What this process works with."""
    client = connect(_settings.redis_url, timeout=REDIS_TIMEOUT)
    return Surroundings(
        settings=_settings,
        config=_config(),
        store=Store(client),
        queue=Queue(client),
        outbox=quick_sender(_settings.redis_url),
        repositories=Repositories(_settings.data / "repositories"),
        connect=lambda configured: _cluster(configured.context),
        clock=utc_now,
    )


@cache
def _cluster(context: str | None) -> Cluster:
    return Cluster.connect(_settings.kubeconfig, context)


register(app, surroundings)


@cache
def _reconciler() -> Reconciler:
    client = connect(_settings.redis_url, timeout=REDIS_TIMEOUT)
    store, queue, sender = Store(client), Queue(client), quick_sender(_settings.redis_url)
    requests = Requests(surroundings().config, store, queue, sender)
    return Reconciler(queue, WorkerDispatcher(sender, store, app.backend), expire=requests.expire)


@cache
def _observer() -> Observer:
    return Observer(surroundings().config.apps, lambda name: look(surroundings(), name))


@cache
def _tidier() -> Observer:
    def tidy(name: str) -> None:
        around = surroundings()
        oldest, known = around.store.oldest_releases(name, limit=TIDIED_AT_ONCE)
        keep = around.config.apps[name].keep
        around.queue.forget(name, choose_forgotten(oldest, known=known, keep=keep, now=around.clock()))

    return Observer(surroundings().config.apps, tidy, interval=TIDYING_INTERVAL)


@setup_logging.connect
def _set_up_logs(**_: object) -> None:
    configure_logs(_settings.log_format)


@worker_process_init.connect
def _forget_connections(**_: object) -> None:
    """A pool child must not share the sockets of its parent."""
    surroundings.cache_clear()
    _cluster.cache_clear()


@worker_init.connect
def _check_configuration(**_: object) -> None:
    """Not begin with a configuration that no stage could use: each message would fail before its claim.

    Celery swallows what signal handlers raise, but for the wish to exit.
    """
    try:
        config = surroundings().config
        for name in config.apps:
            config.release_secrets(name)
    except ConfigError as error:
        log.critical("the worker can't start", error=str(error))
        raise SystemExit(2) from error


@task_prerun.connect
def _stay_to_the_end(**_: object) -> None:
    """A TERM to the whole process group must not cut the stage that runs: the main process waits for it."""
    signal(SIGTERM, SIG_IGN)


@task_postrun.connect
def _be_ready_to_end(**_: object) -> None:
    """An idle child ends at once, as Celery's own children do."""
    signal(SIGTERM, SIG_DFL)


@worker_ready.connect
def _start_threads(**_: object) -> None:
    _reconciler().start()
    _observer().start()
    _tidier().start()


@worker_shutting_down.connect
def _stop_threads(**_: object) -> None:
    _reconciler().stop()
    _observer().stop()
    _tidier().stop()


@task_failure.connect
def _report_dead_child(
    task_id: str, exception: BaseException, kwargs: dict[str, Any], sender: Task[Any, Any], **_: object
) -> None:
    """Celery notices at once when a pool child dies; the lease would notice later."""
    if not isinstance(exception, WorkerLostError) or "job" not in kwargs:
        return
    stage = LostStage(str(kwargs["job"]), int(kwargs["fence"]), task_id)
    try:
        _reconciler().take_over(stage, why=f"the process that ran {sender.name} died")
    except NotDurable as error:
        log.warning("a lost stage is left to its lease", error=str(error))
