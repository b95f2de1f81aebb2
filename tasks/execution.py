"""How a stage runs: claimed in Redis, kept by a heartbeat, ended as done, failed, cancelled or lost.

The Celery task is thin; this is the plain function under it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from cluster.fence import directs_of
from cluster.observe import observe
from release import refusals
from release.gate import Gate
from release.model import VERDIGRIS, Color, JobKind, Stage, StageState, State
from release.problems import NotDurable, Problem, ProblemDocument
from release.records import Move
from release.recovery import keep_last_known
from release.references import ConfigError
from release.secret import Redactor
from release.starting import Starting
from release.turn import CancelRequested, LostTurn
from tasks.ahead import begin_first_look
from tasks.routing import find_route
from tasks.soon import soon
from tasks.step import Passed, Step
from tasks.takeover import take_over
from tasks.targets import targets_of_app
from tasks.turn import StageTurn, patiently

if TYPE_CHECKING:
    from release.config import Config
    from release.model import Actor, Job, Release
    from release.observation import Observation
    from release.queue import Claim, Ending
    from tasks.step import Surroundings

log = structlog.get_logger(__name__)

Work = Callable[[Step], Passed]

CANCELLABLE: Final = frozenset({Stage.SANITY, Stage.DEPLOY, Stage.SMOKE})
"""Stages in whose waits a cancel takes effect. A migration runs to its end; a switch is over in a moment."""

SWITCHES: Final = frozenset({Stage.ACTIVATE, Stage.ROLLBACK, Stage.DECOMMISSION})
"""Stages that are never cancelled once begun: whoever takes one over can't undo what was done."""


MOVING: Final = frozenset({Stage.ACTIVATE, Stage.ROLLBACK})
"""Stages that users wait for: what they look at first is read ahead."""

WRITING: Final = frozenset({Stage.DEPLOY, Stage.SMOKE, *SWITCHES})
"""Stages that write to the cluster: they must know which direct rollbacks came before them."""


class NotClaimed(Exception):
    """The stage is not offered under this fence: another message of it was first."""


class StageFailed(Exception):
    """The stage did not pass; the job is over and the chain ends here."""


class StageCancelled(Exception):
    """The job was cancelled."""


def run_stage(around: Surroundings, work: Work, *, job_id: str, index: int, fence: int, owner: str) -> str:
    """Run one stage of a job, if it is its turn.

    Returns:
        What Flower shows as the result.

    Raises:
        NotClaimed, LostTurn: nothing was written; somebody else does it.
        StageFailed, StageCancelled: the job is over.
    """
    job = patiently(lambda: around.store.find_job(job_id))
    if job is None:
        raise NotClaimed(f"job {job_id} is not known: Redis was emptied since it was sent")
    with _log_context(job, index):
        return _run_known(around, work, job, index=index, fence=fence, owner=owner)


def _run_known(around: Surroundings, work: Work, job: Job, *, index: int, fence: int, owner: str) -> str:
    if index == 0 and job.kind is JobKind.DEPLOY:
        _check_freeze(around, job, fence=fence)
    begin, job_id = _begin(job, index), job.id
    claim = patiently(lambda: around.queue.claim(job_id, index=index, fence=fence, owner=owner, moves=begin))
    if claim is None:
        raise NotClaimed(f"job {job_id}, stage {index}, fence {fence}: not offered any more")
    is_shown_waiting = index == 0  # in Flower, which can wait a little longer
    with soon(lambda: around.outbox.close_waiting(job_id)) if is_shown_waiting else nullcontext():
        release = patiently(lambda: around.store.find_release(job.release_id or ""))
        with structlog.contextvars.bound_contextvars(**_delivery_of(release)):
            return _run_claimed(around, work, job, release, index=index, fence=fence, claim=claim)


def _check_freeze(around: Surroundings, job: Job, *, fence: int) -> None:
    """A deploy that had queued before a freeze waits for its end like those that came in it.

    Raises:
        NotClaimed: it does.
    """
    gate = Gate(around.config, around.store, around.clock)
    starting = Starting(around.config, around.store, around.queue, around.outbox, gate)
    if patiently(lambda: starting.postpone(job, fence=fence)):
        raise NotClaimed(f"job {job.id}: {job.app} is frozen; it goes on when that ends")


