"""What the cluster itself says of releases, where our records do not: Redis was emptied, or somebody's hand.

The Deployments' labels and annotations and the route's annotations hold release, tag, commit, what passed its
tests, what is live and what was before. From these the releases that matter now are recorded again, with the
reason beside them; the history of the others is lost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from release.model import VERDIGRIS, Color, State
from release.queue import NewRelease
from release.records import Move

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release.model import ColorObservation, Observation, Release

REASON: Final = "read back from the cluster: Redis did not know it"


def find_running(observation: Observation) -> list[NewRelease]:
    """The releases that an observation shows, oldest first (their ids sort by time)."""
    found = [_release(observation, observation.color(color)) for color in Color]
    return sorted((release for release in found if release), key=lambda release: release.id)


def _release(observation: Observation, seen: ColorObservation) -> NewRelease | None:
    """What runs on a color, where Verdigris put it there."""
    if not seen.exists or not seen.release or not seen.tag:
        return None
    return NewRelease(
        id=seen.release,
        app=observation.app,
        tag=seen.tag,
        color=seen.color,
        commit=seen.commit or "",
        actor=VERDIGRIS,
        reason=REASON,
        state=state_of(observation, seen),
    )


def state_of(observation: Observation, seen: ColorObservation) -> State:
    """Where in its life a release is, by what the cluster shows.

    The release that was live before is on standby, or rolled back if it is the newer one of the two.
    """
    if observation.live is seen.color:
        return State.LIVE
    if seen.release == observation.previous_release and observation.live_release:
        is_newer = str(seen.release) > observation.live_release
        return State.ROLLED_BACK if is_newer else State.STANDBY
    return State.READY if seen.passed else State.FAILED


def find_replaced(observation: Observation, releases: Iterable[Release]) -> list[Move]:
    """The end of ready releases whose Deployment no longer runs them: they can't be promoted any more.

    Only those that were ready before the observation was made; it may be older than the record.
    """
    if observation.problem:
        return []
    return [
        Move(
            release.id,
            frozenset({State.READY}),
            State.SUPERSEDED,
            VERDIGRIS,
            f"{release.color} does not run it any more: it was deleted or replaced by somebody else",
        )
        for release in releases
        if release.state is State.READY
        and release.updated_at < observation.at
        and observation.color(release.color).release != release.id
    ]


def keep_last_known(known: Observation | None, seen: Observation) -> Observation:
    """What pages are shown when the cluster can't be read: the last that was, with its age, and the trouble.

    Showing nothing instead would look like an empty cluster.
    """
    is_unread = seen.problem and not seen.blue.exists and not seen.green.exists
    return replace(known, problem=seen.problem) if known and is_unread else seen
