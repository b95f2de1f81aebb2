"""What the campaign asked for and what it was answered, in the order of the answers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock

from tests.faults.journal import now


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that was accepted. A retry is a second ``deploy`` of the same release."""

    app: str
    kind: str
    release: str
    job: str
    tag: str = ""
    color: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an accepted job ended; ``state`` is the job's, ``slug`` names its problem."""

    asked: Asked
    state: str
    slug: str


@dataclass(frozen=True, slots=True)
class ReleaseEnd:
    """A release as the API tells of it in the end. ``slug`` names the problem of its last deploy."""

    app: str
    release: str
    tag: str
    color: str
    state: str
    slug: str
    open_jobs: tuple[str, ...] = ()


@dataclass
class Ledger:
    """Kept by one thread an app; ``total`` is how many releases there will be, ``last_push`` a time."""

    total: int
    asked: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))
    switches: dict[str, list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    redeliveries: int = 0
    pushed: int = 0
    last_push: float = 0.0
    ended: int = 0
    refused: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def accept(self, asked: Asked) -> None:
        """Keep what was accepted, in its order."""
        self.asked[asked.app].append(asked)

    def count(self, *, ended: int = 0, redeliveries: int = 0, pushed: int = 0) -> None:
        """Add to the sums over all apps."""
        with self._lock:
            self.ended += ended
            self.redeliveries += redeliveries
            self.pushed += pushed
            self.last_push = now() if pushed else self.last_push

    @property
    def progress(self) -> float:
        """How much of the campaign is over, from 0 to 1."""
        return self.ended / self.total

    @property
    def deploys(self) -> int:
        """How many releases were accepted, retries not counted."""
        return len({one.release for every in self.asked.values() for one in every if one.kind == "deploy"})
