"""How much a system full of waiting jobs is slower than an empty one.

Two Redis servers stand side by side, both writing every change to the disk before they answer. One is empty;
in the other, jobs wait in many queues, and a thousand more in a single one. Requests go in and stages end
through the same code as in production, in both by turns, so that whatever else the machine does hits both.
Celery is left out: its time is the same for both and would only hide a difference.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from celery import Celery

from bench import measure as shared
from release.config import App, Config, Gateway
from release.model import VERDIGRIS, Actor, JobState, StageState, State
from release.problems import ProblemDocument
from release.queue import Ending, Queue, Timing
from release.records import Move
from release.redis_access import connect
from release.requests import Requests
from release.store import Store
from sandbox.datastore import start_redis
from worker.dispatch import WorkerDispatcher
from worker.reconciler import Reconciler
from worker.sending import Sender
from worker.settings import worker_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from release.model import Job
    from release.records import Offer
    from release.requests import Accepted

GOAL: Final = 1.3
"""How many times longer a step may take beside all that waits."""

FEWEST_SAMPLES: Final = 15
CROWDED: Final = 1_000
"""Jobs that wait in the one queue of the app ``crowd``."""

FINISHED: Final = 300
"""Releases run to their end to see what is left of one."""

LOG_LINE: Final = "server listening on port 3000, connected to the database, 12 routes registered"
LOG_LINES: Final = 50
HOST: Final = Actor("git", "octocat")
ANNA: Final = Actor("person", "anna")
PROBLEM: Final = ProblemDocument(
    "manifests-invalid",
    "The manifests can't be rendered",
    "shop v2.0-blue: manifests/deployment.yml:14: 'image_pull_policy' is undefined",
    "mend the manifests and push a new tag",
)

OVERDUE_AT_ONCE: Final = Timing(lease=3_600_000, grace=0)
"""No claim is ever lost here, and a reconciler has its hands full at every look."""


@dataclass(frozen=True)
class Size:
    """How much waits: ``jobs`` in ``queues``, evenly."""

    jobs: int
    queues: int


class Outbox:
    """Keeps offers instead of publishing them: in the web process that is off the request's path."""

    def __init__(self) -> None:
        self.offers: list[Offer] = []

    def send(self, offer: Offer) -> None:
        """As a sender would."""
        self.offers.append(offer)

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        """Flower is not here."""

    def close_waiting(self, job_id: str) -> None:
        """Nor later."""


