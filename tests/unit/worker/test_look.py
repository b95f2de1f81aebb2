"""When a look is made at all. What it finds and does is in ``tests/integration``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.environment import Settings
from release.loading import parse_config
from release.model import Color
from release.observation import ColorObservation, Observation
from release.queue import Queue
from release.store import Store
from source.checkout import Repositories
from tasks.step import Surroundings
from worker.look import FRESH, look

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.connection import Cluster
    from release.config import App
    from release.records import Offer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFIG = """
apps:
  shop:
    repository: https://git.example.com/acme/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
"""


class Asked(Exception):
    """The cluster was to be asked."""


class NoOutbox:
    def send(self, offer: Offer) -> None:
        raise AssertionError(offer)

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        raise AssertionError(job_id, app, tag, release)

    def close_waiting(self, job_id: str) -> None:
        raise AssertionError(job_id)


def refuse(_: App) -> Cluster:
    raise Asked


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    client = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
    return Surroundings(
        settings=Settings.read({}),
        config=parse_config(CONFIG, name="verdigris.yml"),
        store=Store(client),
        queue=Queue(client),
        outbox=NoOutbox(),
        repositories=Repositories(tmp_path),
        connect=refuse,
        clock=lambda: NOW,
    )


def test_what_another_worker_has_just_looked_at_is_not_looked_at_again(around: Surroundings) -> None:
    blue, green = (ColorObservation(color, exists=False) for color in Color)
    around.store.observe(Observation("shop", NOW - timedelta(seconds=FRESH - 1), None, blue, green))
    look(around, "shop")

    with pytest.raises(Asked):
        look(replace(around, clock=lambda: NOW + timedelta(seconds=2)), "shop")


def test_an_app_that_nobody_looked_at_is_looked_at(around: Surroundings) -> None:
    with pytest.raises(Asked):
        look(around, "shop")
