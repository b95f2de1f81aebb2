"""What a stage is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self, TypeVar

from cluster.moment import Moment
from cluster.waiting import Deadline, retry_unavailable
from release.model import VERDIGRIS
from release.records import Move, dump_probe
from release.recovery import after_switch
from release.turn import LostTurn
from tasks.renderings import Renderings
from tasks.turn import patiently

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster.connection import Cluster
    from release.clock import Clock
    from release.config import App, Config
    from release.environment import Settings
    from release.model import Actor, Color, Job, Probe, Release, State
    from release.observation import Observation
    from release.outbox import Outbox
    from release.queue import Queue
    from release.store import Store
    from release.turn import Turn
    from source.checkout import Repositories
    from tasks.turn import StageTurn

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Surroundings:
    """All that a worker process works with, wired once per process."""

    settings: Settings
    config: Config
    store: Store
    queue: Queue
    outbox: Outbox
    repositories: Repositories
    connect: Callable[[App], Cluster]
    clock: Clock
    renderings: Renderings = field(default_factory=Renderings)


@dataclass(frozen=True)
class Act:
    """What is done to one app in its cluster: a stage of a job, or a direct rollback, which has no Redis."""

    app: App
    job: Job
    release: Release | None
    turn: Turn
    cluster: Cluster
    clock: Clock

    @property
    def name(self) -> str:
        """The app's name."""
        return self.job.app

    @property
    def color(self) -> Color:
        """The color acted on."""
        return self.job.color

    def get_release(self) -> Release:
        """The release of a job that always has one."""
        if self.release is None:
            message = f"job {self.job.id} ({self.job.kind}) names no release"
            raise LookupError(message)
        return self.release

    def tell(self, text: str) -> None:
        """Say in the release's log what is being done."""
        self.turn.log(text)

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """What a read of the cluster answers, waiting for a cluster that is away to its deadline.

        Raises:
            Problem: ``cluster-unavailable``, at the deadline.
        """
        return retry_unavailable(call, deadline=self.patience(), turn=self.turn)

    def at_once(self) -> Self:
        """The same at one moment: for a decision that looks at an object from several sides."""
        return replace(self, cluster=Moment(self.cluster))

    def patience(self) -> Deadline:
        """How long one call waits for a cluster that is away, or for others who write the same object."""
        return Deadline.after(self.app.deadlines.cluster, clock=self.clock)


@dataclass(frozen=True)
class Step(Act):
    """One stage of one job, and what it may use. ``attempt`` above 1: a worker was lost in it before."""

    turn: StageTurn
    around: Surroundings
    attempt: int
    begun: Cluster | None = None
    """The cluster as the stage found it."""

    def at_begin(self) -> Self:
        """The same at the moment at which the stage began; where that is over, it is read again."""
        return replace(self, cluster=self.begun) if self.begun else self.at_once()

    @property
    def workdir(self) -> Path:
        """Where this turn checks the release's tree out: a frozen worker that thaws must not touch ours."""
        return self.around.settings.data / "trees" / f"{self.job.id}.f{self.turn.fence}"

    def releases_on_a_color(self) -> list[Release]:
        """The app's releases whose pods are expected to run, as our records have them."""
        return patiently(lambda: self.around.store.releases_on_a_color(self.name))

    def record_switch(self, *moves: Move) -> None:
        """Change releases as users were moved, and what pages show of the cluster with them, in one go."""
        known = patiently(lambda: self.around.store.observation(self.name))
        self.move(*moves, seen=after_switch(known, self.get_release()) if known else None)

    def move(self, *moves: Move, seen: Observation | None = None, **fields: str) -> None:
        """Change releases, and fields of this one, while it is our turn. ``seen`` shows the same.

        Raises:
            LostTurn: it is somebody else's.
        """
        release_id = self.job.release_id or ""
        done = patiently(
            lambda: self.around.queue.move(
                self.job.id,
                fence=self.turn.fence,
                moves=moves,
                release_id=release_id,
                fields=fields,
                seen=seen,
            )
        )
        if not done:
            raise LostTurn(f"job {self.job.id}: another worker has taken this stage over")

    def keep_probe(self, probe: Probe) -> None:
        """Keep with the job what a prober saw of its switch, while it is our turn."""
        queue, fields = self.around.queue, {"probe": dump_probe(probe)}
        patiently(lambda: queue.move(self.job.id, fence=self.turn.fence, job_fields=fields))


@dataclass(frozen=True)
class Passed:
    """A stage that ended well, with the steps that releases take by it."""

    moves: tuple[Move, ...] = ()


def step_of(
    release: Release, target: State, reason: str, *, sources: frozenset[State], actor: Actor = VERDIGRIS
) -> Move:
    """A step of a release by what a stage did."""
    return Move(release.id, sources, target, actor, reason)
