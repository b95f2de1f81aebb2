"""The demo's processes: started in order, started again when they end, and all ended with the demo.

Each runs in a process group of its own and dies with this program, however that dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Final

from sandbox.process import spawn, stop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GRACE: Final = 8.0
"""Seconds between TERM and KILL at the end."""

PAUSE: Final = 0.3
"""Seconds before a process that ended is started again."""


@dataclass(frozen=True)
class Member:
    """One process; it inherits ``descriptors``. Lower ``rank`` ends later: Redis outlives its writers."""

    name: str
    command: tuple[str, ...]
    rank: int = 1
    descriptors: tuple[int, ...] = ()


class Crew:
    """Supervises processes from an event loop in a thread of its own."""

    def __init__(self, *, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = dict(environment)
        self._logs = logs
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="crew", daemon=True)
        self._keepers: dict[Member, asyncio.Task[None]] = {}
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self.restarts: dict[str, int] = {}

    def start(self, member: Member) -> None:
        """Start a process and keep it running."""
        if not self._thread.is_alive():
            self._logs.mkdir(exist_ok=True)
            self._thread.start()
        asyncio.run_coroutine_threadsafe(self._add(member), self._loop).result()

    def log_of(self, name: str) -> Path:
        """Where a process's output goes."""
        return self._logs / f"{name}.log"

    def pid(self, name: str) -> int:
        """The process of that name, as it runs now."""
        return self._running[name].pid

    def kill(self, name: str) -> int:
        """Kill a process and all its children with SIGKILL. Returns the pid that it had."""
        process = self._running[name]
        os.killpg(process.pid, signal.SIGKILL)
        return process.pid

    def close(self) -> None:
        """End everything, group by group, and wait for it."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def _add(self, member: Member) -> None:
        self._keepers[member] = asyncio.create_task(self._keep(member))

    async def _keep(self, member: Member) -> None:
        while True:
            with self.log_of(member.name).open("ab") as log:
                process = await spawn(
                    member.command,
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                    descriptors=member.descriptors,
                )
                self._running[member.name] = process
                await process.wait()
            self.restarts[member.name] = self.restarts.get(member.name, 0) + 1
            await asyncio.sleep(PAUSE)

    async def _end(self) -> None:
        for rank in sorted({member.rank for member in self._keepers}, reverse=True):
            members = [member for member in self._keepers if member.rank == rank]
            for member in members:
                self._keepers[member].cancel()
            ended = [
                stop(self._running[one.name], grace=GRACE) for one in members if one.name in self._running
            ]
            await asyncio.gather(*ended)
