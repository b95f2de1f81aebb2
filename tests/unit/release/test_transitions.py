"""The life of a release, as the table in the design says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.model import State
from release.transitions import (
    FINAL_STATES,
    FIRST_STATES,
    ON_A_COLOR,
    TRANSITIONS,
    IllegalTransition,
    check_transition,
    sources_of,
)

ALLOWED = {
    "waiting": "queued cancelled failed superseded",
    "queued": "running waiting cancelled superseded",
    "running": "ready failed cancelled",
    "ready": "live superseded",
    "live": "standby rolled-back",
    "standby": "live retired",
    "rolled-back": "live retired",
    "failed": "queued waiting",
    "cancelled": "",
    "superseded": "",
    "retired": "",
}


@pytest.mark.parametrize("current", State)
@pytest.mark.parametrize("wanted", State)
def test_a_step_is_allowed_where_the_design_names_it(current: State, wanted: State) -> None:
    if wanted is current or wanted in ALLOWED[current].split():
        check_transition(current, wanted)
    else:
        with pytest.raises(IllegalTransition):
            check_transition(current, wanted)


def test_the_refusal_says_what_would_be_allowed() -> None:
    with pytest.raises(IllegalTransition) as caught:
        check_transition(State.READY, State.RUNNING)

    assert str(caught.value) == (
        "a release that is ready can't become running (from ready: live, superseded)"
    )
    assert (caught.value.current, caught.value.wanted) == (State.READY, State.RUNNING)


def test_the_refusal_says_when_nothing_can_follow() -> None:
    with pytest.raises(IllegalTransition, match=r"\(from retired: nothing: it is final\)"):
        check_transition(State.RETIRED, State.LIVE)


def test_three_states_are_final() -> None:
    assert {State.CANCELLED, State.SUPERSEDED, State.RETIRED} == FINAL_STATES


def test_a_release_begins_queued_or_waiting() -> None:
    assert {State.QUEUED, State.WAITING} == FIRST_STATES


def test_every_state_can_be_reached_and_left_unless_it_is_final() -> None:
    reached = set(FIRST_STATES)
    for _ in State:
        reached |= {following for state in reached for following in TRANSITIONS[state]}

    assert reached == set(State)
    assert all(TRANSITIONS[state] for state in set(State) - FINAL_STATES)


@given(st.sampled_from(State))
def test_sources_are_the_table_read_backwards(wanted: State) -> None:
    assert sources_of(wanted) == {state for state in State if wanted in TRANSITIONS[state]}


def test_a_release_gets_onto_a_color_only_by_passing_its_stages() -> None:
    entering = {source for state in ON_A_COLOR for source in sources_of(state)} - ON_A_COLOR

    assert entering == {State.RUNNING}
