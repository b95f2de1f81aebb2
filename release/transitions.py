"""The life of a release: the one table of what may follow what."""

from __future__ import annotations

from typing import Final

from release.model import State

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.WAITING: frozenset({State.QUEUED, State.CANCELLED, State.FAILED, State.SUPERSEDED}),
    State.QUEUED: frozenset({State.RUNNING, State.WAITING, State.CANCELLED, State.SUPERSEDED}),
    State.RUNNING: frozenset({State.READY, State.FAILED, State.CANCELLED}),
    State.READY: frozenset({State.LIVE, State.SUPERSEDED}),
    State.LIVE: frozenset({State.STANDBY, State.ROLLED_BACK}),
    State.STANDBY: frozenset({State.LIVE, State.RETIRED}),
    State.ROLLED_BACK: frozenset({State.LIVE, State.RETIRED}),
    State.FAILED: frozenset({State.QUEUED, State.WAITING}),
    State.CANCELLED: frozenset(),
    State.SUPERSEDED: frozenset(),
    State.RETIRED: frozenset(),
}

FIRST_STATES: Final = frozenset({State.QUEUED, State.WAITING})

FINAL_STATES: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)

ON_A_COLOR: Final = frozenset({State.READY, State.LIVE, State.STANDBY, State.ROLLED_BACK})
"""States of a release whose pods are expected to run."""


class IllegalTransition(Exception):
    """A step that the life of a release does not allow."""

    def __init__(self, current: State, wanted: State) -> None:
        allowed = ", ".join(sorted(TRANSITIONS[current])) or "nothing: it is final"
        super().__init__(f"a release that is {current} can't become {wanted} (from {current}: {allowed})")
        self.current = current
        self.wanted = wanted


def check_transition(current: State, wanted: State) -> None:
    """Refuse a step that the life of a release does not allow.

    Staying in place is always allowed: a worker that crashed after switching traffic asks again when its
    stage is taken over.

    Raises:
        IllegalTransition: ``wanted`` does not follow ``current``.
    """
    if wanted is not current and wanted not in TRANSITIONS[current]:
        raise IllegalTransition(current, wanted)


def sources_of(wanted: State) -> frozenset[State]:
    """The states that ``wanted`` may follow."""
    return frozenset(state for state, following in TRANSITIONS.items() if wanted in following)
