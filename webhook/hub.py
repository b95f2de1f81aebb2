"""Who listens: the one thread of a web process that reads what happens, and tells all open pages.

It asks Redis for all of them at once, and only while there are any. While Redis is away it goes on; then
every page hears that something may have changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Event as Alarm
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from release.events import BEGINNING
from release.problems import NotDurable
from webhook.output import lines_html, order
from webhook.streams import Stream, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from release.records import LogLine
    from webhook.services import Events

MOST_LISTENERS: Final = 100
"""In one process. Who comes later is told to ask again, as a page does that has no such connection."""
LISTEN: Final = 0.5
"""Seconds that Redis is asked to wait for something new. After so many, new pages are listened for too."""
CALM: Final = 0.3
"""Seconds between two notices to a page that something has changed: it asks for all of it each time."""
BEAT: Final = 5.0
"""Seconds between signs of life. With each, it is asked again whether the person may still listen."""
REST: Final = 1.0
"""Seconds until a Redis that is away is asked again."""


@dataclass(eq=False, slots=True)
class Listener:
    """An open page: of which apps it is told, and of which release's log the lines after ``last_line``.

    ``is_allowed`` says whether whoever opened it may still see that; it may raise ``NotDurable``. At first it
    is behind: nobody knows what happened since the page was made.
    """

    apps: frozenset[str]
    is_allowed: Callable[[], bool]
    release_id: str = ""
    last_line: str = "0"
    stream: Stream = field(default_factory=Stream)
    is_behind: bool = True
    told_at: float = 0.0

    def tell_change(self, now: float) -> None:
        """That something is new, unless that was told a moment ago."""
        if self.is_behind and now - self.told_at >= CALM:
            self.stream.push(frame("changed", "something"))
            self.is_behind, self.told_at = False, now

    def tell_lines(self, lines: Iterable[LogLine]) -> None:
        """Those that it does not have yet."""
        new = [line for line in lines if order(line.id) > order(self.last_line)]
        if new:
            self.last_line = new[-1].id
            self.stream.push(frame("lines", lines_html(new), event_id=self.last_line))


class Hub:
    """The open pages of one process. ``quick`` answers at once; ``slow`` may be waited for, by its thread."""

    def __init__(
        self,
        quick: Events,
        slow: Events | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST_LISTENERS,
    ) -> None:
        self._quick, self._slow = quick, slow or quick
        self._clock, self._most = clock, most
        self._listeners: set[Listener] = set()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._after = BEGINNING
        self._beat_at = 0.0
        self._alarm = Alarm()

    def join(self, listener: Listener) -> bool:
        """Tell a page from now on; False where there are too many already.

        Raises:
            NotDurable: what happened last can't be asked.
        """
        with self._lock:
            if len(self._listeners) >= self._most:
                return False
            if self._thread is None:
                self._after = self._quick.last_id()
                self._thread = Thread(target=self._run, name="live pages", daemon=True)
                self._thread.start()
            self._listeners.add(listener)
            return True

    def _run(self) -> None:
        try:
            while listeners := self._find_listeners():
                self._hear(listeners)
                self._beat(listeners)
        except BaseException:
            self._give_up()
            raise

    def _find_listeners(self) -> list[Listener]:
        """Those still there; when nobody is, the thread ends, and the next one begins another."""
        with self._lock:
            self._listeners = {one for one in self._listeners if not one.stream.is_over}
            if not self._listeners:
                self._thread = None
            return list(self._listeners)

    def _hear(self, listeners: list[Listener]) -> None:
        try:
            heard = self._slow.listen(
                after=self._after, logs=_cursors(listeners), wait=self._patience(listeners)
            )
        except NotDurable:
            for one in listeners:
                one.is_behind = True
            self._alarm.wait(REST)
            return
        touched = {event.app for event in heard.events}
        for one in listeners:
            one.is_behind = one.is_behind or not touched.isdisjoint(one.apps)
            one.tell_lines(heard.lines.get(one.release_id, ()))
            one.tell_change(self._clock())
        self._after = heard.events[-1].id if heard.events else self._after

    def _patience(self, listeners: list[Listener]) -> float:
        """Seconds until something is due without anything new."""
        due = [one.told_at + CALM - self._clock() for one in listeners if one.is_behind]
        return max(0.01, min([LISTEN, *due]))

    def _beat(self, listeners: list[Listener]) -> None:
        """Show that the connection stands, and end those of who may see it no more."""
        if self._clock() - self._beat_at < BEAT:
            return
        self._beat_at = self._clock()
        for one in listeners:
            if _is_still_allowed(one):
                one.stream.push(frame("beat", "alive"))
            else:
                one.stream.end()

    def _give_up(self) -> None:
        """After a mistake of ours: no page is left waiting for what nobody tells."""
        with self._lock:
            self._thread = None
            for one in self._listeners:
                one.stream.end()


def _cursors(listeners: list[Listener]) -> dict[str, str]:
    """From where on each log is read: from where the page is that has the least of it."""
    cursors: dict[str, str] = {}
    for one in listeners:
        if one.release_id:
            known = cursors.get(one.release_id, one.last_line)
            cursors[one.release_id] = min(known, one.last_line, key=order)
    return cursors


def _is_still_allowed(listener: Listener) -> bool:
    """Who can't be asked about just now stays: to end all pages would only make them all come again.

    The next beat asks again. What is told comes from the same Redis, so that hardly anything is until then.
    """
    try:
        return listener.is_allowed()
    except NotDurable:
        return True
