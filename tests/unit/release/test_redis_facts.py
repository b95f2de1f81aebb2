"""What Redis says about itself, and why it can't be asked. Real servers are asked in tests/integration."""

from __future__ import annotations

import socket
import ssl
from typing import Any, cast

import pytest
import redis

from release.redis_facts import RedisAway, Trouble, _explain, _name, _read_settings, place_of, read_facts


def raised(cause: BaseException) -> redis.exceptions.ConnectionError:
    error = redis.exceptions.ConnectionError("Error connecting")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (raised(socket.gaierror(-2, "Name or service not known")), Trouble.NAME),
        (raised(ConnectionRefusedError(111, "Connection refused")), Trouble.REFUSED),
        (raised(ssl.SSLCertVerificationError(1, "self-signed certificate")), Trouble.TLS),
        (redis.exceptions.AuthenticationError("Authentication required."), Trouble.CREDENTIALS),
        (redis.exceptions.BusyLoadingError("LOADING"), Trouble.LOADING),
        (redis.exceptions.TimeoutError("Timeout reading from socket"), Trouble.SILENT),
        (redis.exceptions.ConnectionError("Connection closed by server."), Trouble.OTHER),
    ],
)
def test_each_way_to_be_away_is_told_apart(error: Exception, trouble: Trouble) -> None:
    assert _explain(error).trouble is trouble


def test_a_server_that_is_not_there_is_told_as_refused() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(RedisAway, match="refused") as caught:
            read_facts(f"redis://127.0.0.1:{held.getsockname()[1]}/0", timeout=1)

    assert caught.value.trouble is Trouble.REFUSED


def test_a_server_that_keeps_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(RedisAway) as caught:
        read_facts(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0", timeout=0.05)

    assert caught.value.trouble is Trouble.SILENT


@pytest.mark.parametrize("url", ["http://db:6379", "redis://:hid/den@db:6379/0", "db:6379"])
def test_what_is_no_address_is_told_without_its_parts(url: str) -> None:
    with pytest.raises(RedisAway) as caught:
        read_facts(url, timeout=0.05)

    assert caught.value.trouble is Trouble.ADDRESS
    assert "hid" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://db:6379/0", "db:6379/0"),
        ("redis://me:hidden@db:6379/0", "db:6379/0"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("redis://:hid/den@db:6379/0", "VERDIGRIS_REDIS_URL"),
        ("redis://:hid#den@db:6379/0", "VERDIGRIS_REDIS_URL"),
    ],
)
def test_a_place_never_shows_a_password(url: str, place: str) -> None:
    assert place_of(url) == place


def test_redis_and_valkey_tell_themselves_differently() -> None:
    valkey = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}

    assert _name({"redis_version": "7.4.1"}) == "Redis 7.4.1"
    assert _name(valkey) == "Valkey 9.1.2"


@pytest.mark.parametrize(
    ("info", "settings"),
    [
        (
            {"aof_enabled": 0, "maxmemory_policy": "allkeys-lru"},
            {"appendonly": "no", "maxmemory-policy": "allkeys-lru"},
        ),
        ({"aof_enabled": 1}, {"appendonly": "yes"}),
        ({}, {}),
    ],
)
def test_where_settings_are_not_shown_the_report_of_the_server_serves(
    info: dict[str, Any], settings: dict[str, str]
) -> None:
    class Managed:
        def config_get(self, *_: str) -> dict[str, str]:
            raise redis.exceptions.ResponseError("unknown command 'CONFIG'")

    found, refusal = _read_settings(cast("Any", Managed()), info)

    assert found == settings
    assert "CONFIG" in refusal
