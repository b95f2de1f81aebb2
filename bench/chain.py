"""What a hop from stage to stage costs, beside one of a plain Celery chain; and what an idle worker costs.

    python -m bench.chain [--samples N] [--markdown | --json]

Stages and tasks do nothing but note when they begin. A hop of ours ends a claim in Redis and makes the next
one, each durable; that of the plain chain does what Celery does under the same settings.
"""

from __future__ import annotations

import secrets
import sys
import time
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any, Final

from celery import Celery, chain

from bench.hops import BEGUN, STAGES, TASK
from bench.house import Plan, house
from bench.measure import FEWEST_SAMPLES, Figures, Result, Row, by_turns, run
from bench.spent import scheduled_seconds
from cli.commands.processes import worker_arguments
from cli.demo.crew import Member
from release.redis_access import connect
from worker.settings import sender_settings

if TYPE_CHECKING:
    from bench.house import House

GOAL: Final = 2.0
IDLE_GOAL: Final = 1.0
"""Percent of a core."""

WINDOW: Final = 2.0
"""Seconds of a sample of idleness: a worker looks every 0.3 s, 1 s, 2 s and 10 s at different things."""

SETTLING: Final = 5.0
PATIENCE: Final = 30


def measure(samples: int = FEWEST_SAMPLES) -> Result:
    """Hops first, then idleness."""
    return Result((measure_hops(samples), *measure_idleness(samples)))


def measure_hops(samples: int, *, apps: int = 0) -> Row:
    """Chains of four, by turns."""
    with house(Plan(workers=(), needs_cluster=False, apps=apps)) as place:
        start_worker(place)
        client: Any = connect(place.redis_url, timeout=PATIENCE + 5)
        sender = Celery("bench-sender", set_as_current=False)
        sender.config_from_object(sender_settings(place.redis_url))
        numbers = count(1)

        def ours_once() -> float:
            return hop_of(client, lambda: place.deliver(f"v{next(numbers)}-blue"))

        def plain_once() -> float:
            return hop_of(client, lambda: _send_plain(sender))

        ours_once(), plain_once()
        ours, plain = by_turns(ours_once, plain_once, samples=samples)
    return Row("a hop from stage to stage, beside a plain Celery chain's", ours, plain, "ms", GOAL)


def measure_idleness(samples: int) -> list[Row]:
    """A worker of each queue, with one app whose cluster it looks at every ten seconds."""
    with house(Plan(("v1-blue",))) as place:
        place.finish(place.deliver("v1-blue")["job"])
        time.sleep(SETTLING)
        pids = {name: place.pid(name) for name in place.plan.workers}
        taken: dict[str, list[float]] = {name: [] for name in pids}
        for _ in range(samples):
            before = {name: scheduled_seconds(pid) for name, pid in pids.items()}
            began = time.perf_counter()
            time.sleep(WINDOW)
            took = time.perf_counter() - began
            for name, pid in pids.items():
                taken[name].append(100 * (scheduled_seconds(pid) - before[name]) / took)
    allowed = Figures.of([1.0])
    return [
        Row(f"an idle worker of {name}", _with_mean(found), allowed, "% of a core", IDLE_GOAL)
        for name, found in taken.items()
    ]


def _with_mean(samples: list[float]) -> Figures:
    """Not the median: what happens every ten seconds counts as well."""
    return Figures(sum(samples) / len(samples), min(samples), max(samples), len(samples))


def start_worker(place: House) -> None:
    """The worker whose stages do nothing."""
    options = worker_arguments("releases", "hops")[2:]
    command = (sys.executable, "-m", "celery", "-A", "bench.hops", *options)
    place.crew.start(Member("hops", command))
    place.wait_until("hops", lambda: " ready." in place.log_of("hops"))


def _send_plain(sender: Celery) -> None:
    """Four tasks, with ids and arguments as long as ours."""
    about = {"job": secrets.token_hex(13), "index": 0, "fence": 1, "release": secrets.token_hex(13)}
    tasks = [
        sender.signature(TASK, kwargs=about, immutable=True, queue="releases", priority=6) for _ in STAGES
    ]
    chain(*tasks, app=sender).apply_async()


def hop_of(client: Any, send: Any) -> float:  # noqa: ANN401 -- the library's client; any call
    """Milliseconds from the begin of one to the begin of the next, on average of a chain."""
    send()
    begun = [float(client.blpop(BEGUN, timeout=PATIENCE)[1]) for _ in STAGES]
    hops = [later - earlier for earlier, later in pairwise(begun)]
    return 1000 * sum(hops) / len(hops)


if __name__ == "__main__":
    run(__doc__, measure)
