"""How many pods each ReplicaSet of a Deployment may have next. Pure arithmetic over counts.

Recreate needs none: it is nothing, then everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from sandbox.store import Object


@dataclass(frozen=True)
class Counts:
    """A ReplicaSet's pods: how many it is told to have, and how many are available."""

    wanted: int
    available: int


@dataclass(frozen=True)
class Bounds:
    """A Deployment's size while it is rolled: how far above it may go, and how far below."""

    replicas: int
    surge: int
    unavailable: int

    @classmethod
    def of(cls, deployment: Object) -> "Bounds":
        """The bounds of a Deployment's strategy; Recreate has none to give."""
        spec = deployment["spec"]
        replicas = int(spec.get("replicas", 1))
        strategy = spec.get("strategy") or {}
        if strategy.get("type") == "Recreate" or not replicas:
            return cls(replicas, 0, 0)
        rolling = strategy.get("rollingUpdate") or {}
        surge = _resolve(rolling.get("maxSurge", "25%"), replicas, is_rounded_up=True)
        unavailable = _resolve(rolling.get("maxUnavailable", "25%"), replicas, is_rounded_up=False)
        return cls(replicas, surge, min(unavailable, replicas) if surge or unavailable else 1)

    @property
    def least_available(self) -> int:
        """How many pods must stay available."""
        return self.replicas - self.unavailable


def _resolve(value: int | str, replicas: int, *, is_rounded_up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * replicas / 100
    return ceil(share) if is_rounded_up else floor(share)


def grow(bounds: Bounds, new: Counts, old: Sequence[Counts]) -> int:
    """The size of the new ReplicaSet: as large as the surge allows."""
    if new.wanted >= bounds.replicas:
        return bounds.replicas
    room = bounds.replicas + bounds.surge - new.wanted - sum(counts.wanted for counts in old)
    return min(bounds.replicas, new.wanted + max(0, room))


def shrink(bounds: Bounds, new: Counts, old: Sequence[Counts]) -> list[int]:
    """The sizes of the old ReplicaSets, oldest first: the unavailable go first, then what can be spared.

    New pods that are not available yet are not counted on: they may never be.
    """
    total = new.wanted + sum(counts.wanted for counts in old)
    sizes = [counts.wanted for counts in old]
    spare = total - bounds.least_available - max(0, new.wanted - new.available)
    if spare <= 0:
        return sizes
    sizes = _take(sizes, [counts.wanted - counts.available for counts in old], spare)
    available = new.available + sum(counts.available for counts in old)
    return _take(sizes, sizes, available - bounds.least_available)


def _take(sizes: Sequence[int], limits: Sequence[int], amount: int) -> list[int]:
    """Take `amount` away, from the front, from each at most its limit."""
    left = []
    for size, limit in zip(sizes, limits, strict=True):
        taken = max(0, min(size, limit, amount))
        amount -= taken
        left.append(size - taken)
    return left
