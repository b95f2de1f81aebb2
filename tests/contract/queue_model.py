"""What the queue should do, in plain Python: the oracle that the scripts are held against.

It answers with the same values as ``release.queue`` does, from lists and dictionaries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from release.model import Color, JobKind, JobState, Stage, StageState, State
from release.order import Entry, insertion_index, urgency
from release.plan import PLAN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release.jobs import NewJob
    from release.records import Move

Offered = tuple[str, int, int]
"""Job, stage and fence."""

ENDS = {
    StageState.PASSED: JobState.DONE,
    StageState.FAILED: JobState.FAILED,
    StageState.CANCELLED: JobState.CANCELLED,
}


@dataclass
class ModelJob:
    """A job as the model knows it. ``fences``: each that it was ever offered under."""

    new: NewJob
    state: JobState = JobState.WAITING
    index: int = 0
    attempt: int = 1
    owner: str = ""
    begun: bool = False
    cancelled: bool = False
    give_up: bool = False
    place: int = 0
    is_held: bool = False
    is_starting: bool = False
    is_past_freeze: bool = False
    fences: list[int] = field(default_factory=list)
    ended: dict[int, StageState] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.new.id

    @property
    def fence(self) -> int:
        return self.fences[-1] if self.fences else 0

    @property
    def stages(self) -> tuple[Stage, ...]:
        return PLAN[self.new.kind]

    @property
    def is_active(self) -> bool:
        return self.state in {JobState.OFFERED, JobState.RUNNING}

    @property
    def entry(self) -> Entry:
        return Entry(self.new.app, self.new.kind)


@dataclass
class ModelRelease:
    """A release as the model knows it."""

    id: str
    app: str
    tag: str
    commit: str
    color: Color
    state: State = State.QUEUED


@dataclass
class QueueModel:
    """Every queue; ``attempts`` as in ``Timing``."""

    attempts: int
    jobs: dict[str, ModelJob] = field(default_factory=dict)
    queues: dict[str, list[ModelJob]] = field(default_factory=dict)
    releases: dict[str, ModelRelease] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    fence: int = 0
    places: int = 0

    def accept(self, new: NewJob) -> tuple[str, str]:
        """Status and id of the job that answers."""
        if new.id in self.jobs:
            return "accepted", new.id
        for key in new.seen:
            if key in self.seen:
                return "duplicate", self.seen[key]
        if any(self.releases[move.release_id].state not in move.sources for move in new.moves):
            return "moved", ""
        for other in self.open_jobs(new.app):
            if self._clash(new, other):
                self.seen |= dict.fromkeys(new.seen, other.id)
                return "clash", other.id
        self._add(new)
        return "accepted", new.id

    def open_jobs(self, app: str) -> list[ModelJob]:
        """An app's jobs that are not over, as they were accepted; who had waited to start, since then."""
        return [job for job in self.jobs.values() if job.new.app == app and not job.state.is_over]

    def _clash(self, new: NewJob, other: ModelJob) -> bool:
        if other.new.app != new.app or other.new.kind not in new.clash.kinds:
            return False
        if not new.clash.same_tag:
            return True
        commits = {self._commit(new), self._commit(other.new)} - {""}
        return other.new.tag == new.tag and len(commits) < 2

    def _commit(self, new: NewJob) -> str:
        return new.release.commit if new.release else self.releases[new.release_id].commit

    def _add(self, new: NewJob) -> None:
        if new.release:
            made = new.release
            known = ModelRelease(made.id, made.app, made.tag, made.commit, made.color, made.state)
            self.releases[made.id] = known
        self.move(new.moves)
        self.seen |= dict.fromkeys(new.seen, new.id)
        self.jobs[new.id] = job = ModelJob(new, is_starting=new.wait is not None)
        if not job.is_starting:
            self._enqueue(job)

    def _enqueue(self, job: ModelJob) -> None:
        queue = self.queues.setdefault(job.new.queue, [])
        self.places += 1
        job.place = self.places
        is_head_active = bool(queue) and queue[0].is_active
        entries = [one.entry for one in queue]
        queue.insert(insertion_index(entries, job.entry, is_head_active=is_head_active), job)
        self._offer_head(job.new.queue)

    def start(self, job: ModelJob, moves: Iterable[Move], *, is_past_freeze: bool) -> str:
        """Status."""
        if not job.is_starting:
            return "begun"
        job.is_starting = False
        self.jobs[job.id] = self.jobs.pop(job.id)
        job.is_past_freeze |= is_past_freeze
        self.move(moves)
        self._enqueue(job)
        return "started"

    def postpone(self, job: ModelJob, *, fence: int, moves: Iterable[Move]) -> str:
        """Status."""
        if job.state is not JobState.OFFERED or job.fence != fence or job.begun or job.is_past_freeze:
            return "begun"
        self.move(moves)
        self._step_out(job)
        job.state, job.is_starting = JobState.WAITING, True
        self._offer_next(job)
        return "postponed"

    def end_wait(self, job: ModelJob, moves: Iterable[Move]) -> str:
        """Status."""
        if not job.is_starting:
            return "begun"
        self.move(moves)
        self._leave(job, JobState.FAILED)
        return "over"

    def move(self, moves: Iterable[Move]) -> None:
        """Each that still fits."""
        for move in moves:
            release = self.releases[move.release_id]
            if release.state in move.sources:
                release.state = move.target

    def claim(self, job: ModelJob, *, index: int, fence: int, owner: str) -> bool:
        """Whether the stage is taken."""
        again = job.state is JobState.RUNNING and job.owner == owner
        if (index, fence) != (job.index, job.fence) or not (again or job.state is JobState.OFFERED):
            return False
        job.state, job.owner, job.begun = JobState.RUNNING, owner, True
        return True

    def done(
        self, job: ModelJob, *, index: int, fence: int, outcome: StageState, moves: Iterable[Move]
    ) -> str:
        """Status; ``next`` and ``over`` alone change anything."""
        if fence != job.fence:
            return "lost"
        if job.ended.get(index) is outcome:
            return "repeated"
        if job.state is not JobState.RUNNING or index != job.index:
            return "lost"
        job.ended[index] = outcome
        self.move(moves)
        if outcome is StageState.PASSED and index + 1 < len(job.stages):
            job.index, job.attempt, job.state = index + 1, 1, JobState.OFFERED
            return "next"
        self._leave(job, ENDS[outcome])
        return "over"

    def lost(self, job: ModelJob, *, fence: int) -> str:
        """Status."""
        if job.state is not JobState.RUNNING or fence != job.fence:
            return "lost"
        job.attempt += 1
        if job.stages[job.index] is job.new.once or job.attempt > self.attempts:
            job.give_up = True
        self._offer(job)
        return "next"

    def cancel(self, job: ModelJob, moves: Iterable[Move]) -> str:
        """Status."""
        if job.state.is_over:
            return "over"
        if job.begun and job.new.kind is not JobKind.DEPLOY:
            return "begun"
        if job.begun:
            job.cancelled = True
            return "requested"
        self.move(moves)
        self._leave(job, JobState.CANCELLED)
        return "cancelled"

    def _leave(self, job: ModelJob, state: JobState) -> None:
        self._step_out(job)
        job.state, job.is_held, job.is_starting = state, False, False
        self._offer_next(job)

    def _step_out(self, job: ModelJob) -> None:
        if not job.is_held and not job.is_starting:
            self.queues[job.new.queue].remove(job)

    def _offer_next(self, job: ModelJob) -> None:
        heads = [queue[0] for queue in self.queues.values() if queue]
        mine = [head for head in heads if head.new.app == job.new.app]
        mine.sort(key=lambda head: (-urgency(head.new.kind), head.place))
        own = [head for head in heads if head not in mine and head.new.queue == job.new.queue]
        for head in [*mine, *own]:
            self._offer_head(head.new.queue)

    def _offer_head(self, name: str) -> None:
        queue = self.queues[name]
        while queue and queue[0].state is JobState.WAITING and self._is_free(queue[0].new.app):
            if not self._must_hold(queue[0]):
                self._offer(queue[0])
                return
            queue.pop(0).is_held = True

    def _is_free(self, app: str) -> bool:
        return not any(job.is_active for job in self.open_jobs(app))

    def _must_hold(self, job: ModelJob) -> bool:
        """Here, a hold ends only with the standby: it is for longer than any test lasts."""
        if job.new.kind is not JobKind.DEPLOY or not job.new.keep_rollback_for:
            return False
        others = [one for one in self.releases.values() if one.app == job.new.app]
        return any(one.state is State.STANDBY and one.color is job.new.color for one in others)

    def resume(self) -> list[ModelJob]:
        """What a reconciler puts back in its place; those that are offered by it."""
        held = sorted((job for job in self.jobs.values() if job.is_held), key=lambda job: job.place)
        before = {job.id for job in self.jobs.values() if job.is_active}
        for job in held:
            if self._is_free(job.new.app) and not self._must_hold(job):
                self._put_back(job)
        return [job for job in self.jobs.values() if job.is_active and job.id not in before]

    def _put_back(self, job: ModelJob) -> None:
        queue = self.queues[job.new.queue]
        first = int(bool(queue) and queue[0].is_active)
        later = (
            index
            for index, other in enumerate(queue)
            if index >= first
            and other.new.kind in {JobKind.DEPLOY, JobKind.DECOMMISSION}
            and other.place > job.place
        )
        queue.insert(next(later, len(queue)), job)
        job.is_held = False
        self._offer_head(job.new.queue)

    def _offer(self, job: ModelJob) -> None:
        self.fence += 1
        job.fences.append(self.fence)
        job.state = JobState.OFFERED

    def offered(self) -> set[Offered]:
        """Every job that waits for a worker."""
        offered = [job for job in self.jobs.values() if job.state is JobState.OFFERED]
        return {(job.id, job.index, job.fence) for job in offered}

    def moves_of(self, job: ModelJob) -> list[tuple[str, State]]:
        """The steps that releases take when the job's stage begins (deploy) or ends well, as stages ask."""
        mine = job.new.release_id
        if not mine:
            return []
        others = [one for one in self.releases.values() if one.app == job.new.app and one.id != mine]
        if job.new.kind is JobKind.DEPLOY:
            return self._deploy_moves(job, mine, others)
        if job.new.kind is JobKind.DECOMMISSION:
            return [(mine, State.RETIRED)]
        leaving = State.STANDBY if job.new.kind is JobKind.PROMOTE else State.ROLLED_BACK
        live = [one.id for one in others if one.state is State.LIVE]
        return [*((one, leaving) for one in live), (mine, State.LIVE)]

    def _deploy_moves(self, job: ModelJob, mine: str, others: list[ModelRelease]) -> list[tuple[str, State]]:
        if job.index == 0:
            return [(mine, State.RUNNING)]
        if job.index + 1 == len(job.stages):
            return [(mine, State.READY)]
        replaced = [one for one in others if one.color is job.new.color]
        ready = [(one.id, State.SUPERSEDED) for one in replaced if one.state is State.READY]
        return [*ready, *((one.id, State.RETIRED) for one in replaced)]
