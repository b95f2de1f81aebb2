"""Releases that wait before they go into their queue: for CI, or for their image.

The web process asks when a delivery tells of CI, workers ask again and again: whoever sees first that all
is there lets the release in, once. What it still waits for stands in its reason and in its log.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from release.ci import find_missing
from release.model import VERDIGRIS, StartWhen, State
from release.records import Move

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release.ci import Check
    from release.config import Config
    from release.freezes import Frozen
    from release.gate import Gate
    from release.model import Actor, Job, Release
    from release.outbox import Outbox
    from release.queue import Ending, Queue
    from release.store import Store


class Starting:
    """Lets releases go into their queue, or ends their wait."""

    def __init__(self, config: Config, store: Store, queue: Queue, outbox: Outbox, gate: Gate) -> None:
        self._config = config
        self._store = store
        self._queue = queue
        self._outbox = outbox
        self._gate = gate

    def note_checks(self, app: str, commit: str, checks: Iterable[Check]) -> list[str]:
        """Keep what CI says of a commit; the ids of the releases that go into their queue by it.

        Nothing is kept of a check that the app does not wait for.
        """
        required = self._config.apps[app].required_checks
        wanted = [check for check in checks if check.name in required]
        if not wanted:
            return []
        self._queue.note_checks(app, commit, wanted)
        return self.look_at_all(app)

    def look_at_all(self, app: str) -> list[str]:
        """Let in what may be of an app, in the order in which it came; the ids of the releases."""
        return [job.release_id for job in self._store.starting(app) if job.release_id and self.look(job)]

    def look(self, job: Job, release: Release | None = None) -> bool:
        """Let a job in whose checks have passed, or whose freeze is over; else tell what is missing.

        ``release``: the job's, where it was read just now. Whether an image is there is asked elsewhere
        (``worker.starter``). What CI says is kept before this is asked, and a release is recorded before this
        is asked: so one of the two sees the other.
        """
        release = release or self._store.find_release(job.release_id or "")
        app = self._config.find_app(job.app)
        if not release or not app:
            return False
        if release.start_when is StartWhen.FREEZE_ENDS:
            return self.start(job, reason="the freeze is over")
        if release.start_when is not StartWhen.CI_PASSED or not release.commit:
            return False
        missing = find_missing(app.required_checks, self._store.checks(job.app, release.commit))
        if missing:
            self.tell(job, missing)
            return False
        passed = "CI has passed" if app.required_checks else f"{job.app} names no required_checks any more"
        return self.start(job, reason=passed)

    def start(
        self,
        job: Job,
        *,
        reason: str,
        actor: Actor = VERDIGRIS,
        commit: str = "",
        image: str = "",
    ) -> bool:
        """Let a job into its queue, with the image that it waited for; False if it had begun or ended.

        By itself none starts in a freeze: what is known of its commit since is kept then, too, but not its
        image, which may be another one by the end.
        """
        frozen = self._gate.find_freeze(job.app)
        if frozen and actor == VERDIGRIS:
            self.tell(job, tell_freeze(frozen), commit=commit)
            return False
        fields = {"start_when": StartWhen.PUSHED.value, **_known(commit=commit, image=image)}
        move = Move(job.release_id or "", frozenset({State.WAITING}), State.QUEUED, actor, reason)
        ending = self._queue.start(job.id, moves=[move], fields=fields, is_past_freeze=frozen is not None)
        return self._send(ending)

    def postpone(self, job: Job, *, fence: int) -> bool:
        """Let a deploy wait whose turn comes in a freeze, as if it had come in it; False where none is on.

        Neither one that has begun waits, nor one that somebody started in a freeze.
        """
        frozen, app = self._gate.find_freeze(job.app), self._config.find_app(job.app)
        if not frozen or not app:
            return False
        reason = tell_freeze(frozen)
        ending = self._queue.postpone(
            job.id,
            fence=fence,
            moves=[Move(job.release_id or "", frozenset({State.QUEUED}), State.WAITING, VERDIGRIS, reason)],
            fields={"start_when": StartWhen.FREEZE_ENDS.value},
            patience=int(self._gate.find_delay(job.app) + app.deadlines.start),
            reason=reason,
        )
        self._send(ending)
        return ending.status == "postponed"

    def extend(self, job: Job) -> bool:
        """Give a job more time that waited through a freeze; False where none is on."""
        frozen, app = self._gate.find_freeze(job.app), self._config.find_app(job.app)
        if not frozen or not app:
            return False
        till = frozen.until + timedelta(seconds=app.deadlines.start)
        self._queue.wait(job.id, reason=tell_freeze(frozen), fields={}, till=till)
        return True

    def tell(self, job: Job, reason: str, *, commit: str = "", image: str = "") -> None:
        """Tell what a job still waits for, and keep what is known of its release since."""
        self._queue.wait(job.id, reason=reason, fields=_known(commit=commit, image=image))

    def _send(self, ending: Ending) -> bool:
        for offer in ending.offers:
            self._outbox.send(offer)
        return ending.status == "started"


def _known(**fields: str) -> dict[str, str]:
    """Those that are not empty: nothing that is known is forgotten."""
    return {name: value for name, value in fields.items() if value}


def tell_freeze(frozen: Frozen) -> str:
    """Why nothing starts now, in words."""
    why = f": {frozen.reason}" if frozen.reason else ""
    return f"waiting: the app is frozen until {frozen.tell_end()}{why}"
