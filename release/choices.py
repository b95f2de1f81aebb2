"""Which release, or which color, a request is about, by what Redis knows. A refusal is a ``Problem``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release import refusals
from release.model import JobKind, State

if TYPE_CHECKING:
    from release.model import Color, Job, Release
    from release.observation import Observation
    from release.store import Store


SWITCHES: Final = frozenset({JobKind.PROMOTE, JobKind.ROLLBACK})


class Choices:
    """Reads what is known and chooses; changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def promotion(self, app: str, named: Release | None) -> Release:
        """What a promote is about: the release named, else the one that is ready."""
        if named:
            if named.app != app or named.state not in {State.READY, State.ROLLED_BACK}:
                raise refusals.cannot_promote(named, app)
            return named
        ready = [one for one in self._store.releases_on_a_color(app) if one.state is State.READY]
        if not ready:
            raise refusals.nothing_ready(app, self._find_rolled_back(app))
        return ready[-1]

    def standby(self, app: str, release_id: str | None) -> Release:
        """Where a rollback leads: to the release named, else to the one that is on standby."""
        standby = [one for one in self._store.releases_on_a_color(app) if one.state is State.STANDBY]
        chosen = [one for one in standby if release_id in {None, one.id}]
        if not chosen:
            raise refusals.nothing_on_standby(app, release_id, self._find_rolled_back(app))
        return chosen[-1]

    def _find_rolled_back(self, app: str) -> Release | None:
        """The release that users were moved away from and whose pods still run."""
        away = [one for one in self._store.releases_on_a_color(app) if one.state is State.ROLLED_BACK]
        return away[-1] if away else None

    def find_running_deploy(self, app: str, color: Color) -> Job | None:
        """The deploy that is taking a color, if one is on its way."""
        job = self._store.find_active(app)
        if job is None or job.state.is_over or job.kind is not JobKind.DEPLOY:
            return None
        return job if job.color is color else None

    def idle_color(self, app: str) -> Color:
        """The color that no user is on, as the cluster was last seen, else as our records have it."""
        observation = self._find_observation(app)
        if observation and observation.live:
            return observation.live.other
        live = [one for one in self._store.releases_on_a_color(app) if one.state is State.LIVE]
        if not live:
            raise refusals.nothing_live(app)
        return live[-1].color.other

    def _find_observation(self, app: str) -> Observation | None:
        """The last look at the cluster, unless users were moved since: our records know that first."""
        observation = self._store.observation(app)
        switches = (job for job in self._store.recent_jobs(app) if job.kind in SWITCHES and job.ended_at)
        last = next(switches, None)
        is_old = observation and last and last.ended_at and observation.at < last.ended_at
        return None if is_old else observation

    def find_latest(self, app: str, color: Color) -> Release | None:
        """The release that a decommission is about: the one seen there, else the newest that got to pods."""
        observation = self._find_observation(app)
        if observation and not observation.problem and not observation.color(color).exists:
            return None
        seen = observation.color(color).release if observation else None
        if seen and (found := self._store.find_release(seen)):
            return found
        touched = {State.FAILED, State.CANCELLED, State.READY, State.STANDBY, State.ROLLED_BACK}
        ours = (one for one in self._store.releases(app) if one.color is color and one.state in touched)
        return next(ours, None)
