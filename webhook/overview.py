"""What an app's page shows, gathered in one look. Most of it is remembered until something happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from release.attention import is_stale
from release.freezes import find_next_freeze
from release.model import Color, JobState
from release.roles import Action
from release.tag_watch import sort_by_version
from webhook.cookie_way import find_cookie_route
from webhook.deeds import SHOWN as DEEDS_SHOWN
from webhook.deeds import deed_of_job
from webhook.differences import look_at_difference, with_sum
from webhook.glance import find_role
from webhook.missed_tags import SHOWN, MissedTag, TagsView, describe_tags, look_at_tags
from webhook.offers import Offer, app_offers
from webhook.presentation import what_it_does
from webhook.rights import is_allowed
from webhook.rule_offers import offer_under_rules, tell_wait
from webhook.rules_view import look_at_rules, tell_freeze, tell_next_freeze
from webhook.standing import Standing, stand
from webhook.way_back import WayBack, look_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.config import App
    from release.model import ColorObservation, Job, Observation, Release
    from webhook.access import Caller
    from webhook.cookie_way import CookieRoute
    from webhook.deeds import Deed
    from webhook.differences import DifferenceView
    from webhook.queues import PlacedJob
    from webhook.remembered import AppRecords
    from webhook.rules_view import RulesView
    from webhook.services import Services

RELEASES_SHOWN: Final = 6


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
    """All of an app that its page shows.

    ``rules``, ``difference``: of the release that can be promoted. ``freeze``, ``next_freeze``: in words,
    empty without one.
    ``deeds``: who did what, of the audit trail; of the latest jobs for who may not read it.
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
    difference: DifferenceView | None
    way_back: WayBack
    tags: TagsView
    missed: tuple[MissedTag, ...]
    rules: RulesView | None
    freeze: str
    next_freeze: str
    cookie_route: CookieRoute | None
    deeds: tuple[Deed, ...]


def look_at(name: str, services: Services, caller: Caller | None) -> AppView:
    """Gather one app's view."""
    config, known = services.config, services.remembered.records(name)
    app, observation = config.apps[name], services.store.observation(name)
    standing = stand(observation, known.on_a_color)
    jobs = [job for _, job in known.queue]
    way_back = look_back(name, services, standing=standing, queue=jobs, earlier=known.releases)
    chosen = standing.ready or standing.rolled_back
    rules = look_at_rules(chosen, services, caller) if chosen else None
    difference = look_at_difference(chosen, services, observation=observation) if chosen else None
    frozen = services.requests.gate.find_freeze(name)
    tags, now = look_at_tags(name, services), services.settings.clock()
    coming = find_next_freeze(app.freezes, now)
    return AppView(
        name=name,
        app=app,
        observation=observation,
        is_stale=observation is not None and is_stale(observation, now),
        standing=standing,
        colors=tuple(
            view_color(color, observation, known.on_a_color, cookie=app.test_cookie) for color in Color
        ),
        queue=queue_rows(known.queue),
        releases=known.releases[:RELEASES_SHOWN],
        difference=difference,
        offers=with_sum(
            tell_wait(offer_under_rules(app_offers(standing, way_back), rules), frozen), difference
        ),
        way_back=way_back,
        tags=tags,
        missed=describe_tags(sort_by_version(tags.missed)[::-1][:SHOWN], standing),
        rules=rules,
        freeze=tell_freeze(frozen) if frozen else "",
        next_freeze=tell_next_freeze(coming) if coming else "",
        cookie_route=find_cookie_route(app),
        deeds=find_deeds(name, known, services),
    )


def find_deeds(name: str, known: AppRecords, services: Services) -> tuple[Deed, ...]:
    """Who did what: all of it for those who may read the audit trail, else what jobs tell."""
    if is_allowed(Action.READ_AUDIT, name):
        return services.remembered.deeds(name, {one.id: one.tag for one in known.releases})
    return tuple(deed_of_job(job) for job in known.jobs[:DEEDS_SHOWN])


def view_color(
    color: Color, observation: Observation | None, on_a_color: Sequence[Release], *, cookie: str
) -> ColorView:
    """A color's card. What runs is what the cluster showed; our own record only adds its state."""
    if observation is None:
        return ColorView(color, "unknown", "no worker has looked at the cluster yet", None, None)
    seen = observation.color(color)
    release = next((one for one in on_a_color if one.id == seen.release), None)
    role = find_role(color, observation)
    words = {
        "live": "every user is here",
        "test": f"only requests with the cookie {cookie}",
        "idle": "runs, but no request is sent here",
        "empty": "nothing runs here",
    }
    return ColorView(color, role, words[role], seen, release)


def queue_rows(queue: Sequence[PlacedJob]) -> tuple[QueueRow, ...]:
    """A queue's rows with what each job waits for or does."""
    return tuple(QueueRow(job, _name_place(position, job), what_it_does(job)) for position, job in queue)


def _name_place(position: int, job: Job) -> str:
    if job.state is not JobState.WAITING:
        return "now"
    if job.start_by:
        return "waits"
    return "held" if job.held_until else str(position or "next")
