"""One look at an app: what the cluster shows, who interfered, and our records, which follow it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from release.interference import count_moves, find_interference
from release.recovery import find_replaced, find_running
from tasks.execution import look_at_app

if TYPE_CHECKING:
    from release.interference import Discovery
    from release.observation import Observation
    from release.others import Interference
    from tasks.step import Surroundings

log = structlog.get_logger(__name__)

FRESH: Final = 7.5
"""Seconds for which another worker's look will do."""

RECENT: Final = 20
"""Releases whose moves are counted."""


def look(around: Surroundings, name: str) -> None:
    """Look at an app, unless another worker has just done so."""
    known = around.store.observation(name)
    if known and (around.clock() - known.at).total_seconds() < FRESH:
        return
    seen = look_at_app(around, name)
    if replaced := find_replaced(seen, around.store.releases_on_a_color(name)):
        around.queue.settle(replaced)
    if recovered := around.queue.recover(find_running(seen)):
        log.warning("releases read back from the cluster: Redis did not know them", releases=recovered)
    _follow_others(around, seen)


def _follow_others(around: Surroundings, seen: Observation) -> None:
    """Notice what somebody else did, and record it.

    The job is read after the cluster was: one that begins later can't have done what is seen. Then the
    records: what they miss of a job that just ended is younger than the look.
    """
    active = around.store.find_active(seen.app)
    releases = around.store.releases_on_a_color(seen.app)
    last = around.store.observation(seen.app)
    known = last.interference if last else None
    discovery = find_interference(seen, releases, active=active, known=known)
    if discovery.moves:
        around.queue.settle(discovery.moves)
    found = _count(around, seen.app, discovery)
    line = ". ".join(text for text in (discovery.line, found.again if found else "") if text)
    for release_id in discovery.releases:
        around.queue.tell_of_release(release_id, mark=discovery.mark, text=line)
    if last and found != known:
        around.store.observe(replace(last, interference=found))
    if discovery.line:
        log.warning("somebody else changed the route", app=seen.app, what=line)


def _count(around: Surroundings, app: str, discovery: Discovery) -> Interference | None:
    """The interference, with how often users were moved so lately where they just were."""
    found = discovery.interference
    if found is None or not discovery.moves:
        return found
    recent = around.store.releases(app, limit=RECENT)
    changes = [change for release in recent for change in around.store.changes(release.id)]
    return replace(found, times=max(1, count_moves(changes, now=around.clock())))
