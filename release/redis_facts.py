"""What Redis says about itself, asked once for ``verdigris doctor``: facts, without a judgment of them.

What our account may not ask is a fact as well. Where Redis can't be asked at all, the reason is of a kind
that tells what to do about it.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import redis

from release.redis_access import connect, key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.redis_access import Client

SETTINGS: Final = ("appendonly", "appendfsync", "maxmemory-policy")
PROBE_MILLISECONDS: Final = 10_000
"""How long the key of a probe would stay if nobody could remove it."""

Answer = TypeVar("Answer")


class Trouble(StrEnum):
    """Why Redis can't be asked."""

    ADDRESS = "address"
    NAME = "name"
    REFUSED = "refused"
    SILENT = "silent"
    CREDENTIALS = "credentials"
    TLS = "tls"
    LOADING = "loading"
    OTHER = "other"


class RedisAway(Exception):
    """Redis can't be asked; the message never holds the address' password."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


_TROUBLES: Final = (
    (redis.exceptions.AuthenticationError, Trouble.CREDENTIALS, ""),
    (redis.exceptions.BusyLoadingError, Trouble.LOADING, "it is still reading its data from the disk"),
    (socket.gaierror, Trouble.NAME, "its name can't be resolved"),
    (ssl.SSLError, Trouble.TLS, ""),
    (ConnectionRefusedError, Trouble.REFUSED, "the connection is refused"),
    (redis.exceptions.TimeoutError, Trouble.SILENT, "no answer in time"),
    (TimeoutError, Trouble.SILENT, "no answer in time"),
)
"""By what is in the chain of exceptions, the first that fits; without words, the library's own."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out; an empty text where nothing was.

    ``version`` is the one of Redis that the server is compatible with, ``product`` what it calls itself.
    ``unread``: why settings could not be read. ``write_refusal``, ``script_refusal``: the server's words.
    ``ahead``: seconds by which its clock is ahead of ours.
    """

    product: str = "Redis"
    version: str = ""
    mode: str = ""
    role: str = ""
    master: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    unread: str = ""
    write_refusal: str = ""
    script_refusal: str = ""
    ahead: float | None = None


def place_of(url: str) -> str:
    """Host, port and database of an address, without its user and password.

    A password that is not percent-encoded may end up in any part: then only the variable's name is told.
    """
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    is_clear = "@" not in parts.path + parts.query + parts.fragment
    return f"{where}{parts.path}" if is_clear else "VERDIGRIS_REDIS_URL"


def read_facts(url: str, *, timeout: float) -> Facts:
    """Ask for everything; writes one key of ours and removes it.

    Raises:
        RedisAway: it can't be asked.
    """
    try:
        client = connect(url, timeout=timeout)
    except ValueError as error:
        raise RedisAway(Trouble.ADDRESS, "it is no address of a Redis") from error
    try:
        return _read(client)
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
        raise _explain(error) from error
    finally:
        client.close()


def _read(client: Client) -> Facts:
    client.ping()
    info, _ = _attempt(client.info)
    info = info or {}
    settings, unread = _read_settings(client, info)
    _, write_refusal = _attempt(lambda: _write(client))
    _, script_refusal = _attempt(client.register_script("return 1"))
    ahead, _ = _attempt(lambda: _compare_clocks(client))
    role = str(info.get("role", ""))
    return Facts(
        product=_name(info),
        version=str(info.get("redis_version", "")),
        mode=str(info.get("redis_mode", "")),
        role=role,
        master=f"{info.get('master_host')}:{info.get('master_port')}" if role == "slave" else "",
        settings=settings,
        unread=unread,
        write_refusal=write_refusal,
        script_refusal=script_refusal,
        ahead=ahead,
    )


def _name(info: dict[str, Any]) -> str:
    """Valkey says the Redis that it is compatible with, and beside it what it is itself."""
    if str(info.get("server_name", "")).lower() == "valkey" or "valkey_version" in info:
        return f"Valkey {info.get('valkey_version', '')}".strip()
    return f"Redis {info.get('redis_version', '')}".strip()


def _read_settings(client: Client, info: dict[str, Any]) -> tuple[dict[str, str], str]:
    """As configured; where that is not shown, as far as the server's report about itself goes."""
    given, refusal = _attempt(lambda: client.config_get(*SETTINGS))
    if given:
        return {str(name): str(value) for name, value in given.items()}, ""
    reported = {}
    if "aof_enabled" in info:
        reported["appendonly"] = "yes" if info["aof_enabled"] else "no"
    if "maxmemory_policy" in info:
        reported["maxmemory-policy"] = str(info["maxmemory_policy"])
    return reported, refusal or "it gives no answer about its settings"


def _write(client: Client) -> None:
    name = key("doctor", secrets.token_hex(8))
    client.set(name, "1", px=PROBE_MILLISECONDS)
    client.delete(name)


def _compare_clocks(client: Client) -> float:
    before = time.time()
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6 - (before + time.time()) / 2


def _attempt(call: Callable[[], Answer]) -> tuple[Answer | None, str]:
    """What a call answers, or the server's refusal of it. That it is away is passed on."""
    try:
        return call(), ""
    except redis.exceptions.ResponseError as error:
        return None, str(error) or type(error).__name__


def _explain(error: Exception) -> RedisAway:
    chain = list(_chain(error))
    for kind, trouble, words in _TROUBLES:
        if any(isinstance(one, kind) for one in chain):
            return RedisAway(trouble, words or str(error))
    return RedisAway(Trouble.OTHER, str(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
