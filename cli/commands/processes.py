"""Commands that become one of the processes: gunicorn, a Celery worker, Flower.

The program replaces this one, so that a supervisor's signals reach it.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.failures import Exit, Failure
from cli.lazy import missing_extra
from cli.surroundings import current_surroundings
from release.plan import RELEASES_QUEUE, SIGNALS_QUEUE, SWITCHES_QUEUE

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION: Final = "webhook.wsgi:create()"
WORKER: Final = "webhook.arrivals.ArrivalWorker"
HOOKS: Final = "python:webhook.metrics_folder"
LOGGER: Final = "webhook.gunicorn_log.UniformLogger"
CELERY: Final = ("-A", "worker.app")
SIGNALS: Final = ("-A", "worker.signals")
LOGIN: Final = "FLOWER_BASIC_AUTH"
COLUMNS: Final = "name,kwargs,state,received,runtime,worker"
THREADS: Final = 8
GRACEFUL_SECONDS: Final = 20
REQUEST_SECONDS: Final = 30


@click.command
@click.option("--bind", default="127.0.0.1:8000", show_default=True, metavar="ADDRESS:PORT")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    envvar="WEB_CONCURRENCY",
    help="Processes; each has 8 threads.",
)
def web(bind: str, workers: int) -> None:
    """The web process: hooks, API and pages.

    Needs VERDIGRIS_SECRET_KEY, the configuration (VERDIGRIS_CONFIG, else verdigris.yml) and Redis
    (VERDIGRIS_REDIS_URL).
    """
    check_web(os.environ)
    current_surroundings().launch("gunicorn", gunicorn_arguments(bind, workers))


def gunicorn_arguments(bind: str, workers: int) -> list[str]:
    """Threads, because a request waits for Redis and not for the processor.

    Without the control socket: it would stand in the home folder, one for all. No peer may say what its
    request's address or scheme is; whose word on the sender counts is VERDIGRIS_TRUSTED_PROXIES' business.
    """
    return [
        f"--config={HOOKS}",
        f"--bind={bind}",
        f"--workers={workers}",
        f"--worker-class={WORKER}",
        f"--logger-class={LOGGER}",
        f"--threads={THREADS}",
        f"--timeout={REQUEST_SECONDS}",
        f"--graceful-timeout={GRACEFUL_SECONDS}",
        "--forwarded-allow-ips=",
        "--no-control-socket",
        APPLICATION,
    ]


@click.command
@click.option(
    "--queues",
    type=click.Choice([RELEASES_QUEUE, SWITCHES_QUEUE, SIGNALS_QUEUE]),
    default=RELEASES_QUEUE,
    show_default=True,
    help="releases: deploys. switches: promote, rollback, decommission. signals: what is told outside.",
)
@click.option("--name", help="Name in Flower, unique on this machine [default: queue and process id].")
def worker(queues: str, name: str | None) -> None:
    """A worker that carries out jobs, one at a time.

    Run at least one for each of the first two queues: a rollback then never waits for a rollout. More for
    releases let more apps be released at once. One for signals, where the configuration names channels. Let
    a supervisor restart it when it ends.
    """
    check = check_channels if queues == SIGNALS_QUEUE else check_environment
    check(os.environ)
    click.echo(f"takes jobs of queue {queues}", err=True)
    current_surroundings().launch("celery", worker_arguments(queues, name or f"{queues}-{os.getpid()}"))


def check_web(environment: Mapping[str, str]) -> None:
    """Refuse to start without the configuration, the key of sessions, a token or a webhook's secret.

    Raises:
        Failure: with what is wrong, before gunicorn buries it in a traceback.
    """
    from release.environment import Settings  # noqa: PLC0415 -- the same
    from release.loading import load_config  # noqa: PLC0415 -- the same
    from release.references import ConfigError  # noqa: PLC0415 -- slow to import; only servers need it
    from webhook.endpoints import resolve_endpoints  # noqa: PLC0415 -- the same

    try:
        settings = Settings.read(environment)
        settings.get_secret_key()
        config = load_config(settings.config)
        for token in config.tokens:
            token.value.resolve(environment)
        resolve_endpoints(config, environment)
    except ConfigError as error:
        raise Failure("the web process can't start", detail=str(error), code=Exit.USAGE) from error


def check_environment(environment: Mapping[str, str]) -> None:
    """Refuse to start with a configuration, or a secret of an app, that stages could not use.

    Raises:
        Failure: with every line that is wrong.
    """
    from release.environment import Settings  # noqa: PLC0415 -- slow to import; only workers need it
    from release.loading import load_config  # noqa: PLC0415 -- the same
    from release.references import ConfigError  # noqa: PLC0415 -- slow to import; only workers need it

    try:
        config = load_config(Settings.read(environment).config)
        for app in config.apps:
            config.release_secrets(app)
    except ConfigError as error:
        raise Failure("the worker can't start", detail=str(error), code=Exit.USAGE) from error


def check_channels(environment: Mapping[str, str]) -> None:
    """Refuse to start with a channel that could not be used; what apps need is nothing to this worker.

    Raises:
        Failure: with what is wrong.
    """
    from release.channels import resolve_secret  # noqa: PLC0415 -- slow to import; only this worker needs it
    from release.environment import Settings  # noqa: PLC0415 -- the same
    from release.loading import load_config  # noqa: PLC0415 -- the same
    from release.references import ConfigError  # noqa: PLC0415 -- the same

    try:
        for name, channel in load_config(Settings.read(environment).config).channels.items():
            resolve_secret(name, channel, environment)
    except ConfigError as error:
        raise Failure("the worker can't start", detail=str(error), code=Exit.USAGE) from error


def worker_arguments(queue: str, name: str) -> list[str]:
    """One job at a time in a child of its own; gossip and mingle are for workers that know each other."""
    return [
        *(SIGNALS if queue == SIGNALS_QUEUE else CELERY),
        "worker",
        "--concurrency=1",
        "--pool=prefork",
        "--task-events",
        "--without-gossip",
        "--without-mingle",
        f"--queues={queue}",
        f"--hostname={name}@%h",
        "--loglevel=INFO",
    ]


@click.command
@click.option("--address", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=5555, show_default=True)
@click.option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps what Flower has seen over a restart.",
)
def flower(address: str, port: int, database: Path | None) -> None:
    """Flower, to watch the workers; it changes nothing.

    FLOWER_BASIC_AUTH=user:password in the environment is its login. There is no start without one: on a
    machine of several people, or with a port forwarded, nobody else's browser is far.
    """
    if find_spec("flower") is None:
        raise missing_extra("flower", "flower", "flower")
    check_login(os.environ.get(LOGIN, ""))
    current_surroundings().launch("celery", flower_arguments(address, port, database))


def check_login(login: str) -> None:
    """Refuse a login that lets in whoever knows nothing.

    Flower takes a comma for the end of one login and the beginning of the next.

    Raises:
        Failure: there is none, or one of them has no user or no password.
    """
    if login and all(
        user and password for user, _, password in (one.partition(":") for one in login.split(","))
    ):
        return
    raise Failure(
        "Flower is not started without a login",
        detail=f"{LOGIN} is {'not of the form user:password' if login else 'not set'}",
        next_step=f"set {LOGIN}=me:$(openssl rand -hex 12) in the environment; no comma in it",
        code=Exit.USAGE,
    )


def flower_arguments(address: str, port: int, database: Path | None) -> list[str]:
    """Read-only: who may stop a release is for the roles to say, and the audit trail to tell.

    No ``--broker-api``: with Redis, Flower ends at once when it is given one.
    """
    kept = ["--persistent=True", f"--db={database}"] if database else []
    listen = [f"--address={address}", f"--port={port}"]
    return [*CELERY, "flower", *listen, "--read-only=True", f"--tasks-columns={COLUMNS}", *kept]
