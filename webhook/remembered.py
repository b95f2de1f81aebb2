"""What this process remembers of apps until something happens to them: nobody asks Redis for it again.

Each event gives its app another number (``release.events``); what was read under a number holds as long as
that stays. Numbers are asked for before what is remembered under them, so that nothing newer is overlooked.
What changes without an event (the age of an observation, missed tags, freezes) is not remembered here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from webhook.deeds import read_deeds
from webhook.queues import read_queues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from release.config import Config
    from release.model import Job, Release
    from webhook.deeds import Deed
    from webhook.queues import PlacedJob
    from webhook.services import Events, Store

Mark = TypeVar("Mark")
Kept = TypeVar("Kept")

MOST_APPS: Final = 32
"""How many apps' records are kept: those whose pages are open."""
EARLIER: Final = 50
"""Releases of an app that are read, the newest."""
JOBS: Final = 10
"""Jobs of an app that are read, the newest."""


@dataclass(frozen=True, slots=True)
class AppRecords:
    """What the queue's scripts wrote of an app. ``queue``: all that it goes through, whole, with places."""

    on_a_color: tuple[Release, ...]
    queue: tuple[PlacedJob, ...]
    releases: tuple[Release, ...]
    jobs: tuple[Job, ...]


class Numbers:
    """By app, a number that is another one after each event of it, or of an app in one of its queues."""

    def __init__(self, config: Config, events: Events) -> None:
        self._groups = find_groups(config)
        self._events = events
        self._known: tuple[str, Mapping[str, int]] = ("", {})

    def look(self) -> Mapping[str, int]:
        """The numbers now; one short question where nothing has happened since the last look.

        Raises:
            NotDurable: Redis can't be asked.
        """
        last = self._events.last_id()
        known, numbers = self._known
        if last != known or not numbers:
            numbers = dict(self._sum_up(self._events.touched()))
            self._known = last, numbers  # at once: other threads look as well
        return numbers

    def _sum_up(self, touched: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        for group, apps in self._groups.items():
            number = sum(touched.get(one, 0) for one in group)
            yield from ((app, number) for app in apps)


class Shelf(Generic[Mark, Kept]):
    """Something of each of a few apps, as long as a mark stays the same; who was not asked for goes first."""

    def __init__(self, *, most: int = MOST_APPS) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[Mark, Kept]] = OrderedDict()
        self._lock = Lock()

    def get(self, app: str, mark: Mark, read: Callable[[], Kept]) -> Kept:
        """What is kept under the mark, else what is read now."""
        with self._lock:
            known = self._kept.get(app)
        found = known[1] if known and known[0] == mark else read()
        with self._lock:
            self._kept[app] = (mark, found)
            self._kept.move_to_end(app)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


class Remembered:
    """Records of the apps whose pages are open. Threads may read the same twice; none reads what is old."""

    def __init__(self, config: Config, store: Store) -> None:
        self.numbers = Numbers(config, store.events)
        self._config, self._store = config, store
        self._records: Shelf[int, AppRecords] = Shelf()
        self._deeds: Shelf[str, tuple[Deed, ...]] = Shelf()

    def records(self, app: str) -> AppRecords:
        """What is known of an app now.

        Raises:
            NotDurable: Redis can't be asked.
        """
        number = self.numbers.look()[app]
        return self._records.get(app, number, lambda: read_records(app, self._config, self._store))

    def deeds(self, app: str, tags: Mapping[str, str]) -> tuple[Deed, ...]:
        """Who did what to an app, the newest first. ``tags``: of its latest releases, by id.

        Raises:
            NotDurable: Redis can't be asked.
        """
        newest = self._store.audit.find_newest(app)
        return self._deeds.get(app, newest, lambda: read_deeds(app, self._store, tags))


def read_records(app: str, config: Config, store: Store) -> AppRecords:
    """Read them; each of these is a round trip or two."""
    return AppRecords(
        on_a_color=tuple(store.releases_on_a_color(app)),
        queue=tuple(read_queues(app, config, store)),
        releases=tuple(store.releases(app, limit=EARLIER)),
        jobs=tuple(store.recent_jobs(app, limit=JOBS)),
    )


def find_groups(config: Config) -> dict[tuple[str, ...], list[str]]:
    """Apps by those that share a queue with them, as their places there depend on those apps' jobs."""
    users: dict[str, list[str]] = {}
    for app in config.apps:
        for queue in config.queues_of(app):
            users.setdefault(queue, []).append(app)
    groups: dict[tuple[str, ...], list[str]] = {}
    for app in config.apps:
        beside = (one for queue in config.queues_of(app) for one in users[queue])
        groups.setdefault(tuple(dict.fromkeys(beside)), []).append(app)
    return groups
