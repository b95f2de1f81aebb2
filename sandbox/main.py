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
from sandbox.api.namespaces import add_namespace
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.api.usage import Usage
from sandbox.api.users import User, service_account
from sandbox.controllers import Controllers
from sandbox.gateway import Gateway
from sandbox.images import Images
from sandbox.node import Node
from sandbox.seeds import SeedError, plant
from sandbox.store import Store

ENDPOINTS_FILE = "sandbox.json"
KUBECONFIG_FILE = "kubeconfig"
USAGE_FILE = "permissions.jsonl"


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
    objects: Path | None = None  # YAML: what is in the cluster from the start
    accounts: tuple[str, ...] = ()  # NAMESPACE/NAME of service accounts that get a kubeconfig


@dataclass(frozen=True)
class Endpoints:
    """Where a running sandbox is found."""

    kubeconfig: Path
    api: str
    gateway: str


def kubeconfig_of(directory: Path, account: str) -> Path:
    """Where the kubeconfig of a service account, NAMESPACE/NAME, is found."""
    return directory / f"{KUBECONFIG_FILE}-{account.replace('/', '-')}"


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
    tokens = {secrets.token_urlsafe(32): account for account in settings.accounts}
    token = settings.token or secrets.token_urlsafe(32)
    users = {token: ADMIN, **{key: _parse_account(account) for key, account in tokens.items()}}
    api = ApiServer(store, node, users, usage=Usage(directory / USAGE_FILE))
    _fill(store, settings)
    api_port = await _start_api(api, settings.api_port)
    running.push_async_callback(api.stop)
    kubeconfigs = {directory / KUBECONFIG_FILE: token}
    kubeconfigs |= {kubeconfig_of(directory, account): key for key, account in tokens.items()}
    return _announce(directory, api_port, gateway_port, kubeconfigs, running)


def _fill(store: Store, settings: Settings) -> None:
    """Put in what is there from the start; the API server brings some namespaces of its own."""
    for name in settings.namespaces:
        add_namespace(store, name)
    if settings.objects is not None:
        try:
            plant(store, settings.objects)
        except SeedError as error:
            raise SandboxError(f"The sandbox can't start with these objects: {error}") from error


def _parse_account(account: str) -> User:
    namespace, _, name = account.partition("/")
    if not namespace or not name or "/" in name:
        raise SandboxError(f"An account is NAMESPACE/NAME of a service account, not {account!r}.")
    return service_account(namespace, name)


async def _start_api(api: ApiServer, port: int) -> int:
    try:
        return await api.start(port)
    except OSError as error:
        raise SandboxError(
            f"The API server can't listen on 127.0.0.1:{port}: {error.strerror}. Choose another --api-port, "
            "or leave it out for a free one."
        ) from error


def _announce(
    directory: Path, api_port: int, gateway_port: int, kubeconfigs: dict[Path, str], running: AsyncExitStack
) -> Endpoints:
    """Write the kubeconfigs and the endpoints; all of them go when the sandbox goes.

    The process id tells a reader whose they are: a sandbox that was killed leaves its files behind.
    """
    endpoints = Endpoints(
        kubeconfig=directory / KUBECONFIG_FILE,
        api=f"http://127.0.0.1:{api_port}",
        gateway=f"http://127.0.0.1:{gateway_port}",
    )
    announced = directory / ENDPOINTS_FILE
    for path in (*kubeconfigs, announced):
        running.callback(path.unlink, missing_ok=True)
    for path, token in kubeconfigs.items():
        write_kubeconfig(path, endpoints.api, token)
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
        stale = (directory / ENDPOINTS_FILE, directory / USAGE_FILE, *directory.glob(f"{KUBECONFIG_FILE}*"))
        for path in stale:  # of a sandbox that was killed
            path.unlink(missing_ok=True)
        yield
