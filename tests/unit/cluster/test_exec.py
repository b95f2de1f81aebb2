from typing import NoReturn

import pytest

from cluster.exec import run_command
from cluster.waiting import Deadline
from release.turn import LostTurn
from tests.unit.cluster.fakes import FakeTurn, fake_cluster


def test_a_command_is_not_begun_by_a_worker_whose_turn_is_over() -> None:
    # given: a worker that was frozen before its command, and thaws when another one has the stage
    def lost() -> NoReturn:
        raise LostTurn("taken over")

    turn, (cluster, _) = FakeTurn(on_check=lost), fake_cluster([])
    # when, then: it asks for its turn before it calls
    with pytest.raises(LostTurn):
        run_command(
            cluster,
            "shop-green-1",
            "shop",
            "shop",
            ["migrate"],
            turn=turn,
            on_output=print,
            deadline=Deadline.after(1),
        )
    assert turn.acts == ["check"]
