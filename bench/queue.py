"""How much a system full of waiting jobs is slower than an empty one.

    python -m bench.queue [--samples N] [--markdown | --json]

Two Redis servers stand side by side, both writing every change to the disk before they answer. One is empty;
in the other, 10,000 jobs wait in 1,000 queues, and a thousand more in a single one.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from bench.installation import Installation
from bench.measure import FEWEST_SAMPLES, Result, Row, by_turns, run
from release.config import App, Config, Gateway
from sandbox.datastore import start_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOAL: Final = 1.3
"""How many times longer a step may take beside all that waits."""

JOBS: Final = 10_000
QUEUES: Final = 1_000
CROWDED: Final = 1_000
"""Jobs that wait in the one queue of the app ``crowd``."""

FINISHED: Final = 300
"""Releases run to their end to see what is left of one."""

ROUNDS: Final = 7
"""A step takes a millisecond, so there are this many times as many samples of it as of others."""

LOG_LINE: Final = "server listening on port 3000, connected to the database, 12 routes registered"
LOG_LINES: Final = 50
EACH: Final = "each"
"""In the full system: the apps with waiting jobs, one after the other."""

STEPS: Final = (
    ("accept a tag whose app has nothing in its queue", Installation.accept, "spare", "spare"),
    ("accept a tag behind its app's others", Installation.accept, "busy", EACH),
    ("start the next: done, offered, claimed", Installation.start_next, "busy", EACH),
    (f"accept a tag behind {CROWDED:,} of its app", Installation.accept, "busy", "crowd"),
    (f"start the next of {CROWDED:,} of one app", Installation.start_next, "busy", "crowd"),
    (f"accept a promote ahead of {CROWDED:,} of its app", Installation.promote, "busy", "crowd"),
)
"""Words for a step, the step, its app in the empty system and in the full one."""


def measure(samples: int = FEWEST_SAMPLES) -> Result:
    """Start both systems, fill one, take the samples."""
    config = _make_config()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="verdigris-bench-")))
        urls = [stack.enter_context(start_redis(folder / name)).url for name in ("empty", "full")]
        empty, full = (Installation(url, config) for url in urls)
        finished, waiting = _finish_some(empty), _fill(full)
        rows = tuple(_rows(empty, full, samples=ROUNDS * samples))
        (look,) = by_turns(lambda: 1000 * full.look(), samples=samples)
    notes = (
        f"a reconciler's look at {QUEUES:,} offers that wait for a worker: {look} ms",
        f"bytes of Redis: {waiting:,.0f} for a release that waits, {finished:,.0f} for a finished one",
    )
    return Result(rows, notes)


def _rows(empty: Installation, full: Installation, *, samples: int) -> Iterator[Row]:
    for words, step, alone, beside in STEPS:
        apps = cycle(_app_names() if beside == EACH else [beside])
        ours, other = by_turns(
            partial(_milliseconds, step, full, apps),
            partial(_milliseconds, step, empty, cycle([alone])),
            samples=samples,
        )
        yield Row(f"{words}, beside an empty system", ours, other, "ms", GOAL)


def _milliseconds(
    step: Callable[[Installation, str], float], system: Installation, apps: Iterator[str]
) -> float:
    return 1000 * step(system, next(apps))


def _make_config() -> Config:
    """An app for each queue; one for the crowd, one with a single job, one with none."""
    app = App(
        repository="https://git.example.com/acme/shop.git",
        namespace="shop",
        image="registry.example.com/acme/shop:{tag}",
        gateway=Gateway(address="http://gateway.example.com"),
    )
    return Config(apps=dict.fromkeys([*_app_names(), "crowd", "busy", "spare"], app))


def _app_names() -> list[str]:
    return [f"app-{number}" for number in range(QUEUES)]


def _fill(system: Installation) -> float:
    """Let jobs wait behind an active one in each queue. Answers bytes for each of them."""
    names, before, amount = _app_names(), system.memory(), JOBS + QUEUES
    with system.in_a_hurry():
        for number in range(amount):
            system.push(names[number % QUEUES])
        used = (system.memory() - before) / amount
        for offer in system.outbox.offers:
            system.sender.send(offer)  # workers are busy elsewhere: these wait in the broker
        system.make_ready("crowd")
        for _ in range(CROWDED + 1):
            system.push("crowd")
    return used


def _finish_some(system: Installation) -> float:
    """Run releases to their end in an empty system. Answers bytes that are left of each."""
    before = system.memory()
    with system.in_a_hurry():
        for _ in range(FINISHED):
            system.push("spare")
            job = system.active("spare")
            system.take(job)
            system.queue.log(
                job.id,
                fence=job.fence,
                subject=job.release_id or "",
                stage=job.stage,
                lines=[LOG_LINE] * LOG_LINES,
            )
            system.finish("spare")
        used = (system.memory() - before) / FINISHED
        system.make_ready("busy")
        system.push("busy")
    return used


if __name__ == "__main__":
    run(__doc__, measure)
