"""What the overview shows of one app, gathered in one look at the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from release.model import Color, JobState
from webhook.offers import Offer, Standing, app_offers, stand
from webhook.presentation import STALE_SECONDS, age_of, what_it_does
from webhook.queues import read_queues
from webhook.way_back import WayBack, look_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.config import App
    from release.model import ColorObservation, Job, Observation, Release
    from webhook.queues import PlacedJob
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
    """All of an app that the overview shows."""

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


def look_at(name: str, services: Services) -> AppView:
    """Gather one app's view."""
    store, config = services.store, services.config
    observation, on_a_color = store.observation(name), store.releases_on_a_color(name)
    standing, queue = stand(observation, on_a_color), read_queues(name, services)
    way_back = look_back(name, services, standing=standing, queue=[job for _, job in queue])
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
        offers=app_offers(standing, way_back),
        way_back=way_back,
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
    return "held" if job.held_until else str(position or "next")
