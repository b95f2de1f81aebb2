"""Releases of the past, the newest first, page by page: what is asked for, at a bounded cost.

Redis keeps no index but by app, so everything else is looked for: so many records a page, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from release.records import parse_release
from release.redis_access import key, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Collection

    from release.model import Color, Release, State
    from release.redis_access import Client

BATCH: Final = 200
"""Releases that are read at once where something is looked for."""

MOST_READ: Final = 2_000
"""How many are looked at for one page, so that no question keeps Redis busy for long."""

Numbered = tuple[str, float]
"""A release's id, and its number: they are counted as they are accepted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a release has to be; empty or None: any. ``apps``: one of these; None: of every app.

    ``text``: a part of the tag or of the name of who asked, or the beginning of the commit.
    """

    apps: Collection[str] | None = None
    state: State | None = None
    color: Color | None = None
    text: str = ""

    @property
    def is_looked_for(self) -> bool:
        """Whether records have to be read to know which fit."""
        return bool(self.state or self.color or self.text)

    def fits(self, release: Release) -> bool:
        """Whether a release of one of the apps is what is wanted."""
        if self.state not in {None, release.state} or self.color not in {None, release.color}:
            return False
        text = self.text.casefold()
        said = (release.tag.casefold(), release.actor.name.casefold())
        return any(text in one for one in said) or release.commit.startswith(text)


EVERYTHING: Final = Wanted()


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """Some releases. ``next``: go on after this; None at the end.

    A page may be short, even empty, and still have a ``next``: so many were looked at in vain.
    """

    releases: tuple[Release, ...]
    next: str | None


class History:
    """Reads what the queue's scripts keep. ``NotDurable`` while Redis can't be asked."""

    def __init__(self, client: Client, *, most_read: int = MOST_READ) -> None:
        self._redis: Any = client
        self._most_read = most_read

    def read(self, wanted: Wanted = EVERYTHING, *, after: str | None = None, limit: int = 50) -> ReleasePage:
        """What is wanted, the newest first; ``after`` the place that ended the page before."""
        size = BATCH if wanted.is_looked_for else limit + 1
        found: list[tuple[str, Release]] = []
        place, is_over, looked = after, False, 0
        while not is_over and len(found) <= limit and looked < self._most_read:
            batch = self._find_ids(wanted.apps, place, size)
            found += [one for one in self._read(batch) if wanted.fits(one[1])]
            place, is_over, looked = _end_of(batch, place), len(batch) < size, looked + size
        if len(found) > limit:
            found, is_over = found[:limit], False
            place = found[-1][0]
        return ReleasePage(tuple(release for _, release in found), None if is_over else place)

    def _find_ids(self, apps: Collection[str] | None, place: str | None, size: int) -> list[Numbered]:
        """The next of all apps or, by the numbers that they have in common, of some."""
        indexes = [key("releases")] if apps is None else [key("app", one, "releases") for one in apps]
        highest = f"({place}" if place else "+inf"
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for index in indexes:
                pipeline.zrevrangebyscore(index, highest, "-inf", start=0, num=size, withscores=True)
            found = [one for ids in pipeline.execute() for one in ids]
        return sorted(found, key=lambda one: one[1], reverse=True)[:size]

    def _read(self, batch: list[Numbered]) -> list[tuple[str, Release]]:
        """Each release with its number; those that were forgotten meanwhile are left out."""
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            for release_id, _ in batch:
                pipeline.hgetall(key("release", release_id))
            records = pipeline.execute()
        numbered = zip(batch, records, strict=True)
        return [(f"{number:.0f}", parse_release(record)) for (_, number), record in numbered if record]


def _end_of(batch: list[Numbered], place: str | None) -> str | None:
    return f"{batch[-1][1]:.0f}" if batch else place
