"""The way to Redis: the keys' prefix, the scripts, and one exception for every way it can be away.

Only this module, the queue, the store with its parts, and `redis_facts` know Redis.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import resources
from threading import Lock
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from release.problems import NotDurable

PREFIX: Final = "verdigris:"

REFUSALS: Final = ("MISCONF", "NOREPLICAS", "BUSY", "MASTERDOWN")
"""Answers without an exception of their own in redis-py: can't write to disk, too few replicas, a script that
does not end, a replica without its master."""

ANSWERED: Final = (
    redis.exceptions.BusyLoadingError,
    redis.exceptions.AuthenticationError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
)
"""Ways of being away in which Redis said itself that it does nothing."""

REST: Final = 1.0
"""Seconds for which a Redis that kept silent is not asked again."""

Client = redis.Redis
Script = Callable[[list[str | int]], Any]


class Silence:
    """Remembers for a moment that Redis kept silent, so that only one caller at a time waits for it.

    A refused connection is known at once and needs no memory. After a silence the first question is a PING:
    a frozen Redis carries out later whatever it was sent, though its caller was told that it did not answer.
    """

    def __init__(self, *, rest: float = REST, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._clock = clock
        self._until: float | None = None
        self._asking = Lock()

    @contextmanager
    def noticed(self, ping: Callable[[], object]) -> Iterator[None]:
        """Around each call. Raises redis-py's ``TimeoutError`` at once while Redis is known to be silent."""
        if self._until is not None:
            self._ask_again(ping, until=self._until)
        try:
            yield
        except redis.exceptions.TimeoutError:
            self._begin()
            raise

    def _ask_again(self, ping: Callable[[], object], *, until: float) -> None:
        if self._clock() < until or not self._asking.acquire(blocking=False):
            raise redis.exceptions.TimeoutError("silent a moment ago")
        try:
            ping()
        except redis.exceptions.TimeoutError:
            self._begin()
            raise
        else:
            self._until = None
        finally:
            self._asking.release()

    def _begin(self) -> None:
        self._until = self._clock() + self._rest


class _Pipeline(redis.client.Pipeline):
    """Several commands in one round trip, as one call."""

    around: Callable[[], AbstractContextManager[None]]

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 -- redis-py's own signature
        with self.around():
            return super().execute(raise_on_error)


class _Client(redis.Redis):
    """Every call of it notices when Redis keeps silent, and is made once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 -- handed on to redis-py
        super().__init__(*arguments, **options)
        self._silence = Silence()

    def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- as redis-py has it
        with self._noticed():
            return self._ask(*arguments, **options)

    def _ask(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- as above
        """What redis-py does, but for what comes with repeating, which is not done here."""
        pool: Any = self.connection_pool
        connection = pool.get_connection()
        try:
            connection.send_command(*arguments, **options)
            return self.parse_response(connection, arguments[0], **options)  # type: ignore[no-untyped-call]  # redis-py
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            connection.disconnect()
            raise
        finally:
            pool.release(connection)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> _Pipeline:  # noqa: ANN401, FBT001, FBT002 -- redis-py's own signature
        pipeline = _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipeline.around = self._noticed
        return pipeline

    def _noticed(self) -> AbstractContextManager[None]:
        return self._silence.noticed(self._ping)

    def _ping(self) -> None:
        """Over a new connection: of the old ones nobody knows whether the other end still has them."""
        self.connection_pool.disconnect(inuse_connections=False)
        self._ask("PING")


def connect(url: str, *, timeout: float) -> Client:
    """A client whose calls fail after ``timeout`` seconds and are not repeated.

    Whoever asks decides whether to try again: a web request must answer, a worker may wait. What can't be
    UTF-8 (half a surrogate pair from a hostile payload) is stored as a question mark. To connect may take
    half as long: a name may stand for two addresses, which are tried in turn.
    """
    return _Client.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_timeout=timeout,
        socket_connect_timeout=timeout / 2,
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

    Loading, read-only, out-of-memory and disk-full answers count: nothing was written then, and that is sure,
    as it is where no connection was made. After any other silence it is not known.
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
        raise NotDurable(
            f"Redis did not answer: {type(error).__name__}", is_in_doubt=_is_in_doubt(error)
        ) from error
    except redis.exceptions.ResponseError as error:
        if not str(error).startswith(REFUSALS):
            raise
        raise NotDurable(f"Redis refuses writes: {error}", is_in_doubt=False) from error


def _is_in_doubt(error: Exception) -> bool:
    """Whether a request may have reached Redis. redis-py tells a refused connection only by its context."""
    if isinstance(error, ANSWERED):
        return False
    return not isinstance(error.__context__, (ConnectionRefusedError, socket.gaierror))


def load_script(client: Client, name: str) -> Script:
    """One of ``release/lua``, with what they share in front of it."""
    folder = resources.files("release") / "lua"
    parts = [(folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("common", name)]
    script = client.register_script("\n".join(parts))
    return partial(_run, client, script)


def _run(client: Any, script: Any, arguments: list[str | int]) -> Any:  # noqa: ANN401 -- redis-py's are untyped
    with told_as_not_durable():
        try:
            return client.execute_command("EVALSHA", script.sha, 1, PREFIX, *arguments)
        except redis.exceptions.NoScriptError:
            return script(keys=[PREFIX], args=arguments)
