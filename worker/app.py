"""The Celery application that workers run: ``celery -A worker.app worker -Q releases``.

Everything is wired here, once per process: nothing happens at import but reading the environment's Redis
address. A pool child makes its own connections after the fork.
"""

from __future__ import annotations

import os
from functools import cache, partial
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
from release.environment import Settings
from release.gate import Gate
from release.loading import load_config
from release.problems import NotDurable
from release.queue import LostStage, Queue
from release.redis_access import connect
from release.references import ConfigError
from release.requests import Requests
from release.retention import choose_forgotten
from release.starting import Starting
from release.store import Store
from source.checkout import Repositories
from source.registry import find_digest
from source.remote_tags import list_release_tags
from tasks.celery_tasks import register
from tasks.difference import find_difference
from tasks.step import Surroundings
from worker.auto_promoter import INTERVAL as COUNT_INTERVAL
from worker.auto_promoter import AutoPromoter
from worker.differ import INTERVAL as DIFFER_INTERVAL
from worker.differ import Differ
from worker.dispatch import WorkerDispatcher
from worker.log_context import bind_task, configure_logs
from worker.look import look
from worker.observer import Observer
from worker.reconciler import Reconciler
from worker.sending import quick_sender
from worker.settings import worker_settings
from worker.starter import INTERVAL as LOOK_INTERVAL
from worker.starter import Starter
from worker.tag_comparison import INTERVAL as COMPARISON_INTERVAL
from worker.tag_comparison import TagComparison
from worker.warmth import Warmth

if TYPE_CHECKING:
    from celery.app.task import Task

    from release.config import Config

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
        store=Store(client, audit_keep=_config().audit.keep),
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
def _starter() -> Observer:
    around = surroundings()
    gate = Gate(around.config, around.store)
    starting = Starting(around.config, around.store, around.queue, around.outbox, gate)
    starter = Starter(
        around.config,
        around.store,
        starting,
        resolve=around.repositories.resolve_tag,
        find_digest=find_digest,
    )
    return Observer(["releases that wait"], lambda _: starter.look(), interval=LOOK_INTERVAL)


@cache
def _tag_comparison() -> Observer:
    around = surroundings()
    comparison = TagComparison(
        around.config.apps,
        around.store.tags,
        Requests(around.config, around.store, around.queue, around.outbox),
        list_tags=list_release_tags,
        clock=around.clock,
    )
    return Observer(
        around.config.apps, comparison.look, interval=COMPARISON_INTERVAL, choose=comparison.choose
    )


@cache
def _auto_promoter() -> Observer:
    around = surroundings()
    requests = Requests(around.config, around.store, around.queue, around.outbox)
    promoter = AutoPromoter(around.config, around.store, requests, around.clock)
    return Observer(around.config.apps, promoter.look, interval=COUNT_INTERVAL)


@cache
def _differ() -> Observer:
    around = surroundings()
    differ = Differ(around.config, around.store, partial(find_difference, around), around.clock)
    return Observer(["differences"], lambda _: differ.look(), interval=DIFFER_INTERVAL)


@cache
def _tidier() -> Observer:
    def tidy(name: str) -> None:
        around = surroundings()
        oldest, known = around.store.oldest_releases(name, limit=TIDIED_AT_ONCE)
        keep = around.config.apps[name].keep
        around.queue.forget(name, choose_forgotten(oldest, known=known, keep=keep, now=around.clock()))
        around.store.audit.trim()

    return Observer(surroundings().config.apps, tidy, interval=TIDYING_INTERVAL)


@setup_logging.connect
def _set_up_logs(**_: object) -> None:
    configure_logs(_settings.log_format)


@worker_process_init.connect
def _forget_connections(**_: object) -> None:
    """A pool child must not share the sockets of its parent; its own are open before they are needed."""
    surroundings.cache_clear()
    _cluster.cache_clear()
    contexts = {app.context for app in _config().apps.values()}
    Warmth(partial(_cluster, context) for context in contexts).start()


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
def _stay_to_the_end(task: Task[Any, Any], kwargs: dict[str, Any], **_: object) -> None:
    """A TERM to the whole process group must not cut the stage that runs: the main process waits for it."""
    signal(SIGTERM, SIG_IGN)
    bind_task(task.name, kwargs)


@task_postrun.connect
def _be_ready_to_end(**_: object) -> None:
    """An idle child ends at once, as Celery's own children do."""
    signal(SIGTERM, SIG_DFL)
    structlog.contextvars.clear_contextvars()


@worker_ready.connect
def _start_threads(**_: object) -> None:
    _reconciler().start()
    _observer().start()
    _tidier().start()
    _starter().start()
    _auto_promoter().start()
    _tag_comparison().start()
    _differ().start()


@worker_shutting_down.connect
def _stop_threads(**_: object) -> None:
    _reconciler().stop()
    _observer().stop()
    _tidier().stop()
    _starter().stop()
    _auto_promoter().stop()
    _tag_comparison().stop()
    _differ().stop()


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
        log.warning("a lost stage is left to its lease", job=stage.job_id, owner=task_id, error=str(error))
