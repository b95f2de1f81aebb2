"""What the cluster shows, heard by watches: when a route names another color, when a pod is ready."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

from cluster import objects
from cluster.connection import Cluster
from cluster.errors import ClusterError
from cluster.watching import Selection, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

PATIENCE: Final = 60.0


class Sight:
    """Follows one kind of objects of a namespace in a thread, and notes when each state was heard of."""

    def __init__(self, kubeconfig: Path, kind: str, namespace: str) -> None:
        self._cluster = Cluster.connect(kubeconfig)
        self._selection = Selection(kind, namespace)
        self._heard: list[tuple[float, str, Mapping[str, Any]]] = []
        self._news = threading.Condition()
        self._ended = threading.Event()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._follow, name=f"sight of {kind}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._watch:
            self._watch.stop()
        self._thread.join(PATIENCE)

    def when(self, is_so: Callable[[str, Mapping[str, Any]], bool], *, after: float) -> float:
        """The moment of the first event after ``after`` that is so, waited for."""
        until = time.monotonic() + PATIENCE
        with self._news:
            while True:
                for at, kind, obj in self._heard:
                    if at >= after and is_so(kind, obj):
                        return at
                if not self._news.wait(until - time.monotonic()):
                    raise RuntimeError(f"not seen within {PATIENCE:.0f} s in {self._selection}")

    def forget(self) -> None:
        """What was heard so far is of no use any more."""
        with self._news:
            self._heard.clear()

    def _follow(self) -> None:
        """Each watch goes on where the one before ended: what happens in between is heard late, not never."""
        _, version = objects.list_objects(self._cluster, self._selection.kind, self._selection.namespace)
        while not self._ended.is_set():
            try:
                self._watch = Watch(self._cluster, self._selection, version)
                for kind, obj in self._watch:
                    version = objects.version_of(dict(obj))
                    self._take(kind, obj)
            except ClusterError:
                self._ended.wait(0.1)

    def _take(self, kind: str, obj: Mapping[str, Any]) -> None:
        with self._news:
            self._heard.append((time.perf_counter(), kind, obj))
            self._news.notify_all()


def leads_to(color: str) -> Callable[[str, Mapping[str, Any]], bool]:
    """Whether a VirtualService sends users to a color."""

    def is_so(kind: str, obj: Mapping[str, Any]) -> bool:
        return kind != "BOOKMARK" and obj["spec"]["http"][-1]["route"][0]["destination"]["subset"] == color

    return is_so


def is_new(kind: str, _obj: Mapping[str, Any]) -> bool:
    """Whether something was created."""
    return kind == "ADDED"


def is_ready(kind: str, obj: Mapping[str, Any]) -> bool:
    """Whether a pod is ready."""
    if kind == "BOOKMARK" or obj["metadata"].get("deletionTimestamp"):
        return False
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
