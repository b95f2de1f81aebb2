"""One Redis with the core on top of it as in production, and the steps that are measured on it.

Requests go in and stages end through the same code as in production. Celery is left out: its time is the same
however much waits and would only hide a difference.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from celery import Celery

from bench.measure import timed
from release.model import VERDIGRIS, Actor, JobState, StageState, State
from release.problems import ProblemDocument
from release.queue import Ending, Queue, Timing
from release.records import Move
from release.redis_access import connect
from release.requests import Requests
from release.store import Store
from worker.dispatch import WorkerDispatcher
from worker.reconciler import Reconciler
from worker.sending import Sender
from worker.settings import worker_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.config import Config
    from release.model import Job
    from release.records import Offer
    from release.requests import Accepted

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
        seconds = timed(lambda: accepted.append(self.push(app)))
        self.requests.cancel(accepted[0].release_id or "", actor=ANNA)
        return seconds

    def start_next(self, app: str) -> float:
        """The active job ends, the next is offered and claimed; another one comes for it."""
        self.push(app)
        job = self.active(app)
        self.take(job)
        return timed(lambda: self._hand_over(job))

    def promote(self, app: str) -> float:
        """A promote goes ahead of the app's others; then it is taken back."""
        ready = self.store.releases_on_a_color(app)[0]
        seconds = timed(lambda: self.requests.promote(app, actor=ANNA, release_id=ready.id))
        self.requests.cancel(ready.id, actor=ANNA)
        return seconds

    def look(self) -> float:
        """A worker's reconciler looks for what is past its deadline."""
        return timed(self.reconciler.look)

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
