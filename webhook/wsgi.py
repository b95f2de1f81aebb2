"""The web process from its environment: ``gunicorn 'webhook.wsgi:create()'``."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Final

from release.environment import Settings
from release.events import Events
from release.loading import load_config
from release.queue import Queue
from release.redis_access import connect
from release.requests import Requests
from release.store import Store
from webhook.application import create_app
from webhook.log import configure_log
from webhook.services import PATIENCE, WebSettings
from worker.sending import background_sender

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

REDIS_TIMEOUT: Final = 1.0
"""Seconds. A Git host waits ten, a person less: better a 503 now than an answer too late."""

LISTENING_TIMEOUT: Final = 5.0
"""Seconds, of the one connection over which it waits for what happens: longer than it asks Redis to wait."""


def create(
    environment: Mapping[str, str] = os.environ,
    *,
    patience: float = PATIENCE,
    redis_timeout: float = REDIS_TIMEOUT,
) -> Flask:
    """The application, with Redis and Celery as the environment names them. Connects to neither yet.

    Raises:
        ConfigError: the configuration, a secret or the secret key is missing or wrong.
    """
    settings = Settings.read(environment)
    configure_log(settings.log_format)
    key, config = settings.get_secret_key(), load_config(settings.config)
    client = connect(settings.redis_url, timeout=redis_timeout)
    store = Store(client, audit_keep=config.audit.keep)
    patient = Events(connect(settings.redis_url, timeout=LISTENING_TIMEOUT))
    sender = background_sender(settings.redis_url)
    requests = Requests(config, store, Queue(client), sender)
    web = WebSettings(public_url=settings.public_url, patience=patience, proxies=settings.trusted_proxies)
    app = create_app(config, store, requests, secret_key=key, settings=web, client=client, events=patient)
    # What stands for good is not to be looked through again and again: the more apps, the longer it takes.
    gc.collect()
    gc.freeze()
    return app
