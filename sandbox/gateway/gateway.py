"""The ingress gateway: follows the store's events and keeps Envoy on what they add up to.

Translation is pure and elsewhere; here is only when it happens, and in which order Envoy hears of it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from sandbox.gateway.clusters import endpoint_file
from sandbox.gateway.envoy import Envoy, GatewayError
from sandbox.gateway.files import ResourceFiles
from sandbox.gateway.translation import LISTENER, Configuration, translate
from sandbox.store import Event, Object, Store

_log = logging.getLogger(__name__)

GATEWAYS = "gateways.networking.istio.io"
VIRTUAL_SERVICES = "virtualservices.networking.istio.io"
DESTINATION_RULES = "destinationrules.networking.istio.io"
WATCHED = (GATEWAYS, VIRTUAL_SERVICES, DESTINATION_RULES, "services", "pods")

DEBOUNCE = 0.005  # seconds: one kubectl apply of several objects is one change
ACCEPT_DEADLINE = 10.0  # seconds for Envoy to take a file; it usually takes a few milliseconds


class Gateway:
    """Envoy as Istio's ingress gateway. Made once, started once, stopped once."""

    def __init__(self, store: Store, *, directory: Path, max_restarts: int = 5) -> None:
        """`directory` holds Envoy's files and log, and belongs to the gateway alone.

        `max_restarts`: how often in all an Envoy that died is started again.
        """
        self._max_restarts = max_restarts
        self.ignored: tuple[str, ...] = ()
        self._store = store
        self._files = ResourceFiles(directory.absolute())
        self._envoy = Envoy(directory.absolute())
        self._port = 0
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._refusals: dict[str, str] = {}
        self._failure: str | None = None
        self._rejections = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = _nothing

    async def start(self, port: int = 0) -> int:
        """Start Envoy on what the store holds. Returns the port it listens on; 0 asks for a free one.

        Raises:
            GatewayError: Envoy is missing, does not start, or the port is taken.
        """
        self._port = port
        self._files.directory.mkdir(parents=True, exist_ok=True)
        self._unsubscribe = self._store.subscribe(self._on_event)
        self._write_all(self._translate())
        try:
            await self._start_envoy()
        except BaseException:
            await self.stop()
            raise
        self._changed.set()
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._guard())]
        for task in self._tasks:
            task.add_done_callback(self._check_alive)
        return self._port

    async def stop(self) -> None:
        """End Envoy and stop following the store."""
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._envoy.stop()

    async def settle(self, *, deadline: float = 2 * ACCEPT_DEADLINE) -> None:
        """Wait until Envoy serves what the store held at the time of the call.

        Raises:
            GatewayError: Envoy refuses what it was given last, or did not take it within `deadline` seconds.
        """
        try:
            async with asyncio.timeout(deadline):
                await self._settled.wait()
        except TimeoutError:
            raise GatewayError(
                f"Envoy has not taken the latest routes within {deadline:.0f} s: "
                f"{self._envoy.last_complaint()}"
            ) from None
        for complaint in [*filter(None, [self._failure]), *self._refusals.values()]:
            raise GatewayError(complaint)

    def _on_event(self, event: Event) -> None:
        if event.resource in WATCHED and self._failure is None:
            self._settled.clear()
            self._changed.set()

    def _translate(self) -> Configuration:
        kinds = [[each for each in self._store.list(kind) if each.get("spec")] for kind in WATCHED]
        configuration = translate(*kinds, port=self._port)
        for line in configuration.ignored:
            if line not in self.ignored:
                _log.warning("%s", line)
        self.ignored = tuple(configuration.ignored)
        return configuration

    async def _follow(self) -> None:
        """Bring every change to Envoy, one after the other; many at once count as one."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(DEBOUNCE)
            self._changed.clear()
            try:
                await self._deliver(self._translate())
            except GatewayError as error:  # it is being restarted, on the files as they are
                _log.warning("The gateway's Envoy could not be asked: %s", error)
                continue
            if not self._changed.is_set():
                self._settled.set()

    async def _deliver(self, configuration: Configuration) -> None:
        """Endpoints and clusters before the routes that name them; what went away goes after the routes.

        A route never waits for a cluster that is in nobody's configuration: it answers 503, as behind Istio.
        """
        self._write_endpoints(configuration)
        before = {cluster["name"]: cluster for cluster in self._files.written("cds.json")}
        await self._write("cds.json", "cds", {**before, **configuration.clusters})
        await self._write("rds.json", "rds", configuration.routes)
        await self._write("cds.json", "cds", configuration.clusters)
        self._files.remove(endpoint_file(name) for name in set(before) - set(configuration.clusters))
        await self._wait_for_all(configuration)

    async def _write(self, path: str, kind: str, resources: Mapping[str, Object]) -> None:
        if self._files.write(path, kind, resources):
            self._refusals.pop(kind, None)
            await self._wait_until_taken({kind: self._files.version(path)})

    def _write_endpoints(self, configuration: Configuration) -> None:
        for name, assignment in configuration.endpoints.items():
            self._files.write(endpoint_file(name), "eds", {name: assignment})

    def _write_all(self, configuration: Configuration) -> None:
        """Everything at once, for an Envoy that is about to start."""
        self._write_endpoints(configuration)
        self._files.write("cds.json", "cds", configuration.clusters)
        self._files.write("rds.json", "rds", configuration.routes)
        self._files.write("lds.json", "lds", configuration.listeners)

    async def _wait_for_all(self, configuration: Configuration) -> None:
        files = {kind: f"{kind}.json" for kind in ("lds", "cds", "rds")}
        files |= {f"eds {name}": endpoint_file(name) for name in configuration.endpoints}
        await self._wait_until_taken(
            {name: self._files.version(path) for name, path in files.items() if name not in self._refusals}
        )

    async def _wait_until_taken(self, versions: Mapping[str, str]) -> None:
        """Wait until Envoy reports these versions.

        A refusal is logged and kept for `settle`, nothing more: Envoy goes on with what it had, and the next
        change may be a good one.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(ACCEPT_DEADLINE):
                while True:
                    status = await self._envoy.status()
                    if status.rejected > self._rejections:
                        self._rejections = status.rejected
                        self._refuse(versions, "Envoy refused a change and serves the former routes")
                        return
                    if versions.items() <= status.versions.items() and not status.warming:
                        return
                    await asyncio.sleep(0.004)
        self._refuse(versions, f"Envoy did not take a change within {ACCEPT_DEADLINE:.0f} s")

    def _refuse(self, versions: Mapping[str, str], what: str) -> None:
        message = f"{what}: {self._envoy.last_complaint()}"
        self._refusals |= dict.fromkeys(versions, message)
        _log.error("%s", message)

    async def _start_envoy(self) -> None:
        """Start Envoy and learn its port; the next start, after a crash, takes the same one."""
        await self._envoy.start()
        self._rejections = 0
        self._refusals.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(ACCEPT_DEADLINE):
                while True:
                    if bound := await self._envoy.listening_port(LISTENER):
                        self._port = bound
                        return
                    if (await self._envoy.status()).rejected:
                        break
                    await asyncio.sleep(0.01)
        raise GatewayError(
            f"The ingress gateway can't listen on 127.0.0.1:{self._port}: {self._envoy.last_complaint()}"
        )

    async def _guard(self) -> None:
        """Start Envoy again when it dies, up to a limit: a program that keeps dying wants to be looked at."""
        for restart in range(1, self._max_restarts + 1):
            code = await self._envoy.wait()
            last = self._envoy.last_complaint()
            _log.error("The gateway's Envoy ended with code %s; restart %s: %s", code, restart, last)
            try:
                await self._restart()
            except GatewayError as error:
                self._give_up(f"Envoy ended with code {code} and could not be restarted: {error}")
                return
        code = await self._envoy.wait()
        self._give_up(f"Envoy ended with code {code} after {self._max_restarts} restarts")

    def _check_alive(self, task: asyncio.Task[None]) -> None:
        """A defect of ours must not look like a gateway at rest."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(f"the translation failed: {error!r}")

    async def _restart(self) -> None:
        self._settled.clear()
        await self._envoy.stop()
        self._files.write("lds.json", "lds", self._translate().listeners)  # now with the port it had
        await self._start_envoy()
        self._changed.set()

    def _give_up(self, failure: str) -> None:
        self._failure = failure
        self._settled.set()  # whoever waits is told
        _log.critical("The sandbox has no ingress gateway any more: %s. See %s", failure, self._envoy.log)


def _nothing() -> None:
    """What there is to unsubscribe before the start."""