def _delivery_of(release: Release | None) -> dict[str, str]:
    """So that one finds the stages of what a Git host delivered, by its id of the delivery."""
    return {"delivery": release.delivery} if release and release.delivery else {}


def _run_claimed(
    around: Surroundings,
    work: Work,
    job: Job,
    release: Release | None,
    *,
    index: int,
    fence: int,
    claim: Claim,
) -> str:
    stage = job.stages[index].stage
    redactor, unreadable = _find_secrets(around.config, job)
    turn = StageTurn(around.queue, job, fence=fence, stage=stage, redactor=redactor)
    log.info("stage begins", attempt=claim.attempt)
    with turn.kept():
        attempt = _Attempt(around, job, stage, release, turn, claim, unreadable)
        outcome, problem, done = attempt.make(work, redactor)
    moves = [*done, *_end_moves(job, release, outcome, problem, turn.cancelled_by)]
    ending = patiently(
        lambda: around.queue.done(
            job.id, index=index, fence=fence, outcome=outcome, problem=problem, moves=moves
        )
    )
    if ending.status == "lost":
        raise LostTurn(
            f"job {job.id}: {stage} ended after it had been taken over; its outcome does not count"
        )
    log.info("stage ends", outcome=str(outcome), **({"problem": problem.slug} if problem else {}))
    _after(around, job, ending)
    return _report(job, stage, outcome, problem)


def _find_secrets(config: Config, job: Job) -> tuple[Redactor, Problem | None]:
    """What the log must not show; a refusal where this worker can't know it.

    Only a deploy handles secrets: a rollback goes on without them, an emergency must not wait for one.
    """
    try:
        return Redactor(config.release_secrets(job.app)), None
    except ConfigError as error:
        log.warning("a secret can't be read", error=str(error))
        refusal = Problem(
            "secret-missing",
            "A secret of the app can't be read",
            detail=f"{job.app} {job.tag}: {error}",
            next_step="give the workers that environment variable or file, then retry the release",
            status=500,
        )
        return Redactor([]), refusal if job.kind is JobKind.DEPLOY else None


@dataclass(frozen=True)
class _Attempt:
    """One claim's try at a stage."""

    around: Surroundings
    job: Job
    stage: Stage
    release: Release | None
    turn: StageTurn
    claim: Claim
    unreadable: Problem | None

    def make(
        self, work: Work, redactor: Redactor
    ) -> tuple[StageState, ProblemDocument | None, tuple[Move, ...]]:
        """Each way it can end becomes a value, but for a lost turn, which is not ours to end."""
        turn = self.turn
        try:
            return StageState.PASSED, None, self._work(work).moves
        except LostTurn:
            log.warning("stage lost: another worker goes on; nothing more is written")
            raise
        except CancelRequested:
            document = refusals.cancelled(self.job, turn.cancelled_by or VERDIGRIS, "").document
            turn.log(document.detail)
            return StageState.CANCELLED, document, ()
        except Problem as problem:
            return StageState.FAILED, _told(problem.document, turn, redactor), ()
        except NotDurable:
            raise  # nobody can end the stage now; its lease ends, and another worker takes it over
        except Exception as error:  # noqa: BLE001 -- it ends the stage, and is told with its traceback
            # As redacted text: a traceback may quote what the stage worked with.
            trace = redactor.redact(traceback.format_exc())
            log.error("stage failed unexpectedly", traceback=trace)  # noqa: TRY400 -- the trace is there
            return StageState.FAILED, _told(_unexpected(self.job, error), turn, redactor), ()

    def _work(self, work: Work) -> Passed:
        """Take over first, if there is something to take over; then hear of a cancel; then work."""
        app = self.around.config.find_app(self.job.app)
        if app is None:
            raise refusals.unknown_app(self.job.app)
        connection = self.around.connect(app)
        step = Step(
            app=app,
            job=self.job,
            release=self.release,
            turn=self.turn,
            cluster=connection,
            clock=self.around.clock,
            around=self.around,
            attempt=self.claim.attempt,
        )
        step = self._begun(step)
        if self.stage in SWITCHES:
            return work(step)
        self.turn.cancelled_by = self.claim.cancelled_by
        if self.claim.cancelled_by:
            raise CancelRequested
        if self.unreadable:
            raise self.unreadable
        if self.stage in CANCELLABLE:
            self.turn.allow_cancel()
        return work(step)

    def _begun(self, step: Step) -> Step:
        """The step with what it finds; a take-over first stamps what the worker before may still write to."""
        now = step.at_once()
        if self.stage in MOVING:
            begin_first_look(now)
        if self.stage in WRITING:
            self.turn.directs = directs_of(find_route(now))
        if self.claim.attempt == 1:
            return replace(step, begun=now.cluster)
        take_over(step, self.stage, give_up=self.claim.give_up)
        return step


