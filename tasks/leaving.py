"""What becomes of releases whose color is taken from them: no way leads back to them from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.model import VERDIGRIS, State
from tasks.step import step_of

if TYPE_CHECKING:
    from release.model import Actor, Release
    from release.records import Move
    from tasks.step import Step

ENDS: Final[dict[State, tuple[State, ...]]] = {
    State.READY: (State.SUPERSEDED,),
    State.STANDBY: (State.RETIRED,),
    State.ROLLED_BACK: (State.RETIRED,),
    # Live in our records only: the cluster's route was moved away by hand, and the cluster is the truth.
    State.LIVE: (State.STANDBY, State.RETIRED),
}


def releases_here(step: Step) -> list[Release]:
    """Other releases whose pods are expected to run on the step's color."""
    return [
        release
        for release in step.releases_on_a_color()
        if release.color is step.color and release.state in ENDS and release.id != step.job.release_id
    ]


def leave(release: Release, reason: str, *, actor: Actor = VERDIGRIS) -> list[Move]:
    """The steps of a release to its end."""
    moves, source = [], release.state
    for target in ENDS[release.state]:
        moves.append(step_of(release, target, reason, sources=frozenset({source}), actor=actor))
        source = target
    return moves