class Installation:
    """One Redis, and the core on top of it as in production."""

    def __init__(self, url: str, config: Config) -> None:
        self.client: Any = connect(url, timeout=30)
        self.store, self.queue, self.outbox = (
            Store(self.client),
            Queue(self.client, OVERDUE_AT_ONCE),
            Outbox(),
        )
        self.requests = Requests(config, self.store, self.queue, self.outbox)
        celery = Celery("bench", set_as_current=False)
        celery.config_from_object(worker_settings(url))
        self.sender = Sender(celery)
        self.reconciler = Reconciler(
            self.queue, WorkerDispatcher(self.sender, self.store, celery.backend), expire=self.requests.expire
        )
        self._tags = count(1)

    @contextmanager
    def in_a_hurry(self) -> Iterator[None]:
        """Fill it without waiting for the disk."""
        self.client.config_set("appendfsync", "no")
        yield
        self.client.config_set("appendfsync", "always")
        while self.client.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.1)

    def push(self, app: str, *, color: str = "blue") -> Accepted:
        """A Git host delivers a tag."""
        number = next(self._tags)
        tag = f"v{number}-{color}"
        delivery = f"5f0c1b9e-{app}-{number}"
        return self.requests.deploy(app, tag, actor=HOST, commit=f"{number:040x}", delivery=delivery)

    def active(self, app: str) -> Job:
        """The job at the head of the app's queue."""
        job = self.store.find_active(app)
        if job is None:
            raise RuntimeError(f"{app}: nothing in its queue")
        return job

    def take(self, job: Job) -> None:
        """Claim the stage that was offered, unless that is done."""
        if job.state is JobState.OFFERED:
            self._claim(job.id, job.stage_index, job.fence, job.release_id)

    def end(self, job: Job) -> Ending:
        """The stage that runs has passed."""
        is_last = job.stage_index + 1 == len(job.stages)
        moves = [_move(job.release_id, State.RUNNING, State.READY)] if is_last else []
        return self.queue.done(
            job.id, index=job.stage_index, fence=job.fence, outcome=StageState.PASSED, moves=moves
        )

    def run_to_last_stage(self, app: str) -> Job:
        """All of the active job but the end of its last stage."""
        job = self.active(app)
        self.take(job)
        self._give_up_color(job)
        while job.stage_index + 1 < len(job.stages):
            self.end(job)
            job = self.active(app)
            self.take(job)
        return job

    def _give_up_color(self, job: Job) -> None:
        """As the deploy stage does with what ran before on its color."""
        here = [one for one in self.store.releases_on_a_color(job.app) if one.color is job.color]
        moves = [_move(one.id, State.READY, State.SUPERSEDED) for one in here]
        self.queue.move(job.id, fence=job.fence, moves=moves)

    def finish(self, app: str) -> None:
        """Run the active job to its end."""
        self.end(self.run_to_last_stage(app))

    def accept(self, app: str) -> float:
        """A tag comes, behind the app's others if there are any; then it is taken back."""
        accepted: list[Accepted] = []
        seconds = self._timed(lambda: accepted.append(self.push(app)))
        self.requests.cancel(accepted[0].release_id or "", actor=ANNA)
        return seconds

    def start_next(self, app: str) -> float:
        """The active job ends, the next is offered and claimed; another one comes for it."""
        self.push(app)
        job = self.active(app)
        self.take(job)
        return self._timed(lambda: self._hand_over(job))

    def promote(self, app: str) -> float:
        """A promote goes ahead of the app's others; then it is taken back."""
        ready = self.store.releases_on_a_color(app)[0]
        seconds = self._timed(lambda: self.requests.promote(app, actor=ANNA, release_id=ready.id))
        self.requests.cancel(ready.id, actor=ANNA)
        return seconds

    def look(self) -> float:
        """A worker's reconciler looks for what is past its deadline."""
        return self._timed(self.reconciler.look)

    def make_ready(self, app: str) -> None:
        """A release to promote, on the color that nothing else here goes to."""
        self.push(app, color="green")
        self.finish(app)

    def _hand_over(self, job: Job) -> None:
        """It fails in its first stage: that takes the same way as passing the last."""
        failed = _move(job.release_id, State.RUNNING, State.FAILED)
        offer = self.queue.done(
            job.id, index=0, fence=job.fence, outcome=StageState.FAILED, problem=PROBLEM, moves=[failed]
        ).offer
        if offer is None:
            raise RuntimeError(f"{job.app}: nothing was offered after {job.tag}")
        self._claim(offer.job_id, offer.index, offer.fence, offer.release_id)

    def _timed(self, step: Callable[[], object]) -> float:
        begin = time.perf_counter()
        step()
        return time.perf_counter() - begin

    def _claim(self, job_id: str, index: int, fence: int, release_id: str | None) -> None:
        moves = [_move(release_id, State.QUEUED, State.RUNNING)] if index == 0 else []
        if self.queue.claim(job_id, index=index, fence=fence, owner="bench", moves=moves) is None:
            raise RuntimeError(f"job {job_id}, stage {index}: not offered")

    def memory(self) -> int:
        """Bytes that Redis uses, but for the ring of events, whose length is bounded."""
        ring = self.client.memory_usage("verdigris:events", samples=0) or 0
        return int(self.client.info("memory")["used_memory"]) - int(ring)


def _move(release_id: str | None, source: State, target: State) -> Move:
    return Move(release_id or "", frozenset({source}), target, VERDIGRIS, f"now {target}")


def make_config(queues: int) -> Config:
    """An app for each queue; one for the crowd, one with a single job, one with none."""
    app = App(
        repository="https://git.example.com/acme/shop.git",
        namespace="shop",
        image="registry.example.com/acme/shop:{tag}",
        gateway=Gateway(address="http://gateway.example.com"),
    )
    return Config(apps=dict.fromkeys([*app_names(queues), "crowd", "busy", "spare"], app))


def app_names(queues: int) -> list[str]:
    """One for each queue."""
    return [f"app-{number}" for number in range(queues)]


def fill(system: Installation, size: Size) -> float:
    """Let jobs wait behind an active one in each queue. Answers bytes for each of them."""
    names, before = app_names(size.queues), system.memory()
    with system.in_a_hurry():
        for number in range(size.jobs + size.queues):
            system.push(names[number % size.queues])
        used = (system.memory() - before) / (size.jobs + size.queues)
        for offer in system.outbox.offers:
            system.sender.send(offer)  # workers are busy elsewhere: these wait in the broker
        system.make_ready("crowd")
        for _ in range(CROWDED + 1):
            system.push("crowd")
    return used


def finish_some(system: Installation) -> float:
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


ROWS: Final = (
    ("accept a tag whose app has nothing in its queue", "accept", "spare", "spare"),
    ("accept a tag behind its app's others", "accept", "busy", ""),
    ("start the next: done, offered, claimed", "start_next", "busy", ""),
    (f"accept a tag behind {CROWDED:,} of its app", "accept", "busy", "crowd"),
    (f"start the next of {CROWDED:,} of one app", "start_next", "busy", "crowd"),
    (f"accept a promote ahead of {CROWDED:,} of its app", "promote", "busy", "crowd"),
)
"""Words for a step, the step, its app in the empty system and in the full one (empty: each in turn)."""


