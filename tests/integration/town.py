"""A whole stand-in cluster in a thread of the tests' process: store, controllers, pods, API server, Envoy.

One per test process; every test has a namespace and a host name of its own. What is written is heard here in
its order, so that a test can look at every state in between.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from cluster.connection import Cluster
from sandbox.api.access import ADMIN
from sandbox.api.errors import ApiError
from sandbox.api.namespaces import add_namespace
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.controllers import Controllers
from sandbox.gateway import Gateway
from sandbox.images import Images
from sandbox.node import Node
from sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from sandbox.store import Event

DEADLINE = 30.0
TOKEN = "town-token"

T = TypeVar("T")


class Town:
    """The sandbox's pieces, put together as ``sandbox.main`` does, with the store within reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store()
        self.gateway = Gateway(self.store, directory=folder / "gateway")
        self._images = folder / "images.yaml"
        self._sources: list[dict[str, Any]] = []
        self.node = Node(self.store, Images(self._images, folder / "node"), folder / "node")
        self.controllers = Controllers(self.store)
        self.server = ApiServer(self.store, self.node, {TOKEN: ADMIN})
        self.address = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="town", daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def start(self) -> None:
        self._images.write_text(yaml.safe_dump({"images": []}))
        self._thread.start()
        self.address = f"http://127.0.0.1:{self.wait(self.gateway.start())}"
        self.wait(self.node.start())
        self.wait(self.controllers.start())
        port = self.wait(self.server.start())
        write_kubeconfig(self.folder / "kubeconfig", f"http://127.0.0.1:{port}", TOKEN)

    def stop(self) -> None:
        for piece in (self.server, self.controllers, self.node, self.gateway):
            self.wait(piece.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE)

    def call(self, work: Callable[[], T]) -> T:
        """Do something in the loop, which is where the store may be touched."""

        async def run() -> T:
            return work()

        return self.wait(run())

    def connect(self) -> Cluster:
        return Cluster.connect(self.folder / "kubeconfig")

    def add_image(self, name: str, repository: Path, command: list[str]) -> None:
        """Teach the registry an image whose tags are a repository's."""
        self._sources.append({"name": name, "repository": str(repository), "command": command})
        fresh = self._images.with_suffix(".new")
        fresh.write_text(yaml.safe_dump({"images": self._sources}))
        fresh.replace(self._images)

    def add_namespace(self, name: str) -> None:
        self.call(lambda: add_namespace(self.store, name))

    @contextmanager
    def outage(self, requests: int) -> Iterator[None]:
        """The API server answers the next requests, whosever they are, with "later"."""
        left = [requests]

        async def refuse(_: object) -> ApiError | None:
            left[0] -= 1
            return ApiError(503, "ServiceUnavailable", "the server is starting") if left[0] >= 0 else None

        self.server.fault = refuse
        try:
            yield
        finally:
            self.server.fault = None
            assert left[0] < 0, "the outage was not over before the end"

    def hear(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call a listener after every write; returns what ends it."""
        return self.call(lambda: self.store.subscribe(listener))


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    made = Town(folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()
