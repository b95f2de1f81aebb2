"""A node without processes: every pod is ready after a moment, every command succeeds after another.

For campaigns of hundreds of releases, where real pods would only take the machine's time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sandbox.node.status import ContainerRecord, PodFacts, build_status
from sandbox.store import Event, EventType, NotFound, Object, Store, format_time
from tests.faults.journal import Command, Journal, now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from random import Random

    from sandbox.api.pods import Write as WriteOutput

PODS: Final = "pods"
LONGEST_START: Final = 0.3
LONGEST_COMMAND: Final = 0.2


@dataclass(frozen=True)
class Succeeded:
    """How every command ends here."""

    exit_code: int | None = 0
    error: str | None = None


class InstantNode:
    """Scheduler, kubelet and container runtime in one, all of them pretending."""

    def __init__(self, store: Store, journal: Journal, random: Random) -> None:
        self._store = store
        self._journal = journal
        self._random = random

    def start(self) -> None:
        """Hear of pods from now on."""
        self._store.subscribe(self._hear)

    def log(self, *_: str, previous: bool, tail_lines: int | None) -> bytes:
        """Nothing is ever printed here."""
        del previous, tail_lines
        return b""

    async def follow_log(
        self, *_: str, previous: bool = False, tail_lines: int | None = None
    ) -> AsyncIterator[bytes]:
        """The same nothing, as a stream."""
        yield self.log(previous=previous, tail_lines=tail_lines)

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], write: WriteOutput
    ) -> Succeeded:
        """Take a moment; note when it began and whether its caller stayed to the end."""
        del container, write
        found = self._store.get(PODS, namespace, pod)
        began, ended = now(), False
        try:
            await asyncio.sleep(self._random.uniform(0, LONGEST_COMMAND))
            ended = True
        finally:
            labels = found["metadata"]["labels"]
            text = " ".join(command)
            self._journal.add(
                Command(began, now(), labels["app"], pod, labels.get("workflow", ""), text, ended)
            )
        return Succeeded()

    def _hear(self, event: Event) -> None:
        if event.resource != PODS or event.type is EventType.DELETED:
            return
        metadata = event.object["metadata"]
        where = metadata["namespace"], metadata["name"]
        loop = asyncio.get_running_loop()
        if metadata.get("deletionTimestamp"):
            loop.call_soon(self._remove, *where)
        elif event.type is EventType.ADDED:
            loop.call_later(self._random.uniform(0, LONGEST_START), self._make_ready, *where)

    def _remove(self, namespace: str, name: str) -> None:
        try:
            self._store.delete(PODS, namespace, name)
        except NotFound:
            return  # told twice of the same deletion

    def _make_ready(self, namespace: str, name: str) -> None:
        pod = self._store.find(PODS, namespace, name)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        pod["spec"]["nodeName"] = "instant"
        pod["status"] = ready_status(pod)
        self._store.update(PODS, pod)


def ready_status(pod: Object) -> Object:
    """The status of a pod whose containers all run and are ready."""
    moment = format_time(datetime.now(UTC))
    records = [
        ContainerRecord(
            name=container["name"],
            image=container["image"],
            state={"running": {"startedAt": moment}},
            is_ready=True,
            is_started=True,
            container_id=f"instant://{pod['metadata']['uid']}",
        )
        for container in pod["spec"]["containers"]
    ]
    return build_status(pod, PodFacts(started=moment), records, now=moment)
