"""The way to Redis: the keys' prefix, the scripts, and one exception for every way it can be away.

Only this module, the store and the queue know Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import resources
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from release.problems import NotDurable

PREFIX: Final = "verdigris:"

REFUSALS: Final = ("MISCONF", "NOREPLICAS", "BUSY", "MASTERDOWN")
"""Answers without an exception of their own in redis-py: can't write to disk, too few replicas, a script that
does not end, a replica without its master."""

Client = redis.Redis
Script = Callable[[list[str | int]], Any]


def connect(url: str, *, timeout: float) -> Client:
    """A client whose calls fail after ``timeout`` seconds and are not repeated.

    Whoever asks decides whether to try again: a web request must answer, a worker may wait. What can't be
    UTF-8 (half a surrogate pair from a hostile payload) is stored as a question mark.
    """
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 0),
    )


def key(*parts: str) -> str:
    """The name of a key: ``key("job", id)``."""
    return PREFIX + ":".join(parts)


@contextmanager
def told_as_not_durable() -> Iterator[None]:
    """Turn every way in which Redis can be away into ``NotDurable``.

    Loading, read-only, out-of-memory and disk-full answers count: nothing was written then either.
    """
    away = (
        redis.exceptions.ConnectionError,
        redis.exceptions.TimeoutError,
        redis.exceptions.ReadOnlyError,
        redis.exceptions.OutOfMemoryError,
    )
    try:
        yield
    except away as error:
        raise NotDurable(f"Redis did not answer: {type(error).__name__}") from error
    except redis.exceptions.ResponseError as error:
        if not str(error).startswith(REFUSALS):
            raise
        raise NotDurable(f"Redis refuses writes: {error}") from error


def load_script(client: Client, name: str) -> Script:
    """One of ``release/lua``, with what they share in front of it."""
    folder = resources.files("release") / "lua"
    parts = [(folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("common", name)]
    script = client.register_script("\n".join(parts))
    return partial(_run, script)


def _run(script: Any, arguments: list[str | int]) -> Any:  # noqa: ANN401 -- redis-py's Script is untyped
    with told_as_not_durable():
        return script(keys=[PREFIX], args=arguments)
