"""A cluster for many releases, a process of its own: the sandbox's API and controllers; pods pretend.

    python -m bench.cluster FOLDER API_PORT GATEWAY_PORT NAMESPACE…

A pod is ready at once, a command succeeds at once, the gateway answers for the color that the route names.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.api.access import ADMIN
from sandbox.api.namespaces import add_namespace
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.controllers import Controllers
from sandbox.node.status import ContainerRecord, PodFacts, build_status
from sandbox.store import Event, EventType, NotFound, Object, Store, format_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PODS: Final = "pods"
TOKEN: Final = "bench-token"  # noqa: S105 -- of a cluster that lives for minutes, on 127.0.0.1


@dataclass(frozen=True)
class Succeeded:
    """How every command ends here."""

    exit_code: int | None = 0
    error: str | None = None


class Node:
    """Scheduler, kubelet and container runtime in one, all of them pretending."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.subscribe(self._hear)

    def log(self, *_: str, previous: bool, tail_lines: int | None) -> bytes:
        """Nothing is ever printed here."""
        del previous, tail_lines
        return b""

    async def follow_log(
        self, *_: str, previous: bool = False, tail_lines: int | None = None
    ) -> AsyncIterator[bytes]:
        """The same nothing, as a stream."""
        yield self.log(previous=previous, tail_lines=tail_lines)

    async def execute(self, *_: Any) -> Succeeded:  # noqa: ANN401 -- whatever is run, and wherever
        """At once."""
        return Succeeded()

    def _hear(self, event: Event) -> None:
        if event.resource != PODS or event.type is EventType.DELETED:
            return
        metadata = event.object["metadata"]
        step = self._remove if metadata.get("deletionTimestamp") else self._make_ready
        if metadata.get("deletionTimestamp") or event.type is EventType.ADDED:
            asyncio.get_running_loop().call_soon(step, metadata["namespace"], metadata["name"])

    def _remove(self, namespace: str, name: str) -> None:
        try:
            self._store.delete(PODS, namespace, name)
        except NotFound:
            return  # told twice of the same deletion

    def _make_ready(self, namespace: str, name: str) -> None:
        pod = self._store.find(PODS, namespace, name)
        if pod and not pod["metadata"].get("deletionTimestamp"):
            pod["spec"]["nodeName"] = "bench"
            pod["status"] = _ready(pod)
            self._store.update(PODS, pod)


def _ready(pod: Object) -> Object:
    moment = format_time(datetime.now(UTC))
    records = [
        ContainerRecord(
            name=container["name"],
            image=container["image"],
            state={"running": {"startedAt": moment}},
            is_ready=True,
            is_started=True,
            container_id=f"bench://{pod['metadata']['uid']}",
        )
        for container in pod["spec"]["containers"]
    ]
    return build_status(pod, PodFacts(started=moment), records, now=moment)


class Gateway:
    """Answers for every app, by the name that is asked for, with the headers that its route sets."""

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def answer(self, request: web.Request) -> web.Response:
        """404 without a route, else 200: pods are always there."""
        name = f"{request.host.partition('.')[0]}-blue-green"
        route = self._store.find("virtualservices.networking.istio.io", self._namespace, name)
        if route is None:
            return web.Response(status=404)
        entries = route["spec"]["http"]
        entry = entries[0 if "test=true" in request.headers.get("Cookie", "") else -1]
        headers = ((entry.get("headers") or {}).get("response") or {}).get("set") or {}
        return web.json_response({"ready": True}, headers=headers)


async def serve(folder: Path, api_port: int, gateway_port: int, namespaces: list[str]) -> None:
    """Run until killed."""
    store = Store()
    api = ApiServer(store, Node(store), {TOKEN: ADMIN})
    for name in namespaces:
        add_namespace(store, name)
    await Controllers(store).start()
    gateway = web.Application()
    gateway.router.add_route("*", "/{path:.*}", Gateway(store, namespaces[0]).answer)
    runner = web.AppRunner(gateway, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", gateway_port).start()
    await api.start(api_port)
    write_kubeconfig(folder / "kubeconfig", f"http://127.0.0.1:{api_port}", TOKEN)
    await asyncio.Event().wait()


if __name__ == "__main__":
    _, folder_, api_port_, gateway_port_, *namespaces_ = sys.argv
    Path(folder_).mkdir(exist_ok=True)
    asyncio.run(serve(Path(folder_), int(api_port_), int(gateway_port_), namespaces_))
