"""Puts the sandbox together: store, controllers, node, API server, gateway; and takes it apart again.

The only place that knows all of its pieces. How each works stays with it.
"""

import asyncio
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.api.access import ADMIN
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.controllers import Controllers
from sandbox.gateway import Gateway
from sandbox.images import Images
from sandbox.node import Node
from sandbox.store import Object, Store

ENDPOINTS_FILE = "sandbox.json"
KUBECONFIG_FILE = "kubeconfig"


class SandboxError(Exception):
    """The sandbox can't run here. The message says why, and what to do."""


@dataclass(frozen=True)
class Settings:
    """What a sandbox is started with. Ports of 0 ask for free ones."""

    directory: Path  # everything it writes lies below
    api_port: int = 0
    gateway_port: int = 0
    images: Path | None = None  # the registry: see sandbox/images.py
    namespaces: tuple[str, ...] = ()  # besides `default`
    token: str | None = None  # the administrator's; None makes a fresh one


@dataclass(frozen=True)
class Endpoints:
    """Where a running sandbox is found."""

    kubeconfig: Path
    api: str
    gateway: str


async def serve(settings: Settings, on_ready: Callable[[Endpoints], None]) -> None:
    """Run a sandbox until cancelled. Afterwards none of its processes is left.

    Raises:
        SandboxError: another sandbox runs in the directory, or a port is taken.
        GatewayError: Envoy can't be started.
    """
    directory = settings.directory.absolute()
    with _sole_use(directory):
        async with AsyncExitStack() as running:
            on_ready(await _start(settings, directory, running))
            await asyncio.Event().wait()


async def _start(settings: Settings, directory: Path, running: AsyncExitStack) -> Endpoints:
    """Start piece by piece; `running` stops them in reverse, the API server first of all."""
    store = Store()
    gateway = Gateway(store, directory=directory / "gateway")
    gateway_port = await gateway.start(settings.gateway_port)
    running.push_async_callback(gateway.stop)
    node = Node(store, Images(settings.images, directory), directory)
    await node.start()
    running.push_async_callback(node.stop)
    controllers = Controllers(store)
    await controllers.start()
    running.push_async_callback(controllers.stop)
    token = settings.token or secrets.token_urlsafe(32)
    api = ApiServer(store, node, {token: ADMIN})
    for name in settings.namespaces:
        if store.find("namespaces", "", name) is None:  # the API server brings some of its own
            store.create("namespaces", _namespace(name))
    api_port = await _start_api(api, settings.api_port)
    running.push_async_callback(api.stop)
    return _announce(directory, api_port, gateway_port, token, running)


async def _start_api(api: ApiServer, port: int) -> int:
    try:
        return await api.start(port)
    except OSError as error:
        raise SandboxError(
            f"The API server can't listen on 127.0.0.1:{port}: {error.strerror}. Choose another --api-port, "
            "or leave it out for a free one."
        ) from error


def _announce(
    directory: Path, api_port: int, gateway_port: int, token: str, running: AsyncExitStack
) -> Endpoints:
    """Write the kubeconfig and the endpoints; both go when the sandbox goes.

    The process id tells a reader whose they are: a sandbox that was killed leaves its files behind.
    """
    endpoints = Endpoints(
        kubeconfig=directory / KUBECONFIG_FILE,
        api=f"http://127.0.0.1:{api_port}",
        gateway=f"http://127.0.0.1:{gateway_port}",
    )
    announced = directory / ENDPOINTS_FILE
    for path in (endpoints.kubeconfig, announced):
        running.callback(path.unlink, missing_ok=True)
    write_kubeconfig(endpoints.kubeconfig, endpoints.api, token)
    fresh = announced.with_name(f".{announced.name}.new")
    fresh.write_text(json.dumps({**asdict(endpoints), "pid": os.getpid()}, default=str, indent=1))
    fresh.replace(announced)
    return endpoints


@contextmanager
def _sole_use(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the system lets go of it even after a kill."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SandboxError(
                f"Another sandbox runs in {directory}. Stop it, or choose another --directory."
            ) from None
        for stale in (ENDPOINTS_FILE, KUBECONFIG_FILE):  # of a sandbox that was killed
            (directory / stale).unlink(missing_ok=True)
        yield


def _namespace(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }
