"""The sandbox's API server, with or without its controllers and node, in a thread of the test's process."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from cluster.connection import Cluster
from sandbox.api.access import ADMIN
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.controllers import Controllers
from sandbox.images import Images
from sandbox.node import Node
from sandbox.store import Object, Store
from tests.integration.sandbox_cluster import Repository

NAMESPACE = "shop"
IMAGE = "registry.sandbox/shop"
DEADLINE = 30.0
TOKEN = "test-token"

T = TypeVar("T")


@dataclass
class Turn:
    """A turn of the tests': ``before_write`` runs at each check, ``ended`` is raised by the next pause."""

    fence: int = 7
    directs: int = 0
    before_write: Callable[[], None] = lambda: None
    ended: Exception | None = None
    waits: threading.Event = field(default_factory=threading.Event)
    logged: list[str] = field(default_factory=list)

    def check(self) -> None:
        self.before_write()

    def pause(self, seconds: float) -> None:
        if self.ended:
            raise self.ended
        self.waits.wait(seconds)  # never set: a wait that a test may end
        if self.ended:
            raise self.ended

    def log(self, text: str) -> None:
        self.logged.append(text)


class Standin:
    """Store and API server; ``run_pods`` adds what makes Deployments into processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(history=200)
        self.node = Node(self.store, Images(self._images(), folder / "sandbox"), folder / "sandbox")
        self.controllers = Controllers(self.store)
        self.server = ApiServer(self.store, self.node, {TOKEN: ADMIN})
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="standin", daemon=True)
        self._thread.start()

    def _images(self) -> Path:
        self.repository = Repository(self.folder / "repository")
        self.repository.release("v1")
        source = {
            "repository": str(self.folder / "repository" / ".git"),
            "command": ["python3", "-S", "app.py"],
        }
        file = self.folder / "images.yaml"
        file.write_text(yaml.safe_dump({"images": [{"name": IMAGE, **source}]}))
        return file

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def call(self, work: Callable[[], T]) -> T:
        """Do something in the server's loop, which is where the store may be touched."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE)

    def start(self, *, run_pods: bool) -> None:
        if run_pods:
            self.wait(self.node.start())
            self.wait(self.controllers.start())
        self.port = self.wait(self.server.start())
        self.call(lambda: self.store.create("namespaces", _namespace()))

    def stop(self, *, run_pods: bool) -> None:
        self.wait(self.server.stop())
        if run_pods:
            self.wait(self.controllers.stop())
            self.wait(self.node.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE)
        self.loop.close()

    def restart_server(self) -> None:
        """The API server goes away and comes back on its port; watches and kept connections end."""
        self.wait(self.server.stop())
        self.server = ApiServer(self.store, self.node, {TOKEN: ADMIN})
        self.wait(self.server.start(self.port))

    def connect(self) -> Cluster:
        kubeconfig = self.folder / "kubeconfig"
        write_kubeconfig(kubeconfig, f"http://127.0.0.1:{self.port}", TOKEN)
        return Cluster.connect(kubeconfig)


@contextmanager
def standin(folder: Path, *, run_pods: bool = False) -> Iterator[Standin]:
    made = Standin(folder)
    made.start(run_pods=run_pods)
    try:
        yield made
    finally:
        made.stop(run_pods=run_pods)


def _namespace() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE},
        "status": {"phase": "Active"},
    }


def deployment(
    name: str = "shop-green", *, tag: str = "v1", replicas: int | None = 1, mode: str = ""
) -> Object:
    """A manifest as rendering leaves it."""
    color = name.rpartition("-")[2]
    labels = {"app": "shop", "color": color, "workflow": f"01JD000000000000000000{tag.upper():0>4}"}
    container = {
        "name": "app",
        "image": f"{IMAGE}:{tag}",
        "ports": [{"containerPort": 3000}],
        "env": [{"name": "MODE", "value": mode}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 3000}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "selector": {"matchLabels": {"app": "shop", "color": color}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    }


def virtual_service(*entries: Object) -> Object:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "shop-blue-green", "namespace": NAMESPACE},
        "spec": {"hosts": ["*"], "gateways": ["shop-gateway"], "http": list(entries) or [default("blue")]},
    }


def default(subset: str) -> Object:
    return {"name": "shop-default", "route": [{"destination": {"host": "shop", "subset": subset}}]}


def destination_rule(*subsets: str) -> Object:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "shop-blue-green", "namespace": NAMESPACE},
        "spec": {
            "host": "shop",
            "subsets": [{"name": subset, "labels": {"color": subset}} for subset in subsets],
        },
    }
