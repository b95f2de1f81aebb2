"""All apps at a glance: a row each, what needs attention first.

Rows are kept as they are shown until something happens to their app or the words in them come of age, so that
hundreds of apps cost hardly more than two. Who may see which is for the page to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from markupsafe import Markup

from release.attention import (
    STALE,
    find_failure,
    find_stuck,
    find_troubles,
    is_low,
    stuck_from,
    tell_stuck,
)
from release.freezes import find_freeze, find_next_freeze
from release.gate import Gate
from release.model import Color, JobState, StartWhen, State
from release.recovery import find_newest
from webhook.filters import DAY, HOUR, MINUTE, tell_age
from webhook.presentation import WAITS
from webhook.queues import read_queues
from webhook.rules_view import tell_badge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from release.attention import Failure
    from release.clock import Clock
    from release.config import Config
    from release.model import Job, Release
    from release.observation import Observation
    from release.store import Store as RealStore
    from webhook.queues import PlacedJob
    from webhook.remembered import Numbers
    from webhook.services import Store

NOTHING: Final = Markup()
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

LONGEST: Final = 600
"""Seconds after which a row is made anew in any case: old releases are forgotten without a word."""
BRIEF: Final = 10
"""The same, while a job of the app waits: what it waits for may come without a word."""
MOST_VIEWS: Final = 16
"""For so many kinds of people, by the apps that they may see, all rows are kept in one piece."""
JOBS_READ: Final = 10
LONGEST_TEXT: Final = 90
WAITS_FOR: Final = {
    StartWhen.CI_PASSED: "for CI",
    StartWhen.IMAGE_EXISTS: "for its image",
    StartWhen.FREEZE_ENDS: "for the end of the freeze",
    StartWhen.PUSHED: "to start",
}


@dataclass(frozen=True, slots=True)
class ColorGlance:
    """One color in a row. ``role`` as on the app's page; ``since``: when its release came into its state.

    ``badge``: how that stands, where the role does not tell it; ``due_at``: when it is promoted by itself.
    """

    color: Color
    role: str
    tag: str = ""
    since: datetime | None = None
    is_low: bool = False
    badge: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AppGlance:
    """What a row shows of an app.

    ``trouble``: the worst that is wrong, in a few words; ``more``: its other jobs; ``is_failing``: its last
    failure needs attention; ``is_stuck``: no worker takes its job, before all else.
    """

    name: str
    colors: tuple[ColorGlance, ...]
    trouble: str = ""
    is_seen: bool = True
    last_seen: datetime | None = None
    doing: str = ""
    doing_state: str = ""
    doing_release: str = ""
    more: int = 0
    frozen_until: datetime | None = None
    failure: Failure | None = None
    is_failing: bool = False
    is_stuck: bool = False

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look before they look at anything else."""
        return bool(self.trouble or self.last_seen or self.is_failing)

    @property
    def words(self) -> str:
        """What a filter is held against."""
        return " ".join((self.name, *(one.tag for one in self.colors))).casefold()

    def moments(self) -> Iterator[datetime]:
        """Those whose age the row tells."""
        found = (*(one.since for one in self.colors), self.last_seen, self.failure and self.failure.at)
        return (one for one in found if one)


@dataclass(frozen=True, slots=True)
class Row:
    """An app's row as it is shown ``until`` then, unless something happens to the app."""

    name: str
    number: int
    until: datetime
    glance: AppGlance
    html: Markup = NOTHING
    needs_attention: bool = False
    words: str = ""
    worded_until: datetime = LONG_AGO


@dataclass(frozen=True, slots=True)
class View:
    """The rows of some apps, by name, those first that need attention. It holds ``until`` nothing happens."""

    alarming: tuple[Row, ...]
    others: tuple[Row, ...]
    numbers: Mapping[str, int]
    unseen: Mapping[str, datetime]
    until: datetime
    alarming_html: Markup
    others_html: Markup

    @classmethod
    def of(
        cls, rows: Iterable[Row], *, numbers: Mapping[str, int], unseen: Mapping[str, datetime], now: datetime
    ) -> View:
        """What was read under these numbers."""
        by_name = sorted(rows, key=lambda row: (not row.glance.is_stuck, row.name))
        alarming = tuple(row for row in by_name if row.needs_attention)
        others = tuple(row for row in by_name if not row.needs_attention)
        until = min((min(row.until, row.worded_until) for row in by_name), default=now)
        return cls(alarming, others, numbers, unseen, until, join(alarming), join(others))

    def filtered(self, text: str) -> View:
        """Only those with that in their name, or in a tag that runs."""
        found = [row for row in (*self.alarming, *self.others) if text.casefold() in row.words]
        return self.of(found, numbers=self.numbers, unseen=self.unseen, now=self.until)

    def __len__(self) -> int:
        return len(self.alarming) + len(self.others)


