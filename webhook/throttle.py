"""How often one sender may be refused, may try to sign in, or may call, before it is told to stop.

Flask-Limiter counts in Redis, for all web processes together; while Redis is away, each process for itself.
A signed delivery is never counted and never held up, not even behind the address of somebody who floods.
"""

from __future__ import annotations

import logging
import time
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from flask import g
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse
from limits.storage import RedisStorage

from release.redis_access import key
from webhook.answers import too_many_calls, too_many_sign_ins
from webhook.senders import household_of

if TYPE_CHECKING:
    from flask import Flask

    from release.redis_access import Client

OWN_SCHEME: Final = "verdigris-client"
SPENT_SECONDS: Final = 1.0
MOST_SPENT: Final = 1000
"""Senders that a process knows to have been refused too often, each for a second."""


class Allowance(Enum):
    """What is counted, and how much of it is allowed, as Flask-Limiter reads it.

    ``CALLS`` only stops a program that went wild: an open page asks every two seconds. ``OVERREACHING`` is of
    what a role does not allow, ``LOOKS`` of what it does not show.
    """

    REFUSALS = "20 per minute"
    SIGN_INS = "10 per minute"
    CALLS = "600 per 10 seconds"
    OVERREACHING = "60 per minute"
    LOOKS = "1 per minute"

    @property
    def seconds(self) -> int:
        """After which one may surely ask again."""
        return parse(self.value).get_expiry()


class ClientStorage(RedisStorage):
    """Counters over the client that this process has anyway, which knows when Redis keeps silent."""

    STORAGE_SCHEME = [OWN_SCHEME]  # noqa: RUF012 -- as its base has it

    def __init__(self, uri: str, *, client: Client, **options: Any) -> None:  # noqa: ANN401 -- handed on to limits
        super().__init__(
            uri, connection_pool=client.connection_pool, key_prefix=key("limits").rstrip(":"), **options
        )
        self.storage = client
        self.initialize_storage(uri)


class _QuietLimiter(Limiter):
    """Takes no part in requests that nobody counts: no limit holds for all, no header tells of one."""

    def init_app(self, app: Flask) -> None:
        """Keep of its functions around each request only the one that tidies up.

        Of its lines the warnings are kept: it would write another one for each request of a flood.
        """
        self.logger.setLevel(logging.WARNING)
        around = [
            functions.setdefault(None, [])
            for functions in (app.before_request_funcs, app.after_request_funcs)
        ]
        lengths = [len(functions) for functions in around]
        super().init_app(app)
        for functions, length in zip(around, lengths, strict=True):
            del functions[length:]


class Throttle:
    """The allowances of one application. Without a client it counts in memory: for tests.

    The window slides by two counters: asking in vain then writes nothing, so that a flood does not fill the
    append-only file. Every request goes by one name, or else an unknown address would not be counted.
    """

    def __init__(self, app: Flask, client: Client | None = None) -> None:
        limiter = _QuietLimiter(
            _counted,
            app=app,
            storage_uri=f"{OWN_SCHEME}://" if client else "memory://",
            storage_options={"client": client} if client else {},  # type: ignore[dict-item]  # handed on as it is
            strategy="sliding-window-counter",
            in_memory_fallback_enabled=True,
            swallow_errors=True,
            headers_enabled=False,
            request_identifier=lambda: "request",
        )
        self._spent: dict[str, float] = {}
        self._count = limiter.shared_limit(_amount, scope=_scope)(_nothing)

    def is_spent(self, sender: str) -> bool:
        """Count one refusal; whether the sender had had too many. Each request counts once.

        Who had is not looked up again for a moment: a flood must not be the more work for Redis.
        """
        g.is_counted = True
        household, now = household_of(sender), time.monotonic()
        if self._spent.get(household, now) > now:
            g.retry_after = Allowance.REFUSALS.seconds
            return True
        if self._has_left(Allowance.REFUSALS, household):
            return False
        if len(self._spent) >= MOST_SPENT:
            self._spent.clear()
        self._spent[household] = now + SPENT_SECONDS
        return True

    def check_sign_in(self, sender: str) -> None:
        """Count one attempt, before anything is compared.

        Raises:
            Problem: 429.
        """
        if not self._has_left(Allowance.SIGN_INS, household_of(sender)):
            raise too_many_sign_ins(Allowance.SIGN_INS.seconds)

    def check_calls(self, caller: str | None, sender: str) -> None:
        """Count one call of a token or a person, or else of the sender.

        Raises:
            Problem: 429.
        """
        if not self._has_left(Allowance.CALLS, caller or household_of(sender)):
            raise too_many_calls(Allowance.CALLS.seconds)

    def check_overreaching(self, caller: str) -> None:
        """Count one attempt at what the caller's role does not allow.

        Raises:
            Problem: 429.
        """
        if not self._has_left(Allowance.OVERREACHING, caller):
            raise too_many_calls(Allowance.OVERREACHING.seconds)

    def is_first_look(self, what: str) -> bool:
        """Whether ``what`` is counted for the first time in a while."""
        return self._has_left(Allowance.LOOKS, what)

    def _has_left(self, allowance: Allowance, counted: str) -> bool:
        g.allowance, g.counted = allowance, counted
        try:
            self._count()
        except RateLimitExceeded:
            g.retry_after = allowance.seconds
            return False
        return True


def _nothing() -> None:
    """What Flask-Limiter guards: it knows no other way to count in the middle of a request."""


def _amount() -> str:
    return str(g.allowance.value)


def _scope(_endpoint: str) -> str:
    return str(g.allowance.name.lower())


def _counted() -> str:
    return str(g.counted)
