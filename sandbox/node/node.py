"""The sandbox's one node: runs every pod of the store, and answers for logs and for commands in them."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from sandbox.images import Images
from sandbox.node.command import ExecOutcome, Write
from sandbox.node.container import Container
from sandbox.node.log import Log
from sandbox.node.machine import Machine, PulledImages
from sandbox.node.pod import LOGS, NODE_NAME, PodWorker
from sandbox.node.port import Ports
from sandbox.recorder import Recorder
from sandbox.store import BadRequest, Event, EventType, NotFound, Object, Store

_LAST_GRACE = 2.0
_logger = logging.getLogger(__name__)


class Node:
    """Runs pods as local processes. Start it before pods are created, or after: it takes what it finds."""

    def __init__(
        self,
        store: Store,
        images: Images,
        directory: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`directory`: the sandbox's own; logs are kept under it."""
        self._store = store
        self._images = PulledImages(images)
        self._directory = directory.absolute()
        self._clock = clock
        self._machine: Machine | None = None
        self._workers: dict[str, PodWorker] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin to run pods: those that are there and those that come."""
        shutil.rmtree(self._directory / LOGS, ignore_errors=True)  # of a sandbox that was killed
        recorder = Recorder(self._store, "kubelet", host=NODE_NAME, clock=self._clock)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._machine = Machine(
            self._store, self._images, Ports(), session, recorder, self._directory, self._clock
        )
        self._unsubscribe = self._store.subscribe(self._hear)
        for pod in self._store.list("pods"):
            self._take(pod)

    async def stop(self) -> None:
        """End all processes, by force after two seconds. The pods' objects stay as they are."""
        self._unsubscribe()
        stops = [worker.stop(_LAST_GRACE) for worker in self._workers.values()]
        await asyncio.gather(*stops, *self._endings)
        if self._machine is not None:
            await self._machine.session.close()

    def log(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail_lines: int | None
    ) -> bytes:
        """What a container wrote.

        Raises:
            NotFound: there is no such pod.
            BadRequest: no such container, or it has no such log (yet).
        """
        return self._get_log(namespace, pod, container, previous=previous).read(tail_lines)

    async def follow_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int | None = None,
    ) -> AsyncIterator[bytes]:
        """What a container wrote and writes, until its process ends. Raises as `log` does."""
        async for part in self._get_log(namespace, pod, container, previous=previous).follow(tail_lines):
            yield part

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], write: Write
    ) -> ExecOutcome:
        """Run a command in a container; it is ended when the caller is cancelled.

        Raises:
            NotFound: there is no such pod.
            BadRequest: the pod has no such container.
        """
        return await self._get_container(namespace, pod, container).execute(command, write)

    def _get_log(self, namespace: str, pod: str, container: str, *, previous: bool) -> Log:
        found = self._get_container(namespace, pod, container)
        log = found.find_log(previous=previous)
        if log is not None:
            return log
        if previous:
            raise BadRequest(f'previous terminated container "{found.record.name}" in pod "{pod}" not found')
        reason = found.record.state.get("waiting", {}).get("reason", "ContainerCreating")
        why = "trying and failing to pull image" if "ImagePull" in reason else reason
        raise BadRequest(f'container "{found.record.name}" in pod "{pod}" is waiting to start: {why}')

    def _get_container(self, namespace: str, pod: str, name: str) -> Container:
        worker = self._workers.get(self._store.get("pods", namespace, pod)["metadata"]["uid"])
        if worker is None:
            raise NotFound("pods", pod)
        if not name and len(worker.containers) == 1:
            return worker.containers[0]
        for container in worker.containers:
            if container.record.name == name:
                return container
        raise BadRequest(f"container {name} is not valid for pod {pod}")

    def _hear(self, event: Event) -> None:
        if event.resource == "pods":
            self._hear_of_pod(event)
        elif event.resource in ("secrets", "configmaps"):
            for worker in self._workers.values():
                if worker.namespace == event.object["metadata"]["namespace"]:
                    worker.nudge()

    def _hear_of_pod(self, event: Event) -> None:
        worker = self._workers.get(event.object["metadata"]["uid"])
        if event.type is not EventType.DELETED:
            if worker is None:
                self._take(event.object)
            else:
                worker.notice(event.object)
        elif worker is not None and not worker.is_buried:
            self._keep(asyncio.create_task(worker.stop(0)))

    def _take(self, pod: Object) -> None:
        if self._machine is None or pod["spec"].get("nodeName", NODE_NAME) != NODE_NAME:
            return
        worker = PodWorker(pod, self._machine)
        uid = pod["metadata"]["uid"]
        self._workers[uid] = worker
        worker.start().add_done_callback(lambda task: self._forget(uid, task))

    def _forget(self, uid: str, task: asyncio.Task[None]) -> None:
        worker = self._workers.pop(uid)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _logger.error("%s: the node has lost it", task.get_name(), exc_info=error)
            worker.say("NodeFailed", f"The sandbox's node failed: {error!r}", warning=True)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
