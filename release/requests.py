"""What people, programs and Git hosts ask for: checked against what Redis knows, then queued.

What the cluster has to say is asked later, by the stages: a refusal there fails the job. A method that
returns has put its job into Redis durably; a refusal is a ``Problem``, an unreachable Redis ``NotDurable``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ulid import ULID

from release import refusals, rule_refusals
from release.choices import Choices
from release.drafts import Drafts
from release.gate import Gate
from release.jobs import NewRelease
from release.model import VERDIGRIS, Actor, JobKind, State
from release.problems import NotDurable
from release.records import Move
from release.starting import Starting
from release.tag import find_color, find_refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release.approvals import Verdict
    from release.auto_promotion import Stop
    from release.ci import Check
    from release.config import App, Config
    from release.jobs import NewJob
    from release.model import Job, Release
    from release.outbox import Outbox
    from release.problems import Problem
    from release.queue import Acceptance, Queue
    from release.store import Store

DAY: Final = 86_400
REMEMBERED: Final = 90 * DAY
"""How long, in seconds, the same delivery, or the same tag at the same commit, is known as a duplicate."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that is durable. ``is_new`` False: it came before, and the ids are those of the first."""

    release_id: str | None
    job_id: str
    is_new: bool


class Requests:
    """The one way in, for hooks, API, pages and command line alike."""

    def __init__(
        self, config: Config, store: Store, queue: Queue, outbox: Outbox, gate: Gate | None = None
    ) -> None:
        self._config = config
        self._store = store
        self._queue = queue
        self._outbox = outbox
        self._choices = Choices(store)
        self.gate = gate or Gate(config, store)
        self._drafts = Drafts(config, self.gate)
        self._starting = Starting(config, store, queue, outbox, self.gate)

    def deploy(
        self,
        app: str,
        tag: str,
        *,
        actor: Actor,
        commit: str = "",
        delivery: str | None = None,
        address: str = "",
        reason: str = "",
    ) -> Accepted:
        """Release a tag of an app. Without ``commit`` the sanity stage asks the repository for it.

        It waits first where the app's ``start_when`` names something to wait for. With ``delivery`` (a
        webhook's id), the same delivery and the same tag at the same commit are accepted once; a call by hand
        always starts, unless the tag is already in the queue. ``address``: of the delivery's sender.
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
            start_when=config.start_when,
            # Of a delivery with several tags each is known by the delivery and its own name.
            delivery=(delivery or "").removesuffix(f" {tag}"),
            address=address,
        )
        return self._accept(self._drafts.deploy(release, seen=seen), looks_first=True)

    def redeploy(self, release_id: str, *, actor: Actor, reason: str = "") -> Accepted:
        """Release the same commit again, as a new release of the same tag.

        It waits first where the earlier one had not come to its start: this must not be a way around CI for
        those who may not ``start``.
        """
        old = self._get_release(release_id)
        if not old.commit and find_color(old.tag) is None:
            raise refusals.no_commit(old)
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
            start_when=self._drafts.find_start(old),
            is_read_back=old.is_read_back,
        )
        return self._accept(self._drafts.deploy(release, seen={}))

    def retry(self, release_id: str, *, actor: Actor, reason: str = "") -> Accepted:
        """Run a failed release's stages again, from sanity; what had not come to its start waits again."""
        release = self._get_release(release_id)
        if release.state is not State.FAILED:
            raise refusals.cannot_retry(release)
        return self._accept(self._drafts.deploy_again(release, actor=actor, reason=reason))

    def start(
        self, release_id: str, *, actor: Actor, reason: str = "", overrides_freeze: bool = False
    ) -> Accepted:
        """Let a release that waits go into its queue now, whatever CI and registry say.

        In a freeze only with ``overrides_freeze`` and a reason.
        """
        release = self._get_release(release_id)
        jobs = [job for job in self._store.starting(release.app) if job.release_id == release_id]
        frozen = self.gate.find_freeze(release.app) if jobs else None
        if frozen:
            refusal = rule_refusals.app_frozen(release, frozen)
            self.gate.check_override(refusal, is_wanted=overrides_freeze, reason=reason)
        what = "started by hand, in a freeze" if frozen else "started by hand"
        why = f"{what}: {reason} ({release.reason})" if reason else f"{what}: {release.reason}"
        if not jobs or not self._starting.start(jobs[0], reason=why, actor=actor):
            raise refusals.not_waiting(self._get_release(release_id))
        return Accepted(release_id, jobs[0].id, is_new=True)

    def note_checks(self, app: str, commit: str, checks: Iterable[Check]) -> list[str]:
        """Keep what CI says of a commit; the ids of the releases that go into their queue by it."""
        self._get_app(app)
        return self._starting.note_checks(app, commit, checks)

    def promote(
        self,
        app: str,
        *,
        actor: Actor,
        release_id: str | None = None,
        reason: str = "",
        overrides_freeze: bool = False,
    ) -> Accepted:
        """Move every user to a release: the one named, else the one that is ready.

        In a freeze only with ``overrides_freeze`` and a reason. By itself, with ``VERDIGRIS`` as the actor, a
        release is promoted once, however many workers ask.
        """
        self._get_app(app)
        named = self._get_release(release_id) if release_id else None
        release = self._choices.promotion(app, named)
        if blocker := self._choices.find_running_deploy(app, release.color):
            raise refusals.color_is_being_deployed(release, blocker)
        self.gate.check_promote(release, actor=actor, overrides_freeze=overrides_freeze, reason=reason)
        if self.gate.find_freeze(app):
            reason = f"in a freeze: {reason}"
        seen = {self.gate.name_promote(release): REMEMBERED} if actor == VERDIGRIS else {}
        job = self._drafts.switch(release, JobKind.PROMOTE, actor=actor, reason=reason, seen=seen)
        return self._accept(job)

    def rollback(
        self, app: str, *, actor: Actor, release_id: str | None = None, reason: str = ""
    ) -> Accepted:
        """Move every user back to the release that was live before."""
        self._get_app(app)
        release = self._choices.standby(app, release_id)
        return self._accept(self._drafts.switch(release, JobKind.ROLLBACK, actor=actor, reason=reason))

    def decommission(self, app: str, *, actor: Actor, reason: str = "") -> Accepted:
        """Take down the color that is not live."""
        self._get_app(app)
        color = self._choices.idle_color(app)
        release = self._choices.find_latest(app, color)
        migrates = self._may_migrate(app)
        return self._accept(
            self._drafts.decommission(app, color, release, migrates=migrates, actor=actor, reason=reason)
        )

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

    def approve(self, release_id: str, *, actor: Actor, comment: str = "") -> Verdict:
        """Say yes to the promote of a release; what the votes come to then."""
        release = self._get_release(release_id)
        pushers, people = self.gate.find_pushers(release), self._config.people
        self._store.consent.approve(release, actor=actor, comment=comment, pushers=pushers, people=people)
        return self._judge_kept(release)

    def reject(self, release_id: str, *, actor: Actor, comment: str = "") -> Verdict:
        """Say no to the promote of a release, for good."""
        release = self._get_release(release_id)
        self._store.consent.reject(release, actor=actor, comment=comment, people=self._config.people)
        return self._judge_kept(release)

    def _judge_kept(self, release: Release) -> Verdict:
        """What the votes come to; the last one is kept, whatever becomes of this question."""
        try:
            return self.gate.judge(release)
        except NotDurable as error:
            raise NotDurable(str(error), is_in_doubt=True) from error

    def stop_countdown(self, release_id: str, *, actor: Actor, reason: str = "") -> Stop:
        """Let a release not be promoted by itself; the stop that stands."""
        return self._store.consent.stop(self._get_release(release_id), actor=actor, reason=reason)

    def expire(self, job_id: str) -> None:
        """End a job that has waited longer than its app allows: to start, for its turn, or for a worker.

        One that waits to start is looked at a last time: nobody may have, while no worker ran.
        """
        job = self._store.find_job(job_id)
        if job is None or (job.start_by and (self._starting.look(job) or self._starting.extend(job))):
            return
        release = self._store.find_release(job.release_id or "") if job.start_by else None
        if release:
            self._end_wait(job, release)
        else:
            problem = refusals.waited_too_long(job)
            self._end(job, problem, actor=VERDIGRIS, reason=problem.document.title)

    def _end_wait(self, job: Job, release: Release) -> None:
        problem = refusals.start_condition_not_met(job, release).document
        why = f"{problem.title}: {problem.detail}"
        move = Move(release.id, frozenset({State.WAITING}), State.FAILED, VERDIGRIS, why)
        ending = self._queue.end_wait(job.id, problem=problem, moves=[move])
        if ending.status == "over":
            self._outbox.close_waiting(job.id)
        for offer in ending.offers:
            self._outbox.send(offer)

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

    def _accept(self, job: NewJob, *, looks_first: bool = False) -> Accepted:
        """Queue the job. In a clash a new release is answered with the job that stands for it.

        ``looks_first``: what waited for the end of a freeze goes first, also if no worker has looked since.
        """
        acceptance = self._queue.accept(job, looks_first=looks_first)
        if acceptance.status == "look":
            self._starting.look_at_all(job.app)
            acceptance = self._queue.accept(job)
        if acceptance.status == "accepted":
            if acceptance.offer:  # first: somebody waits for what it does, nobody for what is shown of it
                self._outbox.send(acceptance.offer)
            self._outbox.show_waiting(acceptance.job_id, app=job.app, tag=job.tag, release=job.release_id)
            for job_id in acceptance.gave_way:
                self._outbox.close_waiting(job_id)
            self._look_at_once(acceptance.job_id, job)
        if acceptance.status == "moved":  # only a retry brings moves, and another one was faster
            raise refusals.cannot_retry(self._get_release(job.release_id))
        if acceptance.status == "clash" and job.release is None:
            raise refusals.already_queued(job.app, job.kind, acceptance.job_id)
        return _accepted(acceptance)

    def _look_at_once(self, job_id: str, job: NewJob) -> None:
        """CI may have passed before the tag was pushed.

        What was accepted stands, also where Redis goes away by now: workers look again every few seconds.
        """
        with suppress(NotDurable):
            found = self._store.find_job(job_id) if job.wait else None
            if found:
                self._starting.look(found)

    def _may_migrate(self, app: str) -> bool:
        """Whether a contract migration may be due once the color is gone; the cluster knows for sure."""
        if not self._get_app(app).has_migration:
            return False
        live = [one for one in self._store.releases_on_a_color(app) if one.state is State.LIVE]
        return not live or live[-1].migration.is_due

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
