"""Users: steady requests through the gateway, counted by status, color and version.

Runs as a process of its own (``python -m cli.demo.traffic ADDRESS RATE``), so that the demo's own work never
makes users slow; prints its counts as JSON a few times a second, the last line when its input is closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp

REPORT_INTERVAL: Final = 0.2
TIMEOUT: Final = 5.0


@dataclass
class Counts:
    """What users got since the beginning. ``failures`` are statuses and errors, by their name."""

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0
    colors: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, *, color: str, version: str) -> None:
        """A good answer."""
        self.requests += 1
        self.colors[color] += 1
        self.versions[version] += 1

    def add_failure(self, name: str) -> None:
        """Anything else."""
        self.requests += 1
        self.failed += 1
        self.failures[name] += 1

    def as_json(self) -> str:
        """One line."""
        return json.dumps(self, default=vars)


async def ask(session: aiohttp.ClientSession, address: str, counts: Counts) -> None:
    """One user's request."""
    try:
        async with session.get(address) as answer:
            await answer.read()
            if answer.status == 200:  # noqa: PLR2004 -- what a user wants
                counts.add(color=answer.headers["X-Color"], version=answer.headers["X-Version"])
            else:
                counts.add_failure(f"status {answer.status}")
    except (aiohttp.ClientError, TimeoutError, KeyError) as error:
        counts.add_failure(type(error).__name__)


async def send(address: str, rate: int, counts: Counts, ended: asyncio.Event) -> None:
    """Begin ``rate`` requests a second, however long each takes, until ``ended``."""
    began = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
        asyncio.TaskGroup() as group,
    ):
        begun = 0
        while not ended.is_set():
            counts.seconds = time.monotonic() - began
            due = int(counts.seconds * rate) - begun
            for _ in range(due):
                group.create_task(ask(session, address, counts))
            begun += due
            await asyncio.sleep(0.005)


async def report(counts: Counts, ended: asyncio.Event) -> None:
    """Print the counts until ``ended``."""
    while not ended.is_set():
        print(counts.as_json(), flush=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), REPORT_INTERVAL)


async def main(address: str, rate: int) -> None:
    """Send until standard input is closed, then print the final counts."""
    counts, ended = Counts(), asyncio.Event()
    loop = asyncio.get_running_loop()
    waiting = loop.run_in_executor(None, sys.stdin.read)
    waiting.add_done_callback(lambda _: ended.set())
    await asyncio.gather(send(address, rate, counts, ended), report(counts, ended))
    print(counts.as_json(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
