"""The faults of a campaign: kills at a steady pace, and a few outages at set points of its progress."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING, Final

import requests

from tests.faults.house import REDIS, WEB
from tests.faults.journal import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.faults.house import Group, House

MAIN: Final = "main process alone"
CHILD: Final = "pool child alone"
GROUP: Final = "whole group"
FROZEN: Final = "frozen past its lease"
KILLS: Final = (MAIN, CHILD, GROUP)
WEB_KILLED: Final = "web killed"
REDIS_TERM: Final = "Redis restarted by TERM"
REDIS_KILLED: Final = "Redis restarted by kill -9"
API_FAILED: Final = "API failing"

SHORTEST_FREEZE: Final = 6.0
LONGEST_FREEZE: Final = 12.0
"""Seconds; a lease is 5."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that was done to the processes. ``until``: when it was over, where it lasts."""

    at: float
    kind: str
    victim: str
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage that comes when so much of the campaign is over."""

    progress: float
    kind: str


@dataclass(frozen=True)
class Plan:
    """How bad it gets. ``interval``: seconds between two kills. ``freeze_every``: instead of every nth kill.

    ``api_seconds``: how long the API fails. ``beats``: after so many kills and freezes only outages come.
    """

    interval: float
    outages: tuple[Outage, ...]
    api_seconds: float
    freeze_every: int
    beats: int | None = None


LONG: Final = Plan(
    interval=2.0,
    outages=(
        Outage(0.12, WEB_KILLED),
        Outage(0.25, REDIS_TERM),
        Outage(0.42, API_FAILED),
        Outage(0.58, REDIS_KILLED),
        Outage(0.72, WEB_KILLED),
    ),
    api_seconds=10,
    freeze_every=8,
)
SHORT: Final = Plan(
    interval=2.0,
    outages=(Outage(0.05, WEB_KILLED), Outage(0.15, REDIS_KILLED), Outage(0.35, API_FAILED)),
    api_seconds=3,
    freeze_every=4,
    beats=9,
)


@dataclass
class Storm:
    """Does the damage from a thread of its own. ``calm``: since when it does none."""

    house: House
    gateway: str
    plan: Plan
    progress: Callable[[], float]
    random: Random
    faults: list[Fault] = field(default_factory=list)
    calm: float = 0.0
    _ended: Event = field(default_factory=Event)
    _frozen: dict[str, tuple[Timer, Group]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._run, name="storm")
        self._waiting = list(self.plan.outages)
        self._bag: list[str] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; whatever is frozen thaws first."""
        self._ended.set()
        self._thread.join()  # may be asked for twice
        for worker, (thaw, group) in tuple(self._frozen.items()):
            thaw.cancel()
            self._thaw(worker, group)
        self.calm = self.calm or now()

    @property
    def missed(self) -> list[str]:
        """Outages that were never played."""
        return [outage.kind for outage in self._waiting]

    def _run(self) -> None:
        beat = 0
        while not self._ended.wait(self.plan.interval):
            beat += 1
            kind = self._break_what_is_due()
            # Frozen while the API hangs, a worker leaves writes behind that are carried out much later.
            is_over = self.plan.beats is not None and beat > self.plan.beats
            if kind == API_FAILED or (beat % self.plan.freeze_every == 0 and not is_over):
                self._freeze()
            elif not is_over:
                self._kill()

    def _break_what_is_due(self) -> str | None:
        if not self._waiting or self.progress() < self._waiting[0].progress:
            return None
        kind = self._waiting.pop(0).kind
        self._break(kind)
        return kind

    def _break(self, kind: str) -> None:
        """An outage: of web, Redis or the cluster's API."""
        if kind == WEB_KILLED:
            self.house.signal(WEB, signal.SIGKILL)
        elif kind == API_FAILED:
            seconds = self.plan.api_seconds
            requests.post(
                f"{self.gateway}/weather", params={"seconds": seconds}, timeout=5
            ).raise_for_status()
            self.faults.append(Fault(now(), kind, "cluster", now() + seconds))
            return
        else:
            self.house.signal(REDIS, signal.SIGTERM if kind == REDIS_TERM else signal.SIGKILL)
        self.faults.append(Fault(now(), kind, kind.partition(" ")[0].lower()))

    def _kill(self) -> None:
        if not self._bag:
            self._bag = list(KILLS)
            self.random.shuffle(self._bag)
        found = self._find_victim()
        if found is None:
            return
        worker, group = found
        kind = self._bag.pop()
        chosen = {MAIN: (group.main,), CHILD: group.children, GROUP: group.all}[kind]
        self.faults.append(Fault(now(), kind, worker))
        for pid in chosen:
            _send(pid, signal.SIGKILL)

    def _freeze(self) -> None:
        found = self._find_victim(busy_first=True)
        if found is None:
            return
        worker, group = found
        seconds = self.random.uniform(SHORTEST_FREEZE, LONGEST_FREEZE)
        self.faults.append(Fault(now(), FROZEN, worker, now() + seconds))
        thaw = Timer(seconds, self._thaw, (worker, group))
        self._frozen[worker] = thaw, group
        for pid in group.all:
            _send(pid, signal.SIGSTOP)
        thaw.start()

    def _thaw(self, worker: str, group: Group) -> None:
        for pid in group.all:
            _send(pid, signal.SIGCONT)
        self._frozen.pop(worker, None)

    def _find_victim(self, *, busy_first: bool = False) -> tuple[str, Group] | None:
        """A worker that is up: its main process and its pool child run."""
        workers = self.random.sample(self.house.workers, len(self.house.workers))
        if busy_first:
            workers.sort(key=lambda worker: not self.house.is_busy(worker))
        for worker in workers:
            group = self.house.group(worker)
            if worker not in self._frozen and group.main and group.children:
                return worker, group
        return None


def _send(pid: int | None, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, number)
