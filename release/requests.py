"""What people, programs and Git hosts ask for: checked against what Redis knows, then queued.

What the cluster has to say is asked later, by the stages: a refusal there fails the job. A method that
returns has put its job into Redis durably; a refusal is a ``Problem``, an unreachable Redis ``NotDurable``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ulid import ULID

from release import refusals
from release.choices import Choices
from release.jobs import Clash, NewJob, NewRelease, Superseding
from release.model import VERDIGRIS, Actor, JobKind, Stage, State
from release.records import Move
from release.tag import find_color, find_refusal

if TYPE_CHECKING:
    from release.config import App, Config
    from release.model import Job, Release
    from release.problems import Problem
    from release.queue import Acceptance, Queue
    from release.records import Offer
    from release.store import Store

DAY: Final = 86_400
REMEMBERED: Final = 90 * DAY
"""How long, in seconds, the same delivery, or the same tag at the same commit, is known as a duplicate."""


class Outbox(Protocol):
    """Where offers leave for Celery. It may fail silently: a worker's reconciler sends an offer again."""

    def send(self, offer: Offer) -> None:
        """Publish the rest of the job's chain."""

    def show_waiting(self, job_id: str, *, app: str, tag: str) -> None:
        """Let the task queue's own view show the job while it waits for its turn."""

    def close_waiting(self, job_id: str) -> None:
        """Let that view show that the wait is over: its turn has come, or it was cancelled."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that is durable. ``is_new`` False: it came before, and the ids are those of the first."""

    release_id: str | None
    job_id: str
    is_new: bool


