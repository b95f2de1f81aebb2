import pytest

from cluster.errors import Invalid, Unavailable
from cluster.waiting import LONGEST_PAUSE, Deadline, retry_unavailable
from release.problems import Problem
from release.turn import LostTurn
from tests.unit.cluster.fakes import FakeTurn


class Weather:
    """Unavailable so many times, then well."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "well"


def deadline(turn: FakeTurn, seconds: float = 120) -> Deadline:
    return Deadline.after(seconds, clock=turn.clock)


def test_a_cluster_that_comes_back_is_waited_for_with_growing_pauses() -> None:
    turn = FakeTurn()
    weather = Weather(*(Unavailable("away") for _ in range(7)))
    assert retry_unavailable(weather, deadline=deadline(turn), turn=turn) == "well"
    assert turn.pauses == [0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_PAUSE, LONGEST_PAUSE]
    assert turn.logged == ["the cluster's API is not available (away): trying again"]


def test_a_cluster_that_stays_away_ends_the_wait_at_the_deadline() -> None:
    turn = FakeTurn()
    began = turn.clock.now
    weather = Weather(*(Unavailable("connection refused") for _ in range(1000)))
    with pytest.raises(Problem) as caught:
        retry_unavailable(weather, deadline=deadline(turn, 30), turn=turn)
    assert (turn.clock.now - began).total_seconds() == pytest.approx(30)
    assert caught.value.document.slug == "cluster-unavailable"
    assert "within 30 s; the last: connection refused" in caught.value.document.detail


def test_what_will_never_be_is_not_waited_for() -> None:
    turn = FakeTurn()
    with pytest.raises(Invalid):
        retry_unavailable(Weather(Invalid("no")), deadline=deadline(turn), turn=turn)
    assert turn.pauses == []


def test_a_server_that_names_a_pause_gets_it() -> None:
    turn = FakeTurn()
    retry_unavailable(Weather(Unavailable("busy", retry_after=9)), deadline=deadline(turn), turn=turn)
    assert turn.pauses == [9]


def test_a_lost_turn_ends_the_wait() -> None:
    def lose() -> None:
        raise LostTurn

    turn = FakeTurn(on_pause=lose)
    with pytest.raises(LostTurn):
        retry_unavailable(Weather(Unavailable("away")), deadline=deadline(turn), turn=turn)


def test_a_deadline_is_a_point_in_time_that_nested_waits_share() -> None:
    turn = FakeTurn()
    limit = deadline(turn, 10)
    turn.clock.advance(4)
    assert limit.remaining == 6
    assert not limit.is_over
    turn.clock.advance(7)
    assert limit.remaining == 0
    assert limit.is_over
