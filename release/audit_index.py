"""Ways through the audit trail: along the shortest index that a question allows, batch by batch.

An index is a stream of the ids of entries, with the value that they are looked for by. ``common.lua`` writes
it and chooses between its 256 streams as ``bucket_of`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from release.audit_entries import CHANGE, Outcome, milliseconds, split_actor
from release.model import VERDIGRIS
from release.redis_access import key, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from release.audit_entries import Filter

DIMENSIONS: Final = ("app", "actor", "release", "action", "outcome")
BUCKETS: Final = 256

BATCH: Final = 200
"""Entries, or ids of an index, that are read at once."""

NOT_INDEXED: Final = frozenset(
    {
        ("action", CHANGE),
        ("outcome", str(Outcome.DONE)),
        ("actor", str(VERDIGRIS)),
        ("actor", VERDIGRIS.name),
    }
)
"""What nearly every entry has: to read the trail itself finds it as soon."""

FIRST: Final = (0, 1)
"""The first id that an entry can have: Redis refuses to look before it, or at a time before 1970."""

Raw = tuple[str, dict[str, str]]
"""The id of an entry and its fields."""


class Way:
    """One way through what a filter wants, the newest first or the oldest."""

    def __init__(self, client: Any, wanted: Filter, *, oldest_first: bool, batch: int = BATCH) -> None:  # noqa: ANN401 -- redis-py
        self._redis = client
        self.batch = batch
        self._wanted = wanted
        self._oldest_first = oldest_first
        self._dimension = self._choose()

    def go_on(self, place: str | None) -> tuple[list[Raw], str | None, bool]:
        """What is wanted of the batch after ``place``, the place reached, and whether that is the end."""
        stream = index_of(self._wanted, self._dimension) if self._dimension else key("audit")
        low, high = bounds(self._wanted, place, oldest_first=self._oldest_first)
        with told_as_not_durable():
            if self._oldest_first:
                batch = self._redis.xrange(stream, low, high, count=self.batch)
            else:
                batch = self._redis.xrevrange(stream, high, low, count=self.batch)
        found = [raw for raw in self._entries(batch) if self._wanted.fits(raw[1])]
        return found, batch[-1][0] if batch else place, len(batch) < self.batch

    def _choose(self) -> str | None:
        """The dimension whose index has the fewest ids; None for the trail itself."""
        possible = [one for one in self._wanted.named.items() if one not in NOT_INDEXED]
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for dimension, _ in possible:
                pipeline.xlen(index_of(self._wanted, dimension))
            lengths = pipeline.execute()
        return min(zip(lengths, (one for one, _ in possible), strict=True), default=(0, None))[1]

    def _entries(self, batch: Sequence[Raw]) -> list[Raw]:
        """The entries themselves, where ``batch`` is of an index; those that were cut are left out."""
        dimension = self._dimension
        if dimension is None:
            return list(batch)
        ids = [one for one, record in batch if self._wanted.has(dimension, record["v"])]
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for one in ids:
                pipeline.xrange(key("audit"), one, one)
            return [raw for found in pipeline.execute() for raw in found]


def bucket_of(text: str) -> int:
    """As ``common.lua`` has it, over the bytes that Redis keeps."""
    bucket = 0
    for byte in text.encode("utf-8", "replace"):
        bucket = (bucket * 31 + byte) % BUCKETS
    return bucket


def index_of(wanted: Filter, dimension: str) -> str:
    """The stream with the ids of what is looked for in one dimension. An actor is found by the name alone."""
    value = wanted.named[dimension]
    chosen_by = split_actor(value)[1] if dimension == "actor" else value
    return key("audit-by", dimension, str(bucket_of(chosen_by)))


def every_index() -> Iterator[str]:
    """The streams of all dimensions, whether they exist or not."""
    for dimension in DIMENSIONS:
        for bucket in range(BUCKETS):
            yield key("audit-by", dimension, str(bucket))


def bounds(wanted: Filter, place: str | None, *, oldest_first: bool) -> tuple[str, str]:
    """From where to where to look, as ``XRANGE`` takes it: within the filter's times, and past ``place``."""
    low = max(FIRST, (milliseconds(wanted.since), 0)) if wanted.since else None
    high = max(FIRST, (milliseconds(wanted.until), 0)) if wanted.until else None
    last = _parse(place) if place else None
    if last and oldest_first and (low is None or last >= low):
        return f"({_text(last)}", f"({_text(high)}" if high else "+"
    if last and not oldest_first and (high is None or last < high):
        high = max(FIRST, last)
    return _text(low) if low else "-", f"({_text(high)}" if high else "+"


def _parse(entry_id: str) -> tuple[int, int]:
    at, _, number = entry_id.partition("-")
    return int(at), int(number or 0)


def _text(place: tuple[int, int]) -> str:
    return f"{place[0]}-{place[1]}"
