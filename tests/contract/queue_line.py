"""A queue called ``shared``, jobs for it, and a worker that takes and ends their stages as it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from release.jobs import NewJob, NewRelease
from release.model import VERDIGRIS, Actor, Color, JobKind, StageState
from release.problems import ProblemDocument
from release.queue import Ending, Queue, Timing
from release.records import Move

if TYPE_CHECKING:
    from release.model import Job, State
    from release.records import Offer
    from release.redis_access import Client
    from release.store import Store

ANNA = Actor("person", "anna")
PROBLEM = ProblemDocument("cancelled", "Cancelled", "shop: cancelled by anna: wrong tag", "ask again")
HOUR = 3_600_000
LATE = Timing(lease=0, grace=0, attempts=3)
"""Every lease and every grace is over at once."""

PATIENT = Timing(lease=HOUR, grace=HOUR, attempts=3)


def new_job(
    name: str,
    *,
    app: str = "shop",
    kind: JobKind = JobKind.DEPLOY,
    tag: str = "",
    commit: str = "c0ffee",
    release_id: str | None = None,
) -> NewJob:
    """Job ``a`` with its new release ``r-a``; with ``release_id`` (also an empty one) just the job."""
    tag = tag or f"v{name}-blue"
    release = NewRelease(f"r-{name}", app, tag, Color.BLUE, commit, ANNA, "")
    return NewJob(
        id=name,
        app=app,
        kind=kind,
        queue="shared",
        color=Color.BLUE,
        release_id=release.id if release_id is None else release_id,
        tag=tag,
        actor=ANNA,
        release=release if release_id is None else None,
    )


def to(state: State, release_id: str, *sources: State) -> Move:
    return Move(release_id, frozenset(sources), state, VERDIGRIS, f"now {state}")


@dataclass(frozen=True)
class Line:
    """A queue called ``shared``, and a way to look at it."""

    queue: Queue
    store: Store
    client: Client

    def with_timing(self, timing: Timing) -> Line:
        return replace(self, queue=Queue(self.client, timing))

    def job(self, name: str) -> Job:
        job = self.store.find_job(name)
        assert job is not None
        return job

    def state(self, release_id: str) -> State:
        release = self.store.find_release(release_id)
        assert release is not None
        return release.state

    def names(self) -> list[str]:
        return [job.id for job in self.store.queue("shared")]

    def accept(self, *names: str) -> list[Offer | None]:
        """Queue a deploy for each name."""
        return [self.queue.accept(new_job(name)).offer for name in names]

    def claim(self, name: str, *, owner: str = "w1", moves: tuple[Move, ...] = ()) -> Job:
        """Take the stage that is offered; the job as it is then."""
        job = self.job(name)
        assert self.queue.claim(name, index=job.stage_index, fence=job.fence, owner=owner, moves=moves)
        return self.job(name)

    def end(self, name: str, outcome: StageState = StageState.PASSED) -> Ending:
        """End the stage that runs."""
        job = self.job(name)
        return self.queue.done(name, index=job.stage_index, fence=job.fence, outcome=outcome)

    def finish(self, name: str) -> Ending:
        """Claim and pass every stage that is left."""
        ending = Ending("")
        while not self.job(name).state.is_over:
            self.claim(name)
            ending = self.end(name)
        return ending
