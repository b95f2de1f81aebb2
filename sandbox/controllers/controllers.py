"""Runs the controllers: hears the store's events, queues the objects concerned, reconciles one at a time."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

from sandbox.controllers.deployment import DeploymentController
from sandbox.controllers.endpoints import EndpointSliceController
from sandbox.controllers.garbage import GarbageCollector
from sandbox.controllers.job import JobController
from sandbox.controllers.ownership import DEPENDENTS, DEPLOYMENTS, JOBS, SERVICES
from sandbox.controllers.queue import Key, Queue
from sandbox.controllers.replicaset import ReplicaSetController
from sandbox.store import Event, EventType, Store

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_logger = logging.getLogger(__name__)


class Controller(Protocol):
    """Brings one kind of object to where its spec wants it."""

    name: str

    def concerned(self, event: Event) -> Iterable[Key]:
        """The objects of this controller that an event may concern."""

    def reconcile(self, key: Key) -> None:
        """Take the next steps for one object. Called again whenever something about it changes."""


class Controllers:
    """All controllers on one queue. Each step is synchronous, so that no two of them ever interleave."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._queue = Queue()
        self._failures: dict[tuple[str, Key], int] = {}
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._controllers: dict[str, Controller] = {
            controller.name: controller
            for controller in (
                DeploymentController(store, self._queue, clock),
                ReplicaSetController(store, self._queue, clock),
                JobController(store, self._queue, clock),
                EndpointSliceController(store),
                GarbageCollector(store, clock),
            )
        }

    async def start(self) -> None:
        """Begin with everything that is there."""
        self._unsubscribe = self._store.subscribe(self._hear)
        for resource in (DEPLOYMENTS, JOBS, SERVICES, *DEPENDENTS):
            for obj in self._store.list(resource):
                self._hear(Event(EventType.ADDED, resource, obj, self._store.revision))
        self._task = asyncio.create_task(self._work(), name="controllers")

    async def stop(self) -> None:
        """Stop where it stands; objects and pods stay as they are."""
        self._unsubscribe()
        self._queue.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def _hear(self, event: Event) -> None:
        for controller in self._controllers.values():
            for key in controller.concerned(event):
                self._queue.add(controller.name, key)

    async def _work(self) -> None:
        while True:
            name, key = await self._queue.take()
            self._reconcile(name, key)
            await asyncio.sleep(0)  # a long queue must not keep the API server and the node waiting

    def _reconcile(self, name: str, key: Key) -> None:
        """One step. An object that can't be handled must not stop the others: it is tried again later."""
        try:
            self._controllers[name].reconcile(key)
        except Exception:
            failures = self._failures[name, key] = self._failures.get((name, key), 0) + 1
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**failures)
            _logger.exception("%s %s/%s failed; tried again in %.1f s", name, *key[1:], pause)
            self._queue.add_later(name, key, pause)
        else:
            self._failures.pop((name, key), None)
