"""Jobs as they are asked for: what a request says, filled in with what the app's configuration says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ulid import ULID

from release import refusals
from release.jobs import Clash, NewJob, Superseding, Wait
from release.model import JobKind, Stage, StartWhen, State
from release.records import Move

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.config import App, Config
    from release.gate import Gate
    from release.jobs import NewRelease
    from release.model import Actor, Color, Release


class Drafts:
    """Makes jobs for configured apps; queues nothing."""

    def __init__(self, config: Config, gate: Gate) -> None:
        self._config = config
        self._gate = gate

    def deploy(self, release: NewRelease, *, seen: Mapping[str, int]) -> NewJob:
        """For a release that comes into being with its job; in a freeze it waits in any case."""
        wait = self._find_wait(release.app, release.start_when)
        if wait:
            release = replace(release, state=State.WAITING, start_when=wait.when)
        job = self._draft(
            release.app, JobKind.DEPLOY, release.tag, release.color, release.id, release.actor, release.reason
        )
        return replace(
            job,
            release=release,
            seen=seen,
            clash=_same_tag(JobKind.DEPLOY),
            supersedes=self._find_superseding(release),
            wait=wait,
        )

    def deploy_again(self, release: Release, *, actor: Actor, reason: str) -> NewJob:
        """For one that failed; one that had not come to its start waits again, as the app says now."""
        wait = self._find_wait(release.app, self.find_start(release))
        target = State.WAITING if wait else State.QUEUED
        why = reason or "retried: all stages again"
        move = Move(release.id, frozenset({State.FAILED}), target, actor, why)
        job = self._of(release, JobKind.DEPLOY, actor, reason)
        return replace(job, moves=(move,), clash=_same_tag(JobKind.DEPLOY), wait=wait)

    def find_start(self, release: Release) -> StartWhen:
        """What a release of the same commit waits for: nothing where this one had come to its start."""
        has_started = release.start_when in {StartWhen.PUSHED, StartWhen.FREEZE_ENDS}
        return StartWhen.PUSHED if has_started else self._config.apps[release.app].start_when

    def switch(
        self,
        release: Release,
        kind: JobKind,
        *,
        actor: Actor,
        reason: str,
        seen: Mapping[str, int] | None = None,
    ) -> NewJob:
        """A promote or a rollback; an app has one of each at a time."""
        job = self._of(release, kind, actor, reason)
        return replace(job, clash=Clash(frozenset({kind})), seen=seen or {})

    def decommission(
        self, app: str, color: Color, release: Release | None, *, migrates: bool, actor: Actor, reason: str
    ) -> NewJob:
        """Of a color, in which no release may be known to run; an app has one at a time."""
        kind, tag, release_id = JobKind.DECOMMISSION, *((release.tag, release.id) if release else ("", ""))
        job = self._draft(app, kind, tag, color, release_id, actor, reason)
        return replace(job, migrates=migrates, clash=Clash(frozenset({kind})))

    def _of(self, release: Release, kind: JobKind, actor: Actor, reason: str) -> NewJob:
        return self._draft(release.app, kind, release.tag, release.color, release.id, actor, reason)

    def _draft(
        self, app: str, kind: JobKind, tag: str, color: Color, release_id: str, actor: Actor, reason: str
    ) -> NewJob:
        configured = self._config.apps[app]
        return NewJob(
            id=str(ULID()),
            app=app,
            kind=kind,
            queue=self._config.queue_of(app, tag),
            color=color,
            release_id=release_id,
            tag=tag,
            actor=actor,
            reason=reason,
            once=_find_once(configured),
            patience=int(configured.deadlines.turn),
            keep_rollback_for=int(configured.keep_rollback_for),
        )

    def _find_superseding(self, release: NewRelease) -> Superseding | None:
        """What older waiting deploys are told, where the app says that they give way."""
        if self._config.apps[release.app].when_newer == "keep":
            return None
        problem = refusals.superseded(release.app, release.tag).document
        return Superseding(f"{release.tag} came before its turn", problem)

    def _find_wait(self, app: str, when: StartWhen) -> Wait | None:
        """What to wait for, and how long: the time of a freeze counts for nothing."""
        delay = self._gate.find_delay(app)
        if when is StartWhen.PUSHED and not delay:
            return None
        wanted = StartWhen.FREEZE_ENDS if when is StartWhen.PUSHED else when
        return Wait(wanted, int(delay + self._config.apps[app].deadlines.start))


def _find_once(app: App) -> Stage | None:
    """A migration that was lost half way is not repeated unless the app says that it may be.

    One that is a Job goes on without its worker: another one follows it.
    """
    return None if app.migrate_repeatable or app.migrate_job else Stage.MIGRATE


def _same_tag(kind: JobKind) -> Clash:
    return Clash(frozenset({kind}), same_tag=True)
