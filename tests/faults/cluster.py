"""The campaign's cluster, a process of its own: the sandbox's API server and controllers, without real pods.

    python -m tests.faults.cluster FOLDER API_PORT GATEWAY_PORT SEED APP…

It writes its journal to FOLDER/cluster.jsonl.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.api.access import ADMIN
from sandbox.api.errors import ApiError
from sandbox.api.namespaces import add_namespace
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.controllers import Controllers
from sandbox.store import Store
from tests.faults.dice import dice
from tests.faults.gateway import Gateway
from tests.faults.journal import Journal
from tests.faults.node import InstantNode
from tests.faults.witness import Witness

if TYPE_CHECKING:
    from random import Random

    from aiohttp import web

TOKEN: Final = "faults-token"
JOURNAL: Final = "cluster.jsonl"
KUBECONFIG: Final = "kubeconfig"
SICK: Final = (
    (503, "ServiceUnavailable", "the server is currently unable to handle the request"),
    (429, "TooManyRequests", "too many requests, please try again later"),
    (500, "InternalError", "Internal error occurred: etcdserver: request timed out"),
)


class Weather:
    """The API's health: in bad weather each request is refused in one of three ways, or hangs to its end."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._until = 0.0

    def spoil(self, seconds: float) -> None:
        """Bad weather from now on."""
        self._until = asyncio.get_running_loop().time() + seconds

    async def fault(self, request: web.Request) -> ApiError | None:
        """What the API server asks before each request."""
        del request
        left = self._until - asyncio.get_running_loop().time()
        if left <= 0:
            return None
        choice = self._random.randrange(len(SICK) + 1)
        if choice < len(SICK):
            code, reason, message = SICK[choice]
            return ApiError(code, reason, message, retry_after=1 if code == SICK[1][0] else None)
        await asyncio.sleep(left)  # then it is carried out, however late
        return None


@dataclass(frozen=True)
class Place:
    """Where the cluster lives."""

    folder: Path
    api_port: int
    gateway_port: int
    seed: int
    apps: tuple[str, ...]


async def serve(place: Place) -> None:
    """Run until killed."""
    random = dice(place.seed)
    store, weather = Store(), Weather(random)
    with (place.folder / JOURNAL).open("a", encoding="utf-8") as file:
        journal = Journal(file)
        node = InstantNode(store, journal, random)
        node.start()
        api = ApiServer(store, node, {TOKEN: ADMIN}, fault=weather.fault)
        api.app.middlewares.append(Witness(store, journal).middleware())
        for app in place.apps:
            add_namespace(store, app)
        await Controllers(store).start()
        await Gateway(store, lambda seconds: _spoil(weather, api, seconds)).start(place.gateway_port)
        await api.start(place.api_port)
        write_kubeconfig(place.folder / KUBECONFIG, f"http://127.0.0.1:{place.api_port}", TOKEN)
        await asyncio.Event().wait()


def _spoil(weather: Weather, api: ApiServer, seconds: float) -> None:
    """Bad weather for whoever asks, and an end of every watch."""
    weather.spoil(seconds)
    api.watches.cut()


if __name__ == "__main__":
    _, folder, api_port, gateway_port, seed, *apps = sys.argv
    asyncio.run(serve(Place(Path(folder), int(api_port), int(gateway_port), int(seed), tuple(apps))))
