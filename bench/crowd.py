"""The same figures with 1,000 apps and 10,000 waiting jobs, beside an installation with few.

    python -m bench.crowd [--samples N] [--markdown | --json]

Two installations stand side by side and are asked by turns. What the scripts in Redis take alone is measured
by bench.queue.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from bench.chain import hop_of, start_worker
from bench.deliveries import APPS, Deliveries, per_second
from bench.house import House, Plan, house
from bench.load import send_all
from bench.measure import FEWEST_SAMPLES, Result, Row, by_turns, run
from release.loading import load_config
from release.model import Actor
from release.queue import Queue
from release.redis_access import connect
from release.requests import Requests
from release.store import Store

if TYPE_CHECKING:
    from release.records import Offer

GOAL: Final = 1.3
MANY: Final = 1_000
WAITING: Final = 10_000
SECRETS: Final = (
    "all apps have one webhook secret here; each further one takes one more HMAC of each delivery's body"
)
GIT: Final = Actor("git", "octocat")


class Outbox:
    """Publishes nothing: what fills the queues waits behind a job that nobody takes."""

    def send(self, offer: Offer) -> None:
        """Not now."""

    def show_waiting(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 -- as a sender is called
        """Not here."""

    def close_waiting(self, job_id: str) -> None:
        """Nor this."""


def measure(samples: int = FEWEST_SAMPLES) -> Result:
    """Deliveries and hops in both, by turns."""
    rows = []
    # Each in houses of its own: what one leaves would be the other's work.
    for question in (_deliveries, _hops):
        with ExitStack() as stack:
            few, many = (
                stack.enter_context(house(Plan(apps=apps, workers=(), needs_cluster=False)))
                for apps in (APPS, MANY)
            )
            fill(many)
            rows.append(question(few, many, samples))
    return Result(tuple(rows), (SECRETS,))


def fill(place: House) -> None:
    """Ten jobs for each app, without waiting for the disk."""
    client: Any = connect(place.redis_url, timeout=30)
    config = load_config(place.folder / "verdigris.yml")
    requests = Requests(config, Store(client), Queue(client), Outbox())
    client.config_set("appendfsync", "no")
    for number in range(WAITING):
        tag = f"v0.{number}-green"
        requests.deploy(
            f"app-{number % MANY}", tag, actor=GIT, commit=place.commit, delivery=f"fill {number}"
        )
    client.config_set("appendfsync", "always")


def _deliveries(few: House, many: House, samples: int) -> Row:
    makers = [(place, Deliveries(place)) for place in (few, many)]
    for place, made in makers:
        send_all(place.web_port, made.accepted(), connections=4)
    steps = [partial(_milliseconds, place, made) for place, made in makers]
    alone, crowded = by_turns(*steps, samples=samples)
    return Row(f"a delivery with {MANY:,} apps and {WAITING:,} jobs, beside few", crowded, alone, "ms", GOAL)


def _milliseconds(place: House, made: Deliveries) -> float:
    return 1000 / per_second(place.web_port, made.accepted())


def _hops(few: House, many: House, samples: int) -> Row:
    for place in (few, many):
        start_worker(place)
    numbers = count(1)
    clients = [(place, connect(place.redis_url, timeout=60)) for place in (few, many)]

    def once(place: House, client: object) -> float:
        return hop_of(client, lambda: place.deliver(f"v{next(numbers)}-blue"))

    steps = [partial(once, place, client) for place, client in clients]
    for step in steps:
        step()
    alone, crowded = by_turns(*steps, samples=samples)
    return Row(f"a hop with {MANY:,} apps and {WAITING:,} jobs, beside few", crowded, alone, "ms", GOAL)


if __name__ == "__main__":
    run(__doc__, measure)