def _told(document: ProblemDocument, turn: StageTurn, redactor: Redactor) -> ProblemDocument:
    """The problem without secrets, also as the last lines of the log."""
    told = ProblemDocument(
        document.slug,
        document.title,
        redactor.redact(document.detail),
        redactor.redact(document.next_step),
        document.status,
    )
    turn.log(f"{told.title}\n{told.detail}\nWhat to do: {told.next_step}")
    return told


def _unexpected(job: Job, error: Exception) -> ProblemDocument:
    return ProblemDocument(
        "unexpected",
        "Verdigris itself failed",
        f"{job.app}: {job.kind} of {job.tag}: {type(error).__name__}: {error}",
        "look into the worker's log for this release; this is a bug of Verdigris or of its set-up",
        500,
    )


def _begin(job: Job, index: int) -> list[Move]:
    if job.kind is not JobKind.DEPLOY or index > 0 or not job.release_id:
        return []
    return [Move(job.release_id, frozenset({State.QUEUED}), State.RUNNING, VERDIGRIS, "its turn has come")]


def _end_moves(
    job: Job,
    release: Release | None,
    outcome: StageState,
    problem: ProblemDocument | None,
    canceller: Actor | None,
) -> list[Move]:
    """A deploy that fails or is cancelled moves its release; other jobs leave releases as they are."""
    targets = {StageState.FAILED: State.FAILED, StageState.CANCELLED: State.CANCELLED}
    if job.kind is not JobKind.DEPLOY or release is None or outcome not in targets:
        return []
    reason = f"{problem.title}: {problem.detail}" if problem else ""
    actor = canceller if outcome is StageState.CANCELLED and canceller else VERDIGRIS
    return [Move(release.id, frozenset({State.RUNNING}), targets[outcome], actor, reason)]


def _after(around: Surroundings, job: Job, ending: Ending) -> None:
    """Send the queue's next job on its way and look at the cluster once more for the pages."""
    if ending.status == "over":
        for offer in ending.offers:
            around.outbox.send(offer)
    try:
        # Between two stages the next one's message is sent only after this look: not there.
        if ending.status == "over" and around.config.find_app(job.app):
            look_at_app(around, job.app)
    except Exception as error:  # noqa: BLE001 -- the stage has ended; the observer looks again in a moment
        log.warning("the app could not be observed", error=f"{type(error).__name__}: {error}")


def look_at_app(around: Surroundings, name: str) -> Observation:
    """What the cluster shows of an app now, kept for the pages."""
    seen = observe_app(around, name)
    around.store.observe(keep_last_known(around.store.observation(name), seen))
    return seen


def observe_app(around: Surroundings, name: str) -> Observation:
    """What the cluster shows of an app now."""
    app = around.config.apps[name]
    targets = targets_of_app(name, app)
    return observe(
        around.connect(app),
        name,
        deployments={color: targets.deployment(color) for color in Color},
        virtual_service=targets.virtual_service,
        destination_rule=targets.destination_rule,
        context=app.context,
        clock=around.clock,
    )


def _report(job: Job, stage: Stage, outcome: StageState, problem: ProblemDocument | None) -> str:
    if outcome is StageState.FAILED and problem:
        raise StageFailed(f"{problem.title}: {problem.detail}")
    if outcome is StageState.CANCELLED:
        raise StageCancelled(f"{job.app}: {job.tag}: cancelled in {stage}")
    return f"{stage} passed"


@contextmanager
def _log_context(job: Job, index: int) -> Iterator[None]:
    bound = {"release": job.release_id, "app": job.app, "tag": job.tag, "stage": str(job.stages[index].stage)}
    with structlog.contextvars.bound_contextvars(job=job.id, **bound):
        yield
