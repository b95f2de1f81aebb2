"""The audit trail: who asked for what, from where, what became of it, and every step of every release.

It grows at its end and is cut at its beginning, by number alone: what is forgotten of releases stays in it.
Their steps are entered by the scripts that make them (``common.lua``), so that neither stands without the
other; everything else by ``Audit.write``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from release.audit_entries import Entry, Filter
from release.audit_index import BATCH, Way, every_index, index_of
from release.records import dump
from release.redis_access import key, load_script, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from release.audit_entries import NewEntry
    from release.audit_index import Raw
    from release.redis_access import Client

KEEP: Final = 1_000_000
"""Entries that are kept where the configuration does not say how many."""

MOST_READ: Final = 20_000
"""How many are looked at for one page, so that no question keeps Redis busy for long."""

FEWEST_READ: Final = 20
"""How many are read at once at least: what is asked for is often among the next few."""

EVERYTHING: Final = Filter()


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries. ``next``: go on after this id; None at the end. ``cut``: how many the trail has lost.

    A page may be short, even empty, and still have a ``next``: so much was looked at in vain.
    """

    entries: tuple[Entry, ...]
    next: str | None
    cut: int


class Audit:
    """The trail. Each method raises ``NotDurable`` while Redis can't be asked; nothing changes an entry."""

    def __init__(self, client: Client, *, keep: int = KEEP, most_read: int = MOST_READ) -> None:
        self._redis: Any = client
        self._keep = keep
        self._most_read = most_read
        self._write = load_script(client, "write_audit")

    def write(self, entry: NewEntry) -> str:
        """Enter something, durably. Answers its id."""
        return str(self._write([dump(entry.as_record()), self._keep]))

    def read(
        self,
        wanted: Filter = EVERYTHING,
        *,
        after: str | None = None,
        limit: int = 100,
    ) -> Page:
        """What is wanted, the newest first; ``after`` the entry of that id, in this order."""
        few = max(FEWEST_READ, 2 * limit)
        way = Way(self._redis, wanted, oldest_first=False, batch=min(BATCH, few))
        found: list[Raw] = []
        place, is_over, looked = after, False, 0
        while not is_over and len(found) < limit and looked < self._most_read:
            batch, place, is_over = way.go_on(place)
            found, looked = [*found, *batch], looked + way.batch
        entries = tuple(Entry.parse(*raw) for raw in found[:limit])
        if len(found) > limit:
            place, is_over = entries[-1].id, False
        return Page(entries, None if is_over else place, self._count_cut())

    def find_newest(self, app: str) -> str:
        """The id of an entry that is another one once there is a new one of the app; empty without any."""
        with told_as_not_durable():
            newest = self._redis.xrevrange(index_of(Filter(app=app), "app"), count=1)
        return str(newest[0][0]) if newest else ""

    def export(self, wanted: Filter = EVERYTHING, *, after: str | None = None) -> Iterator[str]:
        """Every wanted entry, the oldest first, as lines of JSON: in ASCII, so that no text begins a line."""
        way = Way(self._redis, wanted, oldest_first=True)
        place, is_over = after, False
        while not is_over:
            batch, place, is_over = way.go_on(place)
            for raw in batch:
                yield json.dumps(Entry.parse(*raw).as_json()) + "\n"

    def trim(self) -> int:
        """Cut what is beyond the number kept, and what indexes still have of it; how many are gone for good.

        The scripts that change releases don't cut, to stay cheap, so this is due now and then.
        """
        with told_as_not_durable():
            self._redis.xtrim(key("audit"), maxlen=self._keep, approximate=True, limit=0)
            first = self._redis.xrange(key("audit"), count=1)
            if first and self._redis.get(key("audit-begins")) != first[0][0]:
                self._trim_indexes(first[0][0])
        return _number_before(first)

    def _trim_indexes(self, first: str) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for index in every_index():
                pipeline.xtrim(index, minid=first, approximate=True, limit=0)
            pipeline.set(key("audit-begins"), first)
            pipeline.execute()

    def _count_cut(self) -> int:
        with told_as_not_durable():
            return _number_before(self._redis.xrange(key("audit"), count=1))


def _number_before(first: Sequence[Raw]) -> int:
    return int(first[0][1]["n"]) - 1 if first else 0
