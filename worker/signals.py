"""The Celery application of workers that tell outside: ``celery -A worker.signals worker -Q signals``.

It knows no stage, no cluster and no repository, and needs none of their credentials. A message whose worker
dies is offered again by Redis; Celery only carries the offer.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import structlog
from celery import Celery
from celery.exceptions import Ignore
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)

from release.channels import resolve_secret
from release.clock import utc_now
from release.environment import Settings
from release.gate import Gate
from release.loading import load_config
from release.problems import NotDurable
from release.queue import Queue
from release.redis_access import connect
from release.references import ConfigError
from release.store import Store
from worker.log_context import configure_logs
from worker.settings import worker_settings
from worker.signal_publishing import TASK, Publisher
from worker.signal_sending import find_rest
from worker.signal_telling import try_to_tell
from worker.signal_watch import SignalWatch

if TYPE_CHECKING:
    from release.config import Config

log = structlog.get_logger(__name__)

REDIS_TIMEOUT = 5.0

_settings = Settings.read(os.environ)

app = Celery("verdigris-signals")
app.config_from_object(worker_settings(_settings.redis_url))


class NotTold(Exception):
    """A channel did not take a message; the text says why, and whether it is tried again."""


@dataclass(frozen=True, slots=True)
class House:
    """What this process works with."""

    config: Config
    store: Store
    publisher: Publisher


@cache
def house() -> House:
    """Made in the process that uses it: a pool child must not share the sockets of its parent."""
    store = Store(connect(_settings.redis_url, timeout=REDIS_TIMEOUT))
    return House(_config(), store, Publisher(_settings.redis_url))


@cache
def _config() -> Config:
    return load_config(_settings.config)


@cache
def _watch() -> SignalWatch:
    client = connect(_settings.redis_url, timeout=REDIS_TIMEOUT)
    store, config = Store(client), _config()
    return SignalWatch(
        config,
        store,
        queue=Queue(client),
        gate=Gate(config, store),
        publish=Publisher(_settings.redis_url).publish,
    )


@app.task(name=TASK, shared=False, throws=(NotTold,))
def send_signal(*, channel: str, message: str, offer: int, **_shown: str) -> str:
    """Tell one message; what came of it stands in Redis before this ends."""
    lines = house().store.signals
    claim = lines.claim(channel, message, number=offer)
    if claim is None:
        raise Ignore("another offer of it counts")
    outcome = try_to_tell(claim.message, house().config, public_url=_settings.public_url, clock=utc_now)
    if not outcome.error:
        lines.note_sent(channel, message, number=offer)
        _go_on(channel)
        return "told"
    rest = None if outcome.is_final else find_rest(claim.failures, outcome)
    lines.note_failure(channel, message, number=offer, error=outcome.error, again_in=rest)
    then = "it is not tried again" if rest is None else f"the channel rests for {rest:.0f} s"
    log.warning(
        "a channel did not take a signal", channel=channel, message=message, error=outcome.error, then=then
    )
    if rest is None:
        _go_on(channel)
    raise NotTold(f"{outcome.error}; {then}")


def _go_on(channel: str) -> None:
    """The next of the line at once; without Redis the watch offers it a moment later: this one was told."""
    with suppress(NotDurable):
        for offer in house().store.signals.offer([channel]):
            house().publisher.publish(offer)


@setup_logging.connect
def _set_up_logs(**_: object) -> None:
    configure_logs(_settings.log_format)


@worker_process_init.connect
def _forget_connections(**_: object) -> None:
    house.cache_clear()


@worker_init.connect
def _check_configuration(**_: object) -> None:
    """Not begin with a channel that can't be used.

    Celery swallows what signal handlers raise, but for the wish to exit.
    """
    try:
        for name, channel in _config().channels.items():
            resolve_secret(name, channel)
    except ConfigError as error:
        log.critical("the worker can't start", error=str(error))
        raise SystemExit(2) from error


@worker_ready.connect
def _start_watch(**_: object) -> None:
    _watch().start()


@worker_shutting_down.connect
def _stop_watch(**_: object) -> None:
    _watch().stop()