def take_samples(empty: Installation, full: Installation, *, samples: int, queues: int) -> tuple[Row, ...]:
    """Each step in both by turns, and each time the other one first."""
    names = app_names(queues)
    taken: list[tuple[list[float], list[float]]] = [([], []) for _ in ROWS]
    for number in range(samples):
        for (_, step, alone, beside), times in zip(ROWS, taken, strict=True):
            sides = [(empty, alone, times[0]), (full, beside or names[number % queues], times[1])]
            for system, app, seconds in sides[:: 1 if number % 2 else -1]:
                seconds.append(getattr(system, step)(app))
    return tuple(
        Row(words, Times.of(alone), Times.of(beside))
        for (words, *_), (alone, beside) in zip(ROWS, taken, strict=True)
    )


@dataclass(frozen=True)
class Times:
    """Of one step, in milliseconds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """What was taken with ``timed``."""
        return cls(
            *(round(1000 * one, 3) for one in (statistics.median(seconds), min(seconds), max(seconds)))
        )

    def __str__(self) -> str:
        """``0.41 (0.33 … 2.10)``."""
        return f"{self.median:6.2f} ({self.least:.2f} … {self.most:.2f})"


@dataclass(frozen=True)
class Row:
    """One step in both systems."""

    step: str
    empty: Times
    full: Times

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return round(self.full.median / self.empty.median, 3)

    def __str__(self) -> str:
        verdict = "" if self.ratio <= GOAL else f"  above {GOAL}"
        return f"{self.step:46} {self.empty!s:>26} {self.full!s:>26}   {self.ratio:.2f}{verdict}"


@dataclass(frozen=True)
class Report:
    """All that was found. Bytes are of Redis, per release."""

    size: Size
    samples: int
    redis: str
    rows: tuple[Row, ...]
    look: Times
    bytes_waiting: int
    bytes_finished: int

    @property
    def is_within_goal(self) -> bool:
        """Whether every ratio is."""
        return all(row.ratio <= GOAL for row in self.rows)

    def as_json(self) -> str:
        """For programs."""
        rows = [{**asdict(row), "ratio": row.ratio} for row in self.rows]
        return json.dumps(
            {**asdict(self), "rows": rows, "goal": GOAL, "passed": self.is_within_goal}, indent=1
        )

    def as_text(self) -> str:
        """For people."""
        heading = (
            f"{self.size.jobs:,} jobs waiting in {self.size.queues:,} queues, {CROWDED:,} more in one queue, "
            f"against none.\n{self.samples} samples by turns; Redis {self.redis}, appendfsync always. "
            f"Milliseconds: median (least … most).\n"
        )
        columns = f"{'':46} {'empty':>26} {'full':>26}   ratio, goal ≤ {GOAL}"
        last = (
            f"\na reconciler's look at {self.size.queues:,} offers that wait for a worker: {self.look}\n"
            f"bytes of Redis: {self.bytes_waiting:,} for a release that waits; "
            f"{self.bytes_finished:,} for a finished one with {LOG_LINES} lines of log"
        )
        return "\n".join([heading, columns, *map(str, self.rows), last])


def measure(size: Size, *, samples: int) -> Report:
    """Start both systems, fill one, take the samples."""
    config = make_config(size.queues)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="verdigris-bench-")))
        urls = [stack.enter_context(start_redis(folder / name)).url for name in ("empty", "full")]
        empty, full = (Installation(url, config) for url in urls)
        bytes_finished, bytes_waiting = finish_some(empty), fill(full, size)
        return Report(
            size=size,
            samples=samples,
            redis=str(full.client.info("server")["redis_version"]),
            rows=take_samples(empty, full, samples=samples, queues=size.queues),
            look=Times.of([full.look() for _ in range(FEWEST_SAMPLES)]),
            bytes_waiting=round(bytes_waiting),
            bytes_finished=round(bytes_finished),
        )


def measure_rows(samples: int) -> shared.Result:
    """As the other benches have it; a step takes a millisecond, so there are many samples of it."""
    report = measure(Size(10_000, 1_000), samples=max(FEWEST_SAMPLES, 7 * samples))
    rows = [
        shared.Row(
            f"{one.step}, beside an empty system",
            shared.Figures(one.full.median, one.full.least, one.full.most, report.samples),
            shared.Figures(one.empty.median, one.empty.least, one.empty.most, report.samples),
            "ms",
            GOAL,
        )
        for one in report.rows
    ]
    note = f"a reconciler's look at {report.size.queues:,} offers that wait for a worker: {report.look} ms"
    return shared.Result(tuple(rows), (note,))


def main() -> int:
    """0 when every ratio is within its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="that wait (default %(default)s)")
    parser.add_argument("--queues", type=int, default=1_000, help="in so many queues (default %(default)s)")
    parser.add_argument("--samples", type=int, default=201, help="of each step (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    if options.samples < FEWEST_SAMPLES or not 0 < options.queues <= options.jobs:
        parser.error(f"at least {FEWEST_SAMPLES} samples, and a job for each queue")
    report = measure(Size(options.jobs, options.queues), samples=options.samples)
    print(report.as_json() if options.json else report.as_text())
    return 0 if report.is_within_goal else 1


if __name__ == "__main__":
    sys.exit(main())
