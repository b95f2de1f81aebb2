"""Looking at apps again and again, and what has changed. A server that is away is asked until it is back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cli.changes import JOB, Seen, compare
from cli.failures import Away, Refusal
from cli.glance import take_glance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cli.client import Client, Json
    from cli.glance import Glance
    from cli.surroundings import Surroundings

KEPT: Final = 200
LONGEST_PAUSE: Final = 10.0
"""Seconds between two tries, whatever a server that is away asks for."""


@dataclass
class Watch:
    """What was seen so far: ``glance`` is the last answer, ``away`` why none came since ``away_since``.

    ``latest`` is what has changed since the first look.
    """

    client: Client
    surroundings: Surroundings
    app: str | None
    interval: float
    glance: Glance | None = None
    glanced_at: datetime | None = None
    away: Away | None = None
    away_since: datetime | None = None
    latest: deque[Seen] = field(default_factory=lambda: deque(maxlen=KEPT))

    def run(self) -> Iterator[Seen]:
        """Each change as it is seen, beginning with how things are.

        Raises:
            Failure: the server refused; or it can't be reached at the very first look.
        """
        while True:
            is_first = self.glance is None
            for seen in self._look():
                if not is_first:
                    self.latest.append(seen)
                yield seen
            pause = self.away.retry_after if self.away else 0.0
            self.surroundings.pause(max(self.interval, min(pause, LONGEST_PAUSE)))

    def _look(self) -> list[Seen]:
        try:
            glance = take_glance(self.client.get, self.app, here=self.surroundings.now())
            found = self._accept(glance)
        except Away as away:
            if self.glance is None:
                raise
            return self._lose(away)
        return [*self._come_back(), *found]

    def _accept(self, glance: Glance) -> list[Seen]:
        before = self.glance.apps if self.glance else []
        found = list(compare(before, glance.apps, self._time()))
        ended = [self._tell_end(one) if one.what == JOB and one.after is None else one for one in found]
        self.glance, self.glanced_at = glance, self.surroundings.now()
        return ended

    def _tell_end(self, seen: Seen) -> Seen:
        """How a job ended that stands in no queue any more."""
        try:
            job: Json = self.client.get("jobs", seen.job or "")
        except Refusal:
            words = f"{seen.before}: forgotten"
        else:
            why = f": {job['problem']['title']}" if job["problem"] else ""
            words = f"{job['kind']} {job['tag']}: {job['state']}{why}"
        return Seen(seen.at, seen.app, seen.what, seen.before, words, seen.job)

    def _lose(self, away: Away) -> list[Seen]:
        is_news = self.away is None
        self.away = away
        if not is_news:
            return []
        self.away_since = self.surroundings.now()
        return [Seen(self._time(), None, "server", "there", f"{away.message}; trying again")]

    def _come_back(self) -> list[Seen]:
        if self.away is None:
            return []
        self.away = self.away_since = None
        return [Seen(self._time(), None, "server", "away", "the server is back")]

    def _time(self) -> str:
        return self.surroundings.now().isoformat(timespec="milliseconds")
