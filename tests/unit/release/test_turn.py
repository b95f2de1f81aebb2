"""How a stage hears that its turn is over."""

from __future__ import annotations

import pytest

from release.turn import CancelRequested, LostTurn, TurnOver


@pytest.mark.parametrize("end", [LostTurn, CancelRequested])
def test_each_way_in_which_a_turn_ends_can_be_caught_as_one(end: type[TurnOver]) -> None:
    with pytest.raises(TurnOver):
        raise end


def test_a_lost_turn_is_no_cancel() -> None:
    """Who was cancelled reports it; who lost the turn reports nothing."""
    assert not issubclass(LostTurn, CancelRequested)
    assert not issubclass(CancelRequested, LostTurn)
