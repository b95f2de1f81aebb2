"""What the overview shows of one app, gathered in one look at the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from release.freezes import find_next_freeze
from release.model import Color, JobState
from release.tag_watch import sort_by_version
from webhook.missed_tags import SHOWN, MissedTag, TagsView, describe_tags, look_at_tags
from webhook.offers import Offer, app_offers
from webhook.presentation import STALE_SECONDS, age_of, what_it_does
from webhook.queues import read_queues
from webhook.rule_offers import offer_under_rules, tell_wait
from webhook.rules_view import look_at_rules, tell_freeze, tell_next_freeze
from webhook.standing import Standing, stand
from webhook.way_back import WayBack, look_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.config import App
    from release.model import ColorObservation, Job, Observation, Release
    from webhook.access import Caller
    from webhook.queues import PlacedJob
    from webhook.rules_view import RulesView
    from webhook.services import Services

RELEASES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class ColorView:
    """One color's card. ``role``: ``live``, ``test``, ``idle``, ``empty``, ``unknown``; ``words`` tell it."""

    color: Color
    role: str
    words: str
    seen: ColorObservation | None
    release: Release | None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A job in its queue and, in words, what it waits for or does."""

    job: Job
    place: str
    doing: str


@dataclass(frozen=True, slots=True)
class AppView:
    """All of an app that the overview shows.

    ``rules``: of the release that can be promoted. ``freeze``, ``next_freeze``: in words, empty without one.
    """

    name: str
    app: App
    observation: Observation | None
    is_stale: bool
    standing: Standing
    colors: tuple[ColorView, ...]
    queue: tuple[QueueRow, ...]
    releases: tuple[Release, ...]
    offers: tuple[Offer, ...]
    way_back: WayBack
    tags: TagsView
    missed: tuple[MissedTag, ...]
    rules: RulesView | None
    freeze: str
    next_freeze: str


def look_at(name: str, services: Services, caller: Caller | None) -> AppView:
    """Gather one app's view."""
    store, config = services.store, services.config
    observation, on_a_color = store.observation(name), store.releases_on_a_color(name)
    standing, queue = stand(observation, on_a_color), read_queues(name, services)
    tags = look_at_tags(name, services)
    way_back = look_back(name, services, standing=standing, queue=[job for _, job in queue])
    chosen = standing.ready or standing.rolled_back
    rules = look_at_rules(chosen, services, caller) if chosen else None
    frozen = services.requests.gate.find_freeze(name)
    coming = find_next_freeze(config.apps[name].freezes, services.settings.clock())
    return AppView(
        name=name,
        app=config.apps[name],
        observation=observation,
        is_stale=observation is not None and age_of(observation, services.settings.clock()) > STALE_SECONDS,
        standing=standing,
        colors=tuple(
            view_color(color, observation, on_a_color, cookie=config.apps[name].test_cookie)
            for color in Color
        ),
        queue=queue_rows(queue),
        releases=tuple(store.releases(name, limit=RELEASES_SHOWN)),
        offers=tell_wait(offer_under_rules(app_offers(standing, way_back), rules), frozen),
        way_back=way_back,
        tags=tags,
        missed=describe_tags(sort_by_version(tags.missed)[::-1][:SHOWN], standing),
        rules=rules,
        freeze=tell_freeze(frozen) if frozen else "",
        next_freeze=tell_next_freeze(coming) if coming else "",
    )


def view_color(
    color: Color, observation: Observation | None, on_a_color: Sequence[Release], *, cookie: str
) -> ColorView:
    """A color's card. What runs is what the cluster showed; our own record only adds its state."""
    if observation is None:
        return ColorView(color, "unknown", "no worker has looked at the cluster yet", None, None)
    seen = observation.color(color)
    release = next((one for one in on_a_color if one.id == seen.release), None)
    if observation.live is color:
        return ColorView(color, "live", "every user is here", seen, release)
    if observation.test_route is color:
        return ColorView(color, "test", f"only requests with the cookie {cookie}", seen, release)
    if seen.exists:
        return ColorView(color, "idle", "runs, but no request is sent here", seen, release)
    return ColorView(color, "empty", "nothing runs here", seen, release)


def queue_rows(queue: Sequence[PlacedJob]) -> tuple[QueueRow, ...]:
    """A queue's rows with what each job waits for or does."""
    return tuple(QueueRow(job, _name_place(position, job), what_it_does(job)) for position, job in queue)


def _name_place(position: int, job: Job) -> str:
    if job.state is not JobState.WAITING:
        return "now"
    if job.start_by:
        return "waits"
    return "held" if job.held_until else str(position or "next")