class Requests:
    """The one way in, for hooks, API, pages and command line alike."""

    def __init__(self, config: Config, store: Store, queue: Queue, outbox: Outbox) -> None:
        self._config = config
        self._store = store
        self._queue = queue
        self._outbox = outbox
        self._choices = Choices(store)

    def deploy(
        self,
        app: str,
        tag: str,
        *,
        actor: Actor,
        commit: str = "",
        delivery: str | None = None,
        reason: str = "",
    ) -> Accepted:
        """Release a tag of an app. Without ``commit`` the sanity stage asks the repository for it.

        With ``delivery`` (a webhook's id), the same delivery and the same tag at the same commit are
        accepted once; a call by hand always starts, unless the tag is already in the queue.
        """
        config = self._get_app(app)
        color = find_color(tag)
        if color is None:
            raise refusals.tag_does_not_match(app, tag)
        if refusal := find_refusal(tag):
            raise refusals.tag_refused(app, tag, refusal)
        seen = {}
        if delivery is not None:
            seen = {f"delivery:{app}:{delivery}": REMEMBERED, f"tag:{app}:{tag}:{commit}": REMEMBERED}
        release = NewRelease(
            id=str(ULID()),
            app=app,
            tag=tag,
            color=color,
            commit=commit,
            actor=actor,
            reason=reason,
            image=_find_image(config, tag=tag, commit=commit),
        )
        return self._accept(self._deploy_job(release, seen=seen))

    def redeploy(self, release_id: str, *, actor: Actor, reason: str = "") -> Accepted:
        """Release the same commit again, as a new release of the same tag."""
        old = self._get_release(release_id)
        release = NewRelease(
            id=str(ULID()),
            app=old.app,
            tag=old.tag,
            color=old.color,
            commit=old.commit,
            actor=actor,
            reason=reason or f"redeploy of {old.id}",
            image=old.image or "",
            redeploy_of=old.id,
        )
        return self._accept(self._deploy_job(release, seen={}))

    def retry(self, release_id: str, *, actor: Actor, reason: str = "") -> Accepted:
        """Run a failed release's stages again, from sanity."""
        release = self._get_release(release_id)
        if release.state is not State.FAILED:
            raise refusals.cannot_retry(release)
        again = Move(
            release.id, frozenset({State.FAILED}), State.QUEUED, actor, reason or "retried: all stages again"
        )
        job = self._job(release, JobKind.DEPLOY, actor, reason, moves=(again,))
        return self._accept(job)

    def promote(self, app: str, *, actor: Actor, release_id: str | None = None, reason: str = "") -> Accepted:
        """Move every user to a release: the one named, else the one that is ready."""
        self._get_app(app)
        named = self._get_release(release_id) if release_id else None
        release = self._choices.promotion(app, named)
        if blocker := self._choices.find_running_deploy(app, release.color):
            raise refusals.color_is_being_deployed(release, blocker)
        return self._accept(self._job(release, JobKind.PROMOTE, actor, reason, clash=_alone(JobKind.PROMOTE)))

    def rollback(
        self, app: str, *, actor: Actor, release_id: str | None = None, reason: str = ""
    ) -> Accepted:
        """Move every user back to the release that was live before."""
        self._get_app(app)
        release = self._choices.standby(app, release_id)
        return self._accept(
            self._job(release, JobKind.ROLLBACK, actor, reason, clash=_alone(JobKind.ROLLBACK))
        )

    def decommission(self, app: str, *, actor: Actor, reason: str = "") -> Accepted:
        """Take down the color that is not live."""
        self._get_app(app)
        color = self._choices.idle_color(app)
        release = self._choices.find_latest(app, color)
        job = NewJob(
            id=str(ULID()),
            app=app,
            kind=JobKind.DECOMMISSION,
            queue=self._config.queue_of(app, release.tag if release else ""),
            color=color,
            release_id=release.id if release else "",
            tag=release.tag if release else "",
            actor=actor,
            reason=reason,
            once=self._find_once(app),
            migrates=self._may_migrate(app),
            patience=self._find_patience(app),
            clash=_alone(JobKind.DECOMMISSION),
        )
        return self._accept(job)

    def cancel(self, release_id: str, *, actor: Actor, reason: str = "") -> Accepted:
        """End the waiting or running job of a release; one that runs ends where its stage allows it."""
        release = self._get_release(release_id)
        open_jobs = [job for job in self._store.jobs_of(release_id) if not job.state.is_over]
        if not open_jobs:
            raise refusals.nothing_to_cancel(release)
        job = open_jobs[-1]
        status = self._end(job, refusals.cancelled(job, actor, reason), actor=actor, reason=reason)
        if status == "over":
            raise refusals.nothing_to_cancel(release)
        if status == "begun":
            raise refusals.already_begun(job)
        return Accepted(release_id, job.id, is_new=True)

    def expire(self, job_id: str) -> None:
        """End a job that has waited for its turn, or for a worker, longer than its app allows."""
        job = self._store.find_job(job_id)
        if job:
            problem = refusals.waited_too_long(job)
            self._end(job, problem, actor=VERDIGRIS, reason=problem.document.title)

    def _end(self, job: Job, problem: Problem, *, actor: Actor, reason: str) -> str:
        """End a job that has not begun, ask one that runs to stop; how it went, as ``Ending.status``."""
        is_deploy = job.kind is JobKind.DEPLOY and job.release_id
        moves = [cancelled_before_start(job.release_id or "", actor, reason)] if is_deploy else []
        ending = self._queue.cancel(job.id, actor=actor, problem=problem.document, moves=moves)
        if ending.status == "cancelled":
            self._outbox.close_waiting(job.id)
        for offer in ending.offers:
            self._outbox.send(offer)
        return ending.status

    def _accept(self, job: NewJob) -> Accepted:
        """Queue the job. In a clash a new release is answered with the job that stands for it."""
        acceptance = self._queue.accept(job)
        if acceptance.status == "accepted":
            self._outbox.show_waiting(acceptance.job_id, app=job.app, tag=job.tag)
            if acceptance.offer:
                self._outbox.send(acceptance.offer)
            for job_id in acceptance.gave_way:
                self._outbox.close_waiting(job_id)
        if acceptance.status == "moved":  # only a retry brings moves, and another one was faster
            raise refusals.cannot_retry(self._get_release(job.release_id))
        if acceptance.status == "clash" and job.release is None:
            raise refusals.already_queued(job.app, job.kind, acceptance.job_id)
        return _accepted(acceptance)

    def _deploy_job(self, release: NewRelease, *, seen: dict[str, int]) -> NewJob:
        return NewJob(
            id=str(ULID()),
            app=release.app,
            kind=JobKind.DEPLOY,
            queue=self._config.queue_of(release.app, release.tag),
            color=release.color,
            release_id=release.id,
            tag=release.tag,
            actor=release.actor,
            reason=release.reason,
            release=release,
            once=self._find_once(release.app),
            patience=self._find_patience(release.app),
            keep_rollback_for=self._find_hold(release.app),
            seen=seen,
            clash=Clash(frozenset({JobKind.DEPLOY}), same_tag=True),
            supersedes=self._find_superseding(release),
        )

    def _find_superseding(self, release: NewRelease) -> Superseding | None:
        """What older waiting deploys are told, where the app says that they give way."""
        if self._get_app(release.app).when_newer == "keep":
            return None
        problem = refusals.superseded(release.app, release.tag).document
        return Superseding(f"{release.tag} came before its turn", problem)

    def _job(
        self,
        release: Release,
        kind: JobKind,
        actor: Actor,
        reason: str,
        *,
        moves: tuple[Move, ...] = (),
        clash: Clash | None = None,
    ) -> NewJob:
        return NewJob(
            id=str(ULID()),
            app=release.app,
            kind=kind,
            queue=self._config.queue_of(release.app, release.tag),
            color=release.color,
            release_id=release.id,
            tag=release.tag,
            actor=actor,
            reason=reason,
            once=self._find_once(release.app) if kind is JobKind.DEPLOY else None,
            patience=self._find_patience(release.app),
            keep_rollback_for=self._find_hold(release.app),
            moves=moves,
            clash=clash or Clash(frozenset({kind}), same_tag=True),
        )

    def _find_once(self, app: str) -> Stage | None:
        """A migration that was lost half way is not repeated unless the app says that it may be.

        One that is a Job goes on without its worker: another one follows it.
        """
        configured = self._get_app(app)
        return None if configured.migrate_repeatable or configured.migrate_job else Stage.MIGRATE

    def _may_migrate(self, app: str) -> bool:
        """Whether a contract migration may be due once the color is gone; the cluster knows for sure."""
        if not self._get_app(app).has_migration:
            return False
        live = [one for one in self._store.releases_on_a_color(app) if one.state is State.LIVE]
        return not live or live[-1].migration.is_due

    def _find_patience(self, app: str) -> int:
        return int(self._get_app(app).deadlines.turn)

    def _find_hold(self, app: str) -> int:
        return int(self._get_app(app).keep_rollback_for)

    def _get_app(self, app: str) -> App:
        found = self._config.find_app(app)
        if found is None:
            raise refusals.unknown_app(app)
        return found

    def _get_release(self, release_id: str) -> Release:
        release = self._store.find_release(release_id)
        if release is None:
            raise refusals.unknown_release(release_id)
        self._get_app(release.app)
        return release


def _alone(kind: JobKind) -> Clash:
    """An app has one waiting or running job of such a kind at a time."""
    return Clash(frozenset({kind}))


def cancelled_before_start(release_id: str, actor: Actor, reason: str) -> Move:
    """The step of a release whose deploy is cancelled while it waits."""
    sources = frozenset({State.QUEUED, State.WAITING})
    return Move(release_id, sources, State.CANCELLED, actor, reason or "cancelled before it began")


def _accepted(acceptance: Acceptance) -> Accepted:
    return Accepted(acceptance.release_id, acceptance.job_id, is_new=acceptance.status == "accepted")


def _find_image(config: App, *, tag: str, commit: str) -> str:
    """The image, as far as it can be named before the commit is known."""
    needs_commit = "{commit}" in config.image
    return "" if needs_commit and not commit else config.image_for(tag=tag, commit=commit)
