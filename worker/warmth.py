"""Keeps a process's connections to its clusters open, so that a switch after a quiet hour opens none.

API servers and what stands before them close a connection that is idle for a minute or so. To open one takes
two or three round trips and a handshake, and a switch begins by asking over several at the same time.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import structlog

from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cluster.connection import Cluster

log = structlog.get_logger(__name__)

INTERVAL: Final = 25.0
"""Seconds between two times: less than what proxies wait for."""

KEPT: Final = 5
"""As many as the first look at a switch uses (``tasks/ahead.py``)."""


class Warmth:
    """Asks each cluster something small now and then; ``clusters`` are asked for in the thread."""

    def __init__(
        self, clusters: Iterable[Callable[[], Cluster]], *, interval: float = INTERVAL, kept: int = KEPT
    ) -> None:
        self._clusters = tuple(clusters)
        self._interval = interval
        self._kept = kept
        self._ended = Event()
        self._thread = Thread(target=self._run, name="warmth", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own, which ends with the process."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            for cluster in self._clusters:
                self._keep(cluster)
            self._ended.wait(self._interval)

    def _keep(self, cluster: Callable[[], Cluster]) -> None:
        try:
            cluster().keep_open(self._kept)
        except Problem as problem:  # whoever needs the cluster tells of it
            log.debug("connections are not kept open", why=str(problem))
        except Exception:
            log.exception("connections are not kept open")
