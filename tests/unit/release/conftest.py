"""A Redis inside the test's own process, and the store and queue over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.loading import parse_config
from release.queue import Queue
from release.requests import Requests
from release.store import Store
from tests.unit.release.desk import CONFIG, Desk, Sent

if TYPE_CHECKING:
    from release.redis_access import Client


@pytest.fixture
def redis_server() -> fakeredis.FakeServer:
    """Set ``connected`` to False to take Redis away."""
    return fakeredis.FakeServer()


@pytest.fixture
def client(redis_server: fakeredis.FakeServer) -> Client:
    return fakeredis.FakeRedis(server=redis_server, decode_responses=True, encoding_errors="replace")


@pytest.fixture
def queue(client: Client) -> Queue:
    return Queue(client)


@pytest.fixture
def store(client: Client) -> Store:
    return Store(client)


@pytest.fixture
def desk(store: Store, queue: Queue) -> Desk:
    sent = Sent()
    config = parse_config(CONFIG, name="verdigris.yml")
    return Desk(Requests(config, store, queue, sent), store, queue, sent)