class Glance:
    """The rows of all apps. ``render`` makes one of what it shows."""

    def __init__(
        self,
        config: Config,
        store: Store,
        numbers: Numbers,
        *,
        clock: Clock,
        render: Callable[[AppGlance], Markup],
    ) -> None:
        self._config, self._store, self._numbers = config, store, numbers
        self._clock, self._render = clock, render
        self._gate = Gate(config, cast("RealStore", store), clock)
        self._rows: dict[str, Row] = {}
        self._views: dict[tuple[str, ...], View] = {}

    def look(self, apps: tuple[str, ...]) -> View:
        """Their rows.

        Raises:
            NotDurable: Redis can't be asked.
        """
        now, numbers = self._clock(), self._numbers.look()
        unseen = self._store.last_seen_before(now - STALE)
        known = self._views.get(apps)
        if known and known.numbers is numbers and known.unseen == unseen and now < known.until:
            return known
        rows = [self._get_row(app, numbers[app], unseen.get(app), now) for app in apps]
        view = View.of(rows, numbers=numbers, unseen=unseen, now=now)
        if len(self._views) >= MOST_VIEWS:
            self._views.clear()
        self._views[apps] = view
        return view

    def _get_row(self, app: str, number: int, last_seen: datetime | None, now: datetime) -> Row:
        row = self._rows.get(app)
        if row is None or row.number != number or now >= row.until:
            row = self._make_row(app, number, last_seen, now)
        elif row.glance.last_seen != last_seen or now >= row.worded_until:
            row = word(row, replace(row.glance, last_seen=last_seen), self._render, now)
        self._rows[app] = row
        return row

    def _make_row(self, app: str, number: int, last_seen: datetime | None, now: datetime) -> Row:
        queue = read_queues(app, self._config, self._store)
        glance = self._read(app, queue, last_seen, now)
        row = Row(app, number, self._find_end(glance, queue, now), glance)
        return word(row, glance, self._render, now)

    def _read(self, app: str, queue: Sequence[PlacedJob], seen: datetime | None, now: datetime) -> AppGlance:
        store = self._store
        look, on_a_color = store.observation(app), store.releases_on_a_color(app)
        observation = find_newest(look, on_a_color)
        own = [(place, job) for place, job in queue if job.app == app]
        doing, stuck = find_first(own), find_stuck((job for _, job in own), now)
        waiting = store.find_release(doing[1].release_id or "") if doing and doing[1].start_by else None
        frozen = find_freeze(self._config.apps[app].freezes, now)
        failure = find_failure(store.recent_jobs(app, limit=JOBS_READ))
        return AppGlance(
            name=app,
            colors=tuple(self._read_color(color, observation, on_a_color, now) for color in Color),
            trouble=tell_stuck(stuck) if stuck else shorten(next(iter(find_troubles(observation)), "")),
            is_seen=observation is not None,
            last_seen=seen,
            doing=tell_doing(*doing, waiting) if doing else "",
            doing_state=str(doing[1].state) if doing else "",
            doing_release=doing[1].release_id or "" if doing else "",
            more=max(0, len(own) - 1),
            frozen_until=frozen.until if frozen else None,
            failure=failure,
            is_failing=failure is not None and failure.counts(now),
            is_stuck=stuck is not None,
        )

    def _read_color(
        self, color: Color, observation: Observation | None, on_a_color: Sequence[Release], now: datetime
    ) -> ColorGlance:
        runs = observation.color(color).release if observation else None
        at_hand = next((one for one in on_a_color if one.id == runs), None)
        release = at_hand or (self._store.find_release(runs) if runs else None)
        seen = glance_at(color, observation, release)
        if release is None or release.state is not State.READY or not seen.badge:
            return seen
        countdown = self._gate.count_down(release)
        badge = tell_badge(release, self._gate.judge(release), countdown, now)
        return replace(seen, badge=badge, due_at=countdown.due_at if countdown else None)

    def _find_end(self, glance: AppGlance, queue: Sequence[PlacedJob], now: datetime) -> datetime:
        """When the row may read otherwise though nothing happened. Not all rows are made anew at once."""
        apart = sum(map(ord, glance.name)) % LONGEST
        longest = BRIEF if any(job.state is JobState.WAITING for _, job in queue) else LONGEST + apart
        coming = find_next_freeze(self._config.apps[glance.name].freezes, now)
        due = ((one.due_at - now).total_seconds() for one in glance.colors if one.due_at)
        minutes = (now + timedelta(seconds=left % MINUTE or MINUTE) for left in due if left > 0)
        changes = (*minutes, *(stuck_from(job) for _, job in queue))
        known = [one for one in (glance.frozen_until, coming and coming.at, *changes) if one and one > now]
        if glance.failure and glance.is_failing:
            known.append(glance.failure.counts_until)
        return min([now + timedelta(seconds=longest), *known])


