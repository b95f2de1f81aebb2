"""The starter: looks after releases that wait for CI or for their image, and lets them into their queue.

The web process does the same at once when a delivery tells of CI; here is what no delivery tells: the commit
of a tag whose delivery did not name it, images, and a delivery that was worked on while Redis went away.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import structlog

from release.model import StartWhen
from release.problems import NotDurable, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.config import App, Config
    from release.model import Job, Release
    from release.origins import Registry
    from release.starting import Starting
    from release.store import Store

log = structlog.get_logger(__name__)

INTERVAL: Final = 2.0
"""Seconds between two looks at the releases that wait."""

ASKED_EVERY: Final = 10
"""Seconds between two questions about one release to a Git host or a registry, by all workers together."""


LONGEST_REST: Final = 600
"""Seconds, whatever a registry says of when to ask it again."""


class Starter:
    """Asks for what a waiting release needs; ``resolve`` a tag's commit, ``find_digest`` of an image."""

    def __init__(
        self,
        config: Config,
        store: Store,
        starting: Starting,
        *,
        resolve: Callable[[str, str], str],
        find_digest: Callable[[str, Registry], str | None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._store = store
        self._starting = starting
        self._resolve = resolve
        self._find_digest = find_digest
        self._monotonic = monotonic
        self._rests: dict[str, float] = {}

    def look(self) -> None:
        """One look at each release that waits. Raises ``NotDurable`` while Redis is away.

        What goes wrong with one does not keep the others from starting.
        """
        waiting = []
        for job in self._store.starting():
            with _others_going_on(job):
                release = self._store.find_release(job.release_id or "")
                if release and not self._starting.look(job, release):
                    waiting.append((job, release))
        for job, release in waiting:  # only now: a host that is slow delays nobody who needs none
            with _others_going_on(job):
                self._ask(job, release)

    def _ask(self, job: Job, release: Release) -> None:
        """What only others know: asked by one worker at a time, and not too often.

        What they refuse, and that they are away, is told as what the release waits for: its deadline ends it.
        The app's others are not asked about for a while then, so that a host that is away holds nobody up.
        """
        app = self._config.find_app(job.app)
        if not app or self._rests.get(job.app, 0.0) > self._monotonic():
            return
        lacks_commit = release.start_when is StartWhen.CI_PASSED and not release.commit
        is_asked = lacks_commit or release.start_when is StartWhen.IMAGE_EXISTS
        if not is_asked or not self._store.spend(f"start {job.id}", seconds=ASKED_EVERY):
            return
        try:
            commit = release.commit or self._resolve(app.repository, release.tag)
            if lacks_commit:
                self._starting.tell(job, "waiting for CI", commit=commit)
            else:
                self._ask_registry(job, app, commit=commit)
        except Problem as problem:
            document = problem.document
            log.info("a release can't start yet", release=release.id, app=job.app, why=document.slug)
            told = getattr(problem, "retry_after", None) or ASKED_EVERY
            self._rests[job.app] = self._monotonic() + min(max(told, ASKED_EVERY), LONGEST_REST)
            self._starting.tell(job, f"waiting: {document.title}: {document.detail}; {document.next_step}")

    def _ask_registry(self, job: Job, app: App, *, commit: str) -> None:
        image = app.image_for(tag=job.tag, commit=commit)
        digest = self._find_digest(image, app.registry)
        if digest is None:
            reason = f"waiting for its image: {image} is not in the registry yet"
            self._starting.tell(job, reason, commit=commit, image=image)
        else:
            pinned = f"{image}@{digest}"
            self._starting.start(job, reason=f"its image is there: {digest}", commit=commit, image=pinned)


@contextmanager
def _others_going_on(job: Job) -> Iterator[None]:
    """Log what goes wrong with one release; Redis being away is everybody's."""
    try:
        yield
    except NotDurable:
        raise
    except Exception:
        log.exception("a waiting release could not be looked at", release=job.release_id, app=job.app)
