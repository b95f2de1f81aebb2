"""Whether a release still runs as it was tested, by what a look at the cluster showed. Pure.

A guide only: notices and buttons agree by asking here. The stage reads the cluster itself, and decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.model import State
from release.recovery import SETTLED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release.model import Release
    from release.observation import Observation

PROMOTABLE: Final = frozenset({State.READY, State.ROLLED_BACK})
"""States from which a promote is asked for."""


def runs_as_tested(seen: Observation, release: Release) -> bool:
    """Whether its color runs it with the pods that passed, and the route leads as it did then."""
    runs = seen.color(release.color)
    return (
        runs.release == release.id
        and runs.passed
        and runs.passed_route == seen.fingerprint
        and seen.test_route is release.color
    )


def find_changed(seen: Observation, releases: Iterable[Release]) -> frozenset[str]:
    """Ids of the releases whose promote would be refused by what was seen.

    Nothing is said where the route was not read, and nothing of records that may be newer than the look.
    """
    if not seen.has_route or seen.problem:
        return frozenset()
    return frozenset(
        one.id
        for one in releases
        if one.state in PROMOTABLE and one.updated_at <= seen.at - SETTLED and not runs_as_tested(seen, one)
    )
