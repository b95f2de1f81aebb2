"""What the pods of a Job print, line by line: one thread for each run of a container.

A stream that breaks, or is silent for longer than a connection may be, is opened again behind what was heard.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

import urllib3

from cluster.channels import Lines
from cluster.errors import ClusterError, NotFound, Unavailable
from cluster.kinds import Ref, object_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from cluster.connection import Cluster
    from cluster.kinds import Object

PAUSE: Final = 0.5
"""Seconds before a stream is opened again."""

LAST_WORDS: Final = 10.0
"""Seconds for which what is left of the output is waited for, once the Job is over."""

JOIN_TIMEOUT: Final = 1.0

Run = tuple[str, str, str, int]
"""Namespace, pod, container, and how often it was restarted before."""


class Readers:
    """Hears every run of every container that it is shown, while it is entered."""

    def __init__(self, cluster: Cluster, tell: Callable[[str], None]) -> None:
        """``tell`` hears each line, from several threads."""
        self._cluster = cluster
        self._tell = tell
        self._readers: dict[Run, _Reader] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self._readers.values():
            reader.stop()
        for reader in self._readers.values():
            reader.join(timeout=JOIN_TIMEOUT)

    def follow(self, pods: Iterable[Object]) -> None:
        """Begin to hear what is new."""
        for pod in pods:
            containers = pod["spec"].get("containers") or []
            for run in runs_of(pod):
                if run not in self._readers:
                    name = f"{run[1]}/{run[2]}: " if len(containers) > 1 else ""
                    self._readers[run] = _Reader(self._cluster, run, self._prefixed(name))
                    self._readers[run].start()

    def finish(self) -> None:
        """Wait for what is left: every container that was shown has ended."""
        for reader in self._readers.values():
            reader.join(timeout=LAST_WORDS)

    def _prefixed(self, name: str) -> Callable[[str], None]:
        return lambda line: self._tell(f"{name}{line}")


def runs_of(pod: Object) -> Iterator[Run]:
    """The runs that have begun; while a restart is waited for, the log is that of the run before."""
    status = pod.get("status") or {}
    place = (pod["metadata"]["namespace"], pod["metadata"]["name"])
    for field in ("initContainerStatuses", "containerStatuses"):
        for one in status.get(field) or []:
            state, restarts = one.get("state") or {}, one.get("restartCount", 0)
            has_run = "waiting" not in state or "terminated" in (one.get("lastState") or {})
            if state and has_run:
                yield (*place, one["name"], restarts)


class _Reader(threading.Thread):
    """Follows the log of one run. ``_heard`` lines are not told again when the stream is opened anew."""

    def __init__(self, cluster: Cluster, run: Run, tell: Callable[[str], None]) -> None:
        super().__init__(name=f"log of {run[1]}", daemon=True)
        self._cluster = cluster
        self._run = run
        self._tell = tell
        self._heard = 0
        self._skipped = 0
        self._stopped = threading.Event()
        self._answer: urllib3.BaseHTTPResponse | None = None

    def stop(self) -> None:
        """Let the thread end, also where it waits for output."""
        self._stopped.set()
        answer = self._answer
        if answer is not None:
            try:
                answer.shutdown()
            except (OSError, ValueError, RuntimeError):
                return  # it ended by itself in the meantime

    def run(self) -> None:
        """Listen to the end of the container's run."""
        while not self._stopped.is_set():
            try:
                self._listen()
            except (Unavailable, urllib3.exceptions.HTTPError):
                self._stopped.wait(PAUSE)
            except NotFound:
                return  # the pod is gone, and its output with it
            except ClusterError as error:
                self._tell(f"(the output can't be read: {error.message})")
                return
            else:
                return

    def _listen(self) -> None:
        namespace, pod, container, _ = self._run
        query = {"container": container, "follow": "true"}
        path = f"{object_path(Ref('Pod', namespace, pod))}/log"
        self._skipped = 0
        with self._cluster.stream(path, query=query) as answer:
            self._answer = answer
            lines = Lines(self._hear)
            for part in answer.stream():
                lines.feed(part)
            if not self._stopped.is_set():
                lines.close()

    def _hear(self, line: str) -> None:
        if self._skipped < self._heard:
            self._skipped += 1
            return
        self._heard = self._skipped = self._heard + 1
        self._tell(line)
