"""The differ: keeps with each release that can go live what a promote of it would change.

Beside the stages and after them, never in their way: a release is looked at once its sanity has passed, and
again when something else has gone live. Whether anything happened is one question to Redis for all apps.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from release.configured_values import configured_values, take_fingerprints
from release.model import JobKind, State
from tasks.difference import base_of

if TYPE_CHECKING:
    from datetime import datetime

    from release.clock import Clock
    from release.config import Config
    from release.difference import Base, Difference
    from release.model import Release
    from release.store import Store

log = structlog.get_logger(__name__)

INTERVAL: Final = 1.0
"""Seconds between two looks whether anything happened."""

REST: Final = timedelta(seconds=60)
"""After which an app is looked at again that could not be compared, or that another worker was at."""

TRIED_AGAIN: Final = timedelta(minutes=5)
"""After which what could not be found out is asked for again."""

PROMOTABLE: Final = frozenset({State.READY, State.ROLLED_BACK})


class Find(Protocol):
    """What finds out: ``tasks.difference.find_difference``."""

    def __call__(self, release: Release, base: Base | None) -> Difference:
        """What a promote of the release changes against what is live."""


class Differ:
    """Looks after every app's releases; ``find`` asks Git."""

    def __init__(self, config: Config, store: Store, find: Find, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._find = find
        self._clock = clock
        self._seen: dict[str, int] = {}
        self._again: dict[str, datetime] = {}

    def look(self) -> None:
        """One look at each app in which something happened. Raises ``NotDurable`` while Redis is away.

        An app that makes trouble is left to rest, so that the others get their turn at the next look.
        """
        touched = self._store.events.touched()
        for app in self._config.apps:
            number = touched.get(app, 0)
            is_due = app in self._again and self._again[app] <= self._clock()
            if self._seen.get(app) == number and not is_due:
                continue
            self._again[app] = self._clock() + REST
            self._seen[app] = number
            if self._look_at(app):
                del self._again[app]

    def _look_at(self, app: str) -> bool:
        """Whether all is known that can be."""
        seen = self._store.observation(app)
        if seen is None or seen.problem:
            return True  # the next observation that says something new brings us back
        base = base_of(seen)
        wanted = [one for one in self._find_promotable(app) if base is None or one.id != base.release_id]
        known = {one.id: self._store.differences.find(one.id) for one in wanted}
        missing = [one for one in wanted if self._is_missing(one, base, known[one.id])]
        left = [one for one in known.values() if one and not one.is_final]
        if not missing:
            return not left
        with self._store.differences.leased(app) as is_ours:
            kept = [self._keep(release, base) for release in missing] if is_ours else [False]
        return all(kept)

    def _find_promotable(self, app: str) -> list[Release]:
        """Those that are ready or were rolled back, and the one that is on its way and past its sanity."""
        found = [one for one in self._store.releases_on_a_color(app) if one.state in PROMOTABLE]
        job = self._store.find_active(app)
        if job and job.kind is JobKind.DEPLOY and job.stage_index > 0 and job.release_id:
            release = self._store.find_release(job.release_id)
            found += [release] if release else []
        return [one for one in found if one.commit]

    def _is_missing(self, release: Release, base: Base | None, known: Difference | None) -> bool:
        if known is None or not known.is_of(base, release.commit):
            return True
        return not known.is_final and known.at + TRIED_AGAIN <= self._clock()

    def _keep(self, release: Release, base: Base | None) -> bool:
        known = self._store.differences.find(release.id)
        if known and not self._is_missing(release, base, known):
            return known.is_final  # another worker was faster
        app = self._config.apps[release.app]
        found = self._find(release, base)
        values = take_fingerprints(configured_values(app, release.color))
        self._store.differences.keep(release.id, release.app, found, values)
        if found.gaps:
            log.info("a difference has gaps", app=release.app, release=release.id, gaps=list(found.gaps))
        return found.is_final
