"""The work of the controllers: which objects to look at, each at most once, now or later."""

import asyncio
from typing import NamedTuple


class Key(NamedTuple):
    """One object of the store."""

    resource: str
    namespace: str
    name: str


class Queue:
    """First come, first served; what waits already is not added again."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, Key], None] = {}
        self._timers: dict[tuple[str, Key], asyncio.TimerHandle] = {}
        self._filled = asyncio.Event()

    def add(self, controller: str, key: Key) -> None:
        """Let a controller look at an object."""
        self._waiting.setdefault((controller, key))
        self._filled.set()

    def add_later(self, controller: str, key: Key, seconds: float) -> None:
        """Let a controller look at an object then, in place of any later look asked for before."""
        item = (controller, key)
        if item in self._timers:
            self._timers[item].cancel()
        self._timers[item] = asyncio.get_running_loop().call_later(max(0.0, seconds), self._add_now, item)

    async def take(self) -> tuple[str, Key]:
        """The next; waits for it."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        item = next(iter(self._waiting))
        del self._waiting[item]
        return item

    def close(self) -> None:
        """Forget what was to come later."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _add_now(self, item: tuple[str, Key]) -> None:
        self._timers.pop(item, None)
        self.add(*item)
