"""A cluster as a program for one host: API server and controllers without real pods, and a gateway.

    python -m tests.integration.hosts_cluster FOLDER ADDRESS NAMESPACE

It writes ``kubeconfig`` and a journal of what was done to it, by whom, into FOLDER. A request can be kept
back there: as if it were still on its way.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.api.access import ADMIN
from sandbox.api.kubeconfig import split_token, write_kubeconfig
from sandbox.api.namespaces import add_namespace
from sandbox.api.server import ApiServer
from sandbox.controllers import Controllers
from sandbox.store import Store
from tests.faults.gateway import ROUTES, TEST_COOKIE, choose_entry
from tests.faults.journal import Journal as NoJournal
from tests.faults.node import InstantNode, Succeeded
from tests.faults.witness import WATCHED, WRITING, fence_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.api.pods import Write
    from sandbox.store import Event

API_PORT: Final = 6443
GATEWAY_PORT: Final = 8080
TOKEN: Final = "hosts-token"
KUBECONFIG: Final = "kubeconfig"
POLL: Final = 0.02
ACCEPTED: Final = 200
FIRST_ERROR: Final = 400

_sender: ContextVar[str] = ContextVar("sender", default="")
"""The address that the request came from which is being answered; empty for the cluster's own controllers."""


@dataclass(frozen=True)
class Entry:
    """A write or a command in a pod; ``fence`` is what the object carries after it. 200: it was accepted."""

    by: str
    what: str
    status: int = ACCEPTED
    fence: int = 0


class Journal:
    """What was done, in its order: a line each."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.jsonl"

    def add(self, entry: Entry) -> None:
        """Keep it."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)) + "\n")

    def hear(self, event: Event) -> None:
        """The store has taken a write."""
        if _sender.get() and event.resource in WATCHED.values():
            name = event.object["metadata"]["name"]
            self.add(Entry(_sender.get(), f"{event.resource}/{name}", fence=fence_of(event.object)))

    def read(self) -> list[Entry]:
        """All of it so far."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        return [Entry(**json.loads(line)) for line in lines]


class Gate:
    """Keeps one request back. The test and the cluster both have one, and talk by files.

    ``hold``: how the request begins that is wanted. ``held``: the address it came from. ``open``: let it go.
    """

    def __init__(self, folder: Path) -> None:
        self._hold, self._held, self._open = (folder / f"gate-{name}" for name in ("hold", "held", "open"))

    def hold(self, what: str) -> None:
        """Keep back the next request that begins so."""
        for file in (self._held, self._open):
            file.unlink(missing_ok=True)
        self._hold.write_text(what)

    def find_sender(self) -> str:
        """The address that the request came from which is kept back; empty while there is none."""
        return self._held.read_text() if self._held.exists() else ""

    def open(self) -> None:
        """Let it go on."""
        self._open.touch()

    async def enter(self, what: str, sender: str) -> None:
        """A request comes by."""
        if not self._hold.exists() or not what.startswith(self._hold.read_text()):
            return
        self._hold.unlink()
        fresh = self._held.with_suffix(".new")
        fresh.write_text(sender)
        fresh.rename(self._held)
        while not self._open.exists():  # noqa: ASYNC110 -- the one who opens it is another process
            await asyncio.sleep(POLL)


class GatedNode(InstantNode):
    """Commands in its pods go through the gate."""

    def __init__(self, store: Store, gate: Gate, journal: Journal) -> None:
        # What it would note itself does not say who asked.
        super().__init__(store, NoJournal(Path(os.devnull).open("w", encoding="utf-8")), Random(1))  # noqa: S311, SIM115 -- not for secrets; open as long as the program
        self._gate, self._commands = gate, journal

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], write: Write
    ) -> Succeeded:
        """Run it, for as long as it is kept back and a moment more."""
        what = f"RUN {' '.join(command)}"
        await self._gate.enter(what, _sender.get())
        outcome = await super().execute(namespace, pod, container, command, write)
        self._commands.add(Entry(_sender.get(), what))
        return outcome


def _at_the_door(gate: Gate, journal: Journal) -> Any:  # noqa: ANN401 -- aiohttp's type of a decorated middleware has no name
    @web.middleware
    async def follow(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 -- as above
        if "dryRun" in request.query:
            answer: web.StreamResponse = await handler(request)
            return answer
        what = f"{request.method} {split_token(request.path)[1]}"
        _sender.set(request.remote or "")
        await gate.enter(what, _sender.get())
        answer = await handler(request)
        if request.method in WRITING and answer.status >= FIRST_ERROR:
            journal.add(Entry(_sender.get(), what, answer.status))
        return answer

    return follow


async def serve(folder: Path, address: str, namespace: str) -> None:
    """Run until killed."""
    store, gate, journal = Store(), Gate(folder), Journal(folder)
    store.subscribe(journal.hear)
    node = GatedNode(store, gate, journal)
    node.start()
    api = ApiServer(store, node, {TOKEN: ADMIN})
    api.app.middlewares.append(_at_the_door(gate, journal))
    add_namespace(store, namespace)
    await Controllers(store).start()
    await _listen(api.app, address, API_PORT)
    await _listen(_gateway(store, namespace), address, GATEWAY_PORT)
    write_kubeconfig(folder / KUBECONFIG, f"http://{address}:{API_PORT}", TOKEN)
    await asyncio.Event().wait()


async def _listen(app: web.Application, address: str, port: int) -> None:
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()


def _gateway(store: Store, app: str) -> web.Application:
    """Answers with the headers that the route's entry wants; nothing runs behind it."""

    async def answer(request: web.Request) -> web.Response:
        route = store.get(ROUTES, app, f"{app}-blue-green")
        entry = choose_entry(route, is_test=TEST_COOKIE in request.headers.get("Cookie", ""))
        return web.Response(headers=entry.get("headers", {}).get("response", {}).get("set", {}))

    gateway = web.Application()
    gateway.router.add_route("*", "/{path:.*}", answer)
    return gateway


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
