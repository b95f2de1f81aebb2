"""What a pod's own endpoints do: logs, and commands over WebSocket. The node does the work."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from aiohttp import WSMsgType, web

from sandbox.api.errors import bad_request
from sandbox.api.targets import Target
from sandbox.store import Object, Store

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDOUT, STATUS = 1, 3
_TRUE = frozenset({"1", "true", "t", "T", "True", "TRUE"})

Write = Callable[[int, bytes], Awaitable[None]]


class ExecOutcome(Protocol):
    """How a command ended: its exit code, or why it never ran. One of the two is None."""

    @property
    def exit_code(self) -> int | None:
        """0 for success."""

    @property
    def error(self) -> str | None:
        """In the words of a container runtime."""


class Node(Protocol):
    """The kubelet, as the API server needs it."""

    def log(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail_lines: int | None
    ) -> bytes:
        """What a container wrote. Raises NotFound or BadRequest."""

    def follow_log(
        self, namespace: str, pod: str, container: str, *, previous: bool = ..., tail_lines: int | None = ...
    ) -> AsyncIterator[bytes]:
        """What a container wrote and writes, until it ends."""

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], write: Write
    ) -> ExecOutcome:
        """Run a command; it is ended when the caller is cancelled."""


async def answer_log(request: web.Request, store: Store, node: Node, target: Target) -> web.StreamResponse:
    """`GET .../pods/NAME/log`: what is there, or with `follow` also what comes.

    Raises:
        StoreError: no such pod or container, or it wrote nothing yet.
        ApiError: 400, the container must be named.
    """
    query = request.query
    container = _choose_container(store, target, query.get("container", ""))
    previous = query.get("previous", "") in _TRUE
    tail = int(query["tailLines"]) if query.get("tailLines") else None
    where = (target.namespace, target.name, container)
    text = node.log(*where, previous=previous, tail_lines=tail)
    if query.get("follow", "") not in _TRUE:
        limit = int(query["limitBytes"]) if query.get("limitBytes") else None
        return web.Response(body=text[:limit], content_type="text/plain")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    async for part in node.follow_log(*where, previous=previous, tail_lines=tail):
        await response.write(part)
    await response.write_eof()
    return response


async def answer_exec(request: web.Request, store: Store, node: Node, target: Target) -> web.StreamResponse:
    """`.../pods/NAME/exec`: run a command and stream what it writes, its end on channel 3.

    Raises:
        NotFound: there is no such pod.
        ApiError: 400, no such container, no command, or no upgrade to WebSocket.
    """
    container = _choose_container(store, target, request.query.get("container", ""))
    command = request.query.getall("command", [])
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise bad_request("Upgrade request required")
    if not command:
        raise bad_request("you must specify at least 1 command for the container")
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    await socket.prepare(request)

    async def write(channel: int, data: bytes) -> None:
        await socket.send_bytes(bytes([channel]) + data)

    async def run() -> None:
        await write(STDOUT, b"")
        outcome = await node.execute(target.namespace, target.name, container, command, write)
        await write(STATUS, json.dumps(describe_outcome(command, outcome), separators=(",", ":")).encode())
        await socket.close()

    await _run_while_open(socket, run)
    return socket


def describe_outcome(command: Sequence[str], outcome: ExecOutcome) -> Object:
    """The Status that tells how a command ended."""
    if outcome.error is not None:
        return {
            "metadata": {},
            "status": "Failure",
            "message": f"Internal error occurred: {outcome.error}",
            "reason": "InternalError",
            "details": {"causes": [{"message": outcome.error}]},
            "code": 500,
        }
    if outcome.exit_code == 0:
        return {"metadata": {}, "status": "Success"}
    what = f"error executing command [{' '.join(command)}], exit code {outcome.exit_code}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {what}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(outcome.exit_code)}]},
    }


async def _run_while_open(socket: web.WebSocketResponse, run: Callable[[], Awaitable[None]]) -> None:
    """Run to the end, unless the client goes away first: then the command is ended too."""
    running = asyncio.ensure_future(run())
    listening = asyncio.ensure_future(_wait_for_close(socket))
    try:
        await asyncio.wait({running, listening}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        for task in (running, listening):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task


async def _wait_for_close(socket: web.WebSocketResponse) -> None:
    """Read what the client sends (commands get no input here) until it closes."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return


def _choose_container(store: Store, target: Target, name: str) -> str:
    pod = store.get("pods", target.namespace, target.name)
    names = [container["name"] for container in pod["spec"].get("containers") or []]
    if name and name not in names:
        raise bad_request(f"container {name} is not valid for pod {target.name}")
    if not name and len(names) != 1:
        raise bad_request(
            f"a container name must be specified for pod {target.name}, choose one of: [{' '.join(names)}]"
        )
    return name or names[0]
