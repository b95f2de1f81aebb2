"""What an app's page shows, gathered in one look. Most of it is remembered until something happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from release.attention import find_stuck, is_stale, tell_stuck
from release.freezes import find_next_freeze
from release.model import Color, JobState
from release.recovery import find_newest
from release.roles import Action
from release.tag_watch import sort_by_version
from webhook.cookie_way import find_cookie_route
from webhook.deeds import SHOWN as DEEDS_SHOWN
from webhook.deeds import deed_of_job, tell_end
from webhook.differences import look_at_difference, with_sum
from webhook.glance import find_role, fits
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
    from datetime import datetime

    from release.config import App
    from release.model import Job, Release
    from release.observation import ColorObservation, Observation
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
    """One color's card. ``role``: ``live``, ``test``, ``idle``, ``empty``, ``unknown``; ``words`` tell it.

    ``badge``: how its release stands, where the role does not tell it.
    """

    color: Color
    role: str
    words: str
    seen: ColorObservation | None
    release: Release | None
    badge: str = ""


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
    ``deeds``: who did what, of the audit trail; of the latest jobs for who may not read it. ``stuck``: the
    job that no worker takes, with what helps; empty without one.
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
    stuck: str = ""


def look_at(name: str, services: Services, caller: Caller | None) -> AppView:
    """Gather one app's view."""
    config, seen = services.config, services.store.observation(name)
    app, known = config.apps[name], services.remembered.records(name)
    observation = find_newest(seen, known.on_a_color)
    standing = stand(observation, known.on_a_color)
    jobs = [job for _, job in known.queue]
    way_back = look_back(name, services, standing=standing, queue=jobs, earlier=known.releases)
    chosen = standing.ready or standing.rolled_back
    rules = look_at_rules(chosen, services, caller) if chosen else None
    difference = look_at_difference(chosen, services, observation=observation) if chosen else None
    frozen = services.requests.gate.find_freeze(name)
    tags, now = look_at_tags(name, services), services.settings.clock()
    stuck = find_stuck((job for job in jobs if job.app == name), now)
    coming = find_next_freeze(app.freezes, now)
    return AppView(
        name=name,
        app=app,
        observation=observation,
        is_stale=observation is not None and is_stale(observation, now),
        standing=standing,
        stuck=tell_stuck(stuck) if stuck else "",
        colors=tuple(
            view_color(
                color, observation, run_by(color, observation, known, services), app.test_cookie, rules
            )
            for color in Color
        ),
        queue=queue_rows(known.queue, now),
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
        deeds = services.remembered.deeds(name, {one.id: one.tag for one in known.releases})
        return tuple(tell_end(one, known.jobs) for one in deeds)
    return tuple(deed_of_job(job) for job in known.jobs[:DEEDS_SHOWN])


def run_by(
    color: Color, observation: Observation | None, known: AppRecords, services: Services
) -> Release | None:
    """The release that a color runs, also one that runs or failed: it may be older than those at hand."""
    release_id = observation.color(color).release if observation else None
    at_hand = (one for one in (*known.on_a_color, *known.releases) if one.id == release_id)
    return next(at_hand, None) or (services.store.find_release(release_id) if release_id else None)


def view_color(
    color: Color,
    observation: Observation | None,
    release: Release | None,
    cookie: str,
    rules: RulesView | None,
) -> ColorView:
    """A color's card. What runs is what the cluster showed; our own record only adds how it stands."""
    if observation is None:
        return ColorView(color, "unknown", "no worker has looked at the cluster yet", None, None)
    role, badge = find_role(color, observation), ""
    if release and fits(release, role):
        is_judged = rules is not None and rules.release.id == release.id
        badge = rules.tell_badge() if rules and is_judged else str(release.state)
    words = {
        "live": "every user is here",
        "test": f"only requests with the cookie {cookie}",
        "idle": "runs, but no request is sent here",
        "empty": "nothing runs here",
    }
    return ColorView(color, role, words[role], observation.color(color), release, badge)


def queue_rows(queue: Sequence[PlacedJob], now: datetime) -> tuple[QueueRow, ...]:
    """A queue's rows with what each job waits for or does."""
    return tuple(QueueRow(job, _name_place(position, job), what_it_does(job, now)) for position, job in queue)


def _name_place(position: int, job: Job) -> str:
    if job.state is not JobState.WAITING:
        return "now"
    if job.start_by:
        return "waits"
    return "held" if job.held_until else str(position or "next")
