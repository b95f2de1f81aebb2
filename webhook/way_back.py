"""Whether a way leads back from what is live: the same words on pages and in the API, before and after.

A pure decision over what Redis knows, as in ``offers``. Before: which deploy ends it. After: what ended it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from release.model import JobKind, State
from webhook.people import tell_people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.model import Job, Release
    from webhook.offers import Standing
    from webhook.services import Services


@dataclass(frozen=True, slots=True)
class WayBack:
    """``release`` is where a rollback would move users; ``note`` tells of it, or why there is none."""

    release: Release | None
    note: str


def look_back(app: str, services: Services, *, standing: Standing, queue: Sequence[Job]) -> WayBack:
    """An app's way back; earlier releases are read only where there is none."""
    earlier = [] if standing.standby else services.store.releases(app)
    own = [job for job in queue if job.app == app]
    return find_way_back(standing, queue=own, earlier=earlier)


def find_way_back(standing: Standing, *, queue: Sequence[Job], earlier: Sequence[Release]) -> WayBack:
    """Where a rollback would lead. ``queue`` and ``earlier`` hold the app's own jobs and releases."""
    if standing.standby:
        return WayBack(standing.standby, _tell_open(standing.standby, queue))
    return WayBack(None, _tell_closed(standing, earlier))


def _tell_open(standby: Release, queue: Sequence[Job]) -> str:
    deploys = (job for job in queue if job.kind is JobKind.DEPLOY and job.color is standby.color)
    taker = next(deploys, None)
    end = f"; {taker.tag} in the queue ends that, from its deploy stage on" if taker else ""
    return f"the way back is open: {standby.tag} still runs on {standby.color}{end}"


def _tell_closed(standing: Standing, earlier: Sequence[Release]) -> str:
    if standing.live is None:
        return "no color is known to be live, so there is no way back"
    if standing.rolled_back:
        return (
            f"no way back: users were moved back already; promote {standing.rolled_back.tag} to return to it"
        )
    lost = _find_lost(standing, earlier)
    if lost:
        return (
            f"no way back to {lost.tag}: {tell_people(lost.reason)}; "
            f"`verdigris redeploy {lost.id}` deploys it again"
        )
    return "no way back: no other release has been live and still runs"


def _find_lost(standing: Standing, earlier: Sequence[Release]) -> Release | None:
    """What users could last have been moved back to: only releases that were live become retired."""
    beside = [one for one in earlier if one.state is State.RETIRED and one.color is not standing.live]
    return max(beside, key=lambda one: one.updated_at, default=None)
