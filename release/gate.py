"""What an app's rules let through now: freezes, approvals, and promotes that come by themselves.

The rules stand in the configuration, what people said in Redis; here they meet. Rollback never asks here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from release import refusals, rule_refusals
from release.approvals import Decision, check_promotion, find_pushers, judge
from release.auto_promotion import find_due, find_put_off
from release.clock import utc_now
from release.freezes import find_freeze
from release.model import VERDIGRIS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.approvals import Verdict
    from release.auto_promotion import Countdown
    from release.clock import Clock
    from release.config import App, Config
    from release.freezes import Frozen
    from release.model import Actor, Release
    from release.problems import Problem
    from release.store import Store


class Gate:
    """Asks the rules of configured apps; changes nothing."""

    def __init__(self, config: Config, store: Store, clock: Clock = utc_now) -> None:
        self._config = config
        self._store = store
        self._clock = clock

    def find_freeze(self, app: str) -> Frozen | None:
        """The freeze that is on; None also for an app that is not configured any more."""
        configured = self._config.find_app(app)
        return find_freeze(configured.freezes, self._clock()) if configured else None

    def find_delay(self, app: str) -> float:
        """For how many seconds from now a freeze keeps an app's deploys waiting; 0 without one."""
        frozen = self.find_freeze(app)
        return (frozen.until - self._clock()).total_seconds() if frozen else 0.0

    def judge(self, release: Release) -> Verdict:
        """What people have said to a release; a rejection holds for its redeploys, too."""
        earlier = [vote for old in self._find_earlier(release) for vote in self._store.consent.votes(old.id)]
        rejections = [vote for vote in earlier if vote.decision is Decision.REJECT]
        return judge(
            self._get_app(release.app).promote.approvals,
            [*rejections, *self._store.consent.votes(release.id)],
            pushers=self.find_pushers(release),
            people=self._config.people,
        )

    def _find_earlier(self, release: Release) -> Iterator[Release]:
        """What a release is a redeploy of, and what that is one of; as far as it is known."""
        seen = {release.id}
        while release.redeploy_of and release.redeploy_of not in seen:
            found = self._store.find_release(release.redeploy_of)
            if found is None:
                return
            seen.add(found.id)
            yield found
            release = found

    def find_pushers(self, release: Release) -> tuple[Actor, ...]:
        """Who brought the commit of a release."""
        return find_pushers(release, self._store.find_release)

    def check_promote(self, release: Release, *, actor: Actor, overrides_freeze: bool, reason: str) -> None:
        """Refuse a promote that the app's rules don't let through now.

        Raises:
            Problem: the app is frozen and nobody overrides it with a reason; people have not agreed; or it is
                not this actor's to promote.
        """
        if frozen := self.find_freeze(release.app):
            self.check_override(
                rule_refusals.app_frozen(release, frozen), is_wanted=overrides_freeze, reason=reason
            )
        self.check_consent(release, actor=actor)

    def check_override(self, refusal: Problem, *, is_wanted: bool, reason: str) -> None:
        """Go past a freeze only where somebody wants to, and says why.

        Raises:
            Problem: the refusal itself, or that the reason is missing.
        """
        if not is_wanted:
            raise refusal
        if not reason.strip():
            raise refusals.reason_missing(refusal.document)

    def check_consent(self, release: Release, *, actor: Actor) -> None:
        """Refuse what people have not agreed to, or stopped.

        Raises:
            Problem: the release was rejected, approvals are missing, the actor pushed its tag; or its promote
                comes by itself, and somebody stopped that.
        """
        check_promotion(
            release,
            self._get_app(release.app).promote,
            self.judge(release),
            actor=actor,
            pushers=self.find_pushers(release),
            people=self._config.people,
        )
        stop = self._store.consent.find_stop(release.id) if actor == VERDIGRIS else None
        if stop:
            raise rule_refusals.stopped(release, stop.actor, stop.reason)

    def check_not_frozen(self, release: Release, *, actor: Actor) -> None:
        """Keep a promote that comes by itself out of a freeze, whenever that began.

        Somebody's own was let through when it was asked for, before the freeze or past it.

        Raises:
            Problem: the app is frozen.
        """
        frozen = self.find_freeze(release.app) if actor == VERDIGRIS else None
        if frozen:
            raise rule_refusals.app_frozen(release, frozen)

    def count_down(self, release: Release) -> Countdown | None:
        """The countdown to the promote of a release that comes by itself, if one runs."""
        app = self._get_app(release.app)
        if app.auto_promote is None:
            return None
        return find_due(
            release,
            app.auto_promote,
            now=self._clock(),
            freezes=app.freezes,
            verdict=self.judge(release),
            stop=self._store.consent.find_stop(release.id),
            jobs=self._store.jobs_of(release.id),
        )

    def name_promote(self, release: Release) -> str:
        """What its promote by itself is known by: it comes once, and again after each that was put off."""
        put_off = find_put_off(self._store.jobs_of(release.id))
        return f"auto-promote:{release.id}:{len(put_off)}"

    def _get_app(self, app: str) -> App:
        return self._config.apps[app]
