"""The one place where the web process is put together. Everything it needs is passed in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from webhook.access import Tokens
from webhook.api_channels import api
from webhook.channels import FailingChannels
from webhook.channels_page import pages
from webhook.compression import compress_files
from webhook.endpoints import Endpoints, resolve_endpoints
from webhook.errors import handle_errors
from webhook.filters import add_filters
from webhook.front_page import make_row
from webhook.glance import Glance
from webhook.health import health
from webhook.hooks import hooks
from webhook.live import listen_to
from webhook.metrics import WebMetrics
from webhook.provider import Provider
from webhook.redis_metrics import RedisMetrics
from webhook.reference import reference
from webhook.remembered import Remembered
from webhook.request_log import log_requests
from webhook.scrape import scrape
from webhook.security import add_headers
from webhook.services import EXTENSION, Requests, Services, Store, WebSettings
from webhook.session_cookie import CookieSessions
from webhook.sign_in import CALLBACK
from webhook.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.config import Config
    from release.events import Events
    from release.redis_access import Client
    from release.secret import Secret

FORM_LIMIT: Final = 64 * 1024


class Application(Flask):
    """Flask, without what nothing here needs at every request."""

    session_interface = CookieSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No function here is a coroutine."""
        return func


def create_app(
    config: Config,
    store: Store,
    requests: Requests,
    *,
    secret_key: Secret,
    settings: WebSettings,
    client: Client | None = None,
    events: Events | None = None,
) -> Flask:
    """The web process for ``config``. Over ``client`` it counts callers, together with its siblings.

    With ``events`` of a patient client it waits for what happens; without, with those of ``store``.

    Raises:
        ConfigError: a token or a webhook's secret is missing, blank or short.
    """
    app, endpoints = Application("webhook"), Endpoints(resolve_endpoints(config))
    remembered = Remembered(config, store)
    app.extensions[EXTENSION] = Services(
        config=config,
        store=store,
        requests=requests,
        tokens=Tokens.resolve(config, store, settings.clock),
        endpoints=endpoints,
        settings=settings,
        key=secret_key,
        throttle=Throttle(app, client),
        remembered=remembered,
        failing_channels=FailingChannels(),
        glance=Glance(config, store, remembered.numbers, clock=settings.clock, render=partial(make_row, app)),
        provider=Provider.resolve(
            config.sign_in, redirect_uri=settings.address(CALLBACK), clock=settings.clock
        ),
        metrics=WebMetrics(endpoints.providers),
        redis_metrics=RedisMetrics(config, store, settings.clock),
    )
    log_requests(app)
    _configure(app, secret_key, settings)
    csrf = CSRFProtect(app)
    for blueprint in (hooks, api, health, pages, reference, scrape):
        app.register_blueprint(blueprint)
    for without_cookies in (hooks, api, health, scrape):
        csrf.exempt(without_cookies)
    handle_errors(app)
    compress_files(app)
    add_headers(app, is_https=settings.is_https)
    add_filters(app, settings.clock)
    listen_to(app, store.events, events)
    return app


def _configure(app: Flask, secret_key: Secret, settings: WebSettings) -> None:
    """Flask's own settings. Hooks and API read their bodies themselves, under limits of their own."""
    app.config.update(
        SECRET_KEY=secret_key.reveal(),
        SESSION_COOKIE_NAME="verdigris",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.is_https,
        PERMANENT_SESSION_LIFETIME=settings.session,
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=FORM_LIMIT,
        MAX_FORM_MEMORY_SIZE=FORM_LIMIT,
        MAX_FORM_PARTS=20,
        WTF_CSRF_TIME_LIMIT=None,
    )