def join(rows: Iterable[Row]) -> Markup:
    """One after the other, as they are shown."""
    return Markup().join(row.html for row in rows)


def word(row: Row, glance: AppGlance, render: Callable[[AppGlance], Markup], now: datetime) -> Row:
    """The row in words, which hold until one of its ages is another."""
    ages = [find_next_age(one, now) for one in glance.moments()]
    return replace(
        row,
        glance=glance,
        html=render(glance),
        needs_attention=glance.needs_attention,
        words=glance.words,
        worded_until=min(ages, default=row.until),
    )


def glance_at(color: Color, observation: Observation | None, release: Release | None) -> ColorGlance:
    """One color in short, and the release that it runs. What runs is what the cluster showed."""
    if observation is None:
        return ColorGlance(color, "unknown")
    seen, role = observation.color(color), find_role(color, observation)
    return ColorGlance(
        color,
        role,
        tag=(seen.tag or "not ours") if seen.exists else "",
        since=release.updated_at if release else None,
        is_low=is_low(seen),
        badge=str(release.state) if release and fits(release, role) else "",
    )


def find_role(color: Color, observation: Observation) -> str:
    """``live``, ``test``, ``idle`` or ``empty``."""
    if observation.live is color:
        return "live"
    if observation.test_route is color:
        return "test"
    return "idle" if observation.color(color).exists else "empty"


def fits(release: Release, role: str) -> bool:
    """Whether its state says more than the role, and nothing else: the cluster is ahead of our records."""
    return role != "live" and release.state is not State.LIVE


def shorten(text: str) -> str:
    """Its beginning, as a row has room for; the app's page has it all."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def find_first(own: Sequence[PlacedJob]) -> PlacedJob | None:
    """The job that is told: what is active, else what comes next."""
    active = (placed for placed in own if placed[1].state is not JobState.WAITING)
    return next(active, own[0] if own else None)


def tell_doing(place: int, job: Job, release: Release | None) -> str:
    """``deploy v2.0-blue: waits for its turn, 3rd``. ``release``: of a job that stands in no queue yet."""
    return f"{job.kind} {job.tag or job.color}: {_tell_state(place, job, release)}"


def _tell_state(place: int, job: Job, release: Release | None) -> str:
    if job.state is JobState.RUNNING:
        return f"{job.stage} runs"
    if job.start_by:
        return f"waits {WAITS_FOR[release.start_when if release else StartWhen.PUSHED]}"
    if job.held_until:
        return f"held until {job.held_until:%H:%M} UTC"
    ahead = f", {place} ahead" if place and job.state is JobState.WAITING else ""
    return f"{WAITS.get(job.state, job.state.value)}{ahead}"


def tell_rough_age(seconds: float) -> str:
    """As every age is told, but that of the last minute is not told by the second."""
    return tell_age(seconds) if seconds >= MINUTE else "just now"


def find_next_age(moment: datetime, now: datetime) -> datetime:
    """When ``tell_rough_age`` says something else of it."""
    age = max(0.0, (now - moment).total_seconds())
    unit = next((one for one in (DAY, HOUR) if age >= one), MINUTE)
    return moment + timedelta(seconds=(age // unit + 1) * unit)
