"""The observer: looks at every app again and again, in a thread of a worker's main process.

What a look does is passed in: reading the app's state from its cluster for the pages (a copy only: no
decision is made from it), comparing its tags, promoting what is due, forgetting releases that are old.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import structlog

from release.problems import NotDurable, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

log = structlog.get_logger(__name__)

INTERVAL: Final = 10.0
"""Seconds between two looks at an app."""

STOP_SECONDS: Final = 2.0


class Observer:
    """Calls ``look`` for each app that ``choose`` leaves, over and over, in a thread."""

    def __init__(
        self,
        apps: Iterable[str],
        look: Callable[[str], None],
        *,
        interval: float = INTERVAL,
        choose: Callable[[Sequence[str]], Iterable[str]] = list,
    ) -> None:
        self._apps = tuple(apps)
        self._choose = choose
        self._look = look
        self._interval = interval
        self._ended = Event()
        self._thread = Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end. A look that is under way may outlast this: it is harmless, and the process ends."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def look_at_all(self) -> None:
        """One round; what goes wrong with one app is logged and does not keep the others from being read.

        A problem says in a line what to do. A traceback is for what nobody foresaw.
        """
        for app in self._chosen():
            if self._ended.is_set():
                return
            try:
                self._look(app)
            except NotDurable as error:
                log.warning("waiting for Redis", error=str(error))
            except Problem as problem:
                told = problem.document
                log.warning(
                    "the app could not be observed",
                    app=app,
                    problem=told.title,
                    detail=told.detail,
                    next_step=told.next_step,
                )
            except Exception:
                log.exception("an app could not be observed", app=app)

    def _chosen(self) -> list[str]:
        """All of them where that can't be found out: what is wrong is told of each then."""
        try:
            return list(self._choose(self._apps))
        except NotDurable as error:
            log.warning("waiting for Redis", error=str(error))
            return []
        except Exception:
            log.exception("an app could not be observed", app="")
            return list(self._apps)

    def _run(self) -> None:
        self.look_at_all()
        while not self._ended.wait(self._interval):
            self.look_at_all()
