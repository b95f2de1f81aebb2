"""What the cluster itself says of releases, where our records do not: Redis was emptied, or somebody's hand.

The Deployments' labels and annotations and the route's annotations hold release, tag, commit, what passed its
tests, what is live and what was before. From these the releases that matter now are recorded again, with the
reason beside them; the history of the others is lost.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from release.jobs import NewRelease
from release.model import VERDIGRIS, Color, JobKind, State
from release.records import Move

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release.model import Release
    from release.observation import ColorObservation, Observation, Switch

REASON: Final = "read back from the cluster: Redis did not know it"
UNRECORDED: Final = "users were moved to it by a worker that was lost before it could record that"
SETTLED: Final = timedelta(seconds=5)
"""Age of a record from which on an observation may contradict it."""


def find_running(observation: Observation) -> list[NewRelease]:
    """The releases that an observation shows, oldest first (their ids sort by time)."""
    found = [_release(observation, observation.color(color)) for color in Color]
    return sorted((release for release in found if release), key=lambda release: release.id)


def _release(observation: Observation, seen: ColorObservation) -> NewRelease | None:
    """What runs on a color, where Verdigris put it there."""
    if not seen.exists or not seen.release or not seen.tag:
        return None
    state, switch = state_of(observation, seen), observation.switch
    is_noted = observation.live is not None and (
        observation.color(observation.live).release == observation.live_release
    )
    is_direct = switch is not None and switch.is_direct and is_noted
    moved = switch if is_direct and state in {State.LIVE, State.ROLLED_BACK} else None
    return NewRelease(
        id=seen.release,
        app=observation.app,
        tag=seen.tag,
        color=seen.color,
        commit=seen.commit or "",
        actor=moved.actor if moved else VERDIGRIS,
        reason=f"{tell_switch(moved)} ({REASON})" if moved else REASON,
        state=state,
        is_read_back=True,
    )


def state_of(observation: Observation, seen: ColorObservation) -> State:
    """Where in its life a release is, by what the cluster shows.

    The release that was live before is on standby or rolled back, as the route tells of the last switch.
    Where it does not tell, it was rolled back if it is the newer one of the two.
    """
    if observation.live is seen.color:
        return State.LIVE
    if seen.release == observation.live_release and seen.passed:
        return State.ROLLED_BACK  # it was live by the route's note; somebody else moved users away since
    if seen.release == observation.previous_release and observation.live_release:
        is_newer = str(seen.release) > observation.live_release
        is_back = observation.switch.kind is JobKind.ROLLBACK if observation.switch else is_newer
        return State.ROLLED_BACK if is_back else State.STANDBY
    return State.READY if seen.passed else State.FAILED


def find_replaced(observation: Observation, releases: Iterable[Release]) -> list[Move]:
    """What the cluster shows of releases and our records lack: which were switched without us, which left."""
    if observation.problem:
        return []
    known = list(releases)
    return [*_find_switched(observation, known), *_find_gone(observation, known)]


def tell_switch(switch: Switch) -> str:
    """What a switch without a queue did, as the reason of a release's step."""
    done = "rolled back" if switch.kind is JobKind.ROLLBACK else "promoted"
    return f"{done} {switch}"


def _find_gone(observation: Observation, releases: Iterable[Release]) -> list[Move]:
    """The end of ready releases whose Deployment no longer runs them: they can't be promoted any more.

    Only those that were ready before the observation was made; it may be older than the record.
    """
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


def _find_switched(observation: Observation, releases: list[Release]) -> list[Move]:
    """The steps by which our records follow a switch that no turn was behind: ``--direct`` or ``kubectl``.

    Only where it is the last switch, and the release runs where the route leads. A worker records its own
    switch a moment after it, so records that are fresh are left alone until the next look.
    """
    switch, live = observation.switch, observation.live
    if switch is None or not switch.is_direct or live is None:
        return []
    runs = observation.color(live).release
    there = next((one for one in releases if one.id == runs == observation.live_release), None)
    if there is None or any(one.updated_at > observation.at - SETTLED for one in releases):
        return []
    moves = [move for one in releases if one is not there for move in _leave(observation, one, switch)]
    if there.state is State.LIVE:
        return moves
    return [*moves, Move(there.id, frozenset({there.state}), State.LIVE, switch.actor, tell_switch(switch))]


def _leave(observation: Observation, release: Release, switch: Switch) -> list[Move]:
    """The steps of the release that users were moved away from; none of the others."""
    away = State.ROLLED_BACK if switch.kind is JobKind.ROLLBACK else State.STANDBY
    left = Move(release.id, frozenset({State.LIVE}), away, switch.actor, tell_switch(switch))
    if release.state is State.LIVE:
        return [left]
    if release.state is State.READY and release.id == observation.previous_release:
        return [Move(release.id, frozenset({State.READY}), State.LIVE, VERDIGRIS, UNRECORDED), left]
    return []


def after_switch(seen: Observation, release: Release) -> Observation:
    """What was seen, with users on that release: what a look shows from our switch on, before one is made."""
    if seen.live is release.color:
        return seen
    return replace(
        seen,
        live=release.color,
        default=release.color,
        live_release=release.id,
        previous_release=seen.live_release,
        forth="",
        interference=None,
    )


def find_newest(seen: Observation | None, on_a_color: Iterable[Release]) -> Observation | None:
    """What pages go by: a look that began before our last switch was recorded does not know of it.

    ``seen`` was read before ``on_a_color`` was, so that it never knows of a switch that they don't.
    """
    live = max(
        (one for one in on_a_color if one.state is State.LIVE), key=lambda one: one.updated_at, default=None
    )
    return after_switch(seen, live) if seen and live and live.updated_at > seen.at else seen


def keep_last_known(known: Observation | None, seen: Observation) -> Observation:
    """What pages are shown when the cluster can't be read: the last that was, with its age, and the trouble.

    Showing nothing instead would look like an empty cluster. What is known of others' doings stays until a
    look finds that it is no longer so, or until our next switch.
    """
    if known is None:
        return seen
    if seen.problem and not seen.blue.exists and not seen.green.exists:
        return replace(known, problem=seen.problem)
    is_same = (seen.live_release, seen.switch) == (known.live_release, known.switch)
    return replace(seen, interference=known.interference) if is_same else seen
