"""A current picture of several kinds of objects: lists and watches, followed by threads, merged here.

It goes on after expired histories and lost connections, and says so. What the picture means is its
reader's business.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final, Self

from cluster import objects
from cluster.errors import Expired, Unavailable
from cluster.watching import Selection, Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from cluster.connection import Cluster
    from cluster.kinds import Object

PAUSE_AFTER_TROUBLE: Final = 1.0
PAUSE_BETWEEN_WATCHES: Final = 0.1  # should a server end each watch at once
JOIN_TIMEOUT: Final = 1.0


class Feed:
    """Follows selections, one of a kind each, while it is entered: ``with Feed(cluster, ...) as feed``."""

    def __init__(self, cluster: Cluster, *selections: Selection) -> None:
        """Nothing is asked before the ``with``."""
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._followers = [_Follower(cluster, chosen, lambda: self._news.put(None)) for chosen in selections]

    def __enter__(self) -> Self:
        for follower in self._followers:
            follower.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for follower in self._followers:
            follower.stop()
        for follower in self._followers:
            follower.join(timeout=JOIN_TIMEOUT)

    def wait(self, seconds: float) -> None:
        """Return at the next change, or after so long without one."""
        try:
            self._news.get(timeout=seconds)
            while True:
                self._news.get_nowait()
        except queue.Empty:
            return

    def find_objects(self, kind: str) -> list[Object] | None:
        """The objects of a kind as last seen; None before the first list."""
        return next(follower.picture() for follower in self._followers if follower.kind == kind)

    def check(self) -> None:
        """Complain about what no waiting mends.

        Raises:
            ClusterError: the cluster refuses to be watched, as with a missing permission.
        """
        for follower in self._followers:
            if follower.refusal:
                raise follower.refusal

    def find_trouble(self) -> Unavailable | None:
        """Why some of the picture may be old; None while everything is followed."""
        return next((follower.trouble for follower in self._followers if follower.trouble), None)


class _Follower(threading.Thread):
    """Follows one selection. Its picture is replaced whole, never changed, so that readers need no lock."""

    def __init__(self, cluster: Cluster, selection: Selection, tell: Callable[[], None]) -> None:
        super().__init__(name=f"follow {selection.kind}", daemon=True)
        self.kind = selection.kind
        self.trouble: Unavailable | None = None
        self.refusal: Exception | None = None
        self._cluster = cluster
        self._selection = selection
        self._tell = tell
        self._picture: dict[str, Object] | None = None
        self._watch: Watch | None = None
        self._stopped = threading.Event()

    def picture(self) -> list[Object] | None:
        """The objects as last seen; None before the first list."""
        return None if self._picture is None else list(self._picture.values())

    def stop(self) -> None:
        """Let the thread end: at once where it waits for news."""
        self._stopped.set()
        if self._watch:
            self._watch.stop()

    def run(self) -> None:
        """List, watch, and again after each end."""
        while not self._stopped.is_set():
            try:
                self._follow()
            except Expired:
                continue
            except Unavailable as error:
                self.trouble = error
                self._tell()
                self._stopped.wait(PAUSE_AFTER_TROUBLE)
            except Exception as error:  # noqa: BLE001 -- told to the thread that waits, which raises it
                self.refusal = error
                self._tell()
                return

    def _follow(self) -> None:
        chosen = self._selection
        items, version = objects.list_objects(
            self._cluster, chosen.kind, chosen.namespace, labels=chosen.labels, fields=chosen.fields
        )
        self._show({_identity(item): item for item in items})
        self.trouble = None
        while not self._stopped.is_set():
            version = self._watch_once(version)
            self._stopped.wait(PAUSE_BETWEEN_WATCHES)

    def _watch_once(self, version: str) -> str:
        """Follow one watch to its end; the version to go on from."""
        self._watch = Watch(self._cluster, self._selection, version)
        if self._stopped.is_set():  # stopped while it was opened: nobody else ends it
            self._watch.stop()
        for kind, obj in self._watch:
            version = objects.version_of(obj)
            self._take(kind, obj)
        return version

    def _take(self, kind: str, obj: Object) -> None:
        if kind == "BOOKMARK":
            return
        others = {key: value for key, value in (self._picture or {}).items() if key != _identity(obj)}
        self._show(others if kind == "DELETED" else {**others, _identity(obj): obj})

    def _show(self, picture: dict[str, Object]) -> None:
        self._picture = picture
        self._tell()


def _identity(obj: Object) -> str:
    return str(obj["metadata"]["uid"])
