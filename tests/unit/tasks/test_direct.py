"""A rollback without a queue, where the sandbox can't play it: the cluster goes away as well."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from cluster.kinds import Ref
from release.loading import parse_config
from release.model import Actor
from tasks.direct import DirectTurn, _job, can_reach, give_up
from tasks.step import Act
from tests.unit.cluster.fakes import Answer, HeldClock, fake_cluster

if TYPE_CHECKING:
    from collections.abc import Iterable

CONFIG = """
apps:
  shop:
    repository: https://git.example.com/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
"""
TAKEN = Ref("Deployment", "shop", "shop-green")
FORBIDDEN = Answer(403, {"kind": "Status", "reason": "Forbidden", "message": "not you"})


def act_on(answers: Iterable[Answer | Exception], told: list[str]) -> Act:
    cluster, _ = fake_cluster(answers)
    app = parse_config(CONFIG, name="verdigris.yml").apps["shop"]
    clock = HeldClock()
    turn = DirectTurn(told.append, directs=3)
    return Act(app, _job("shop", Actor("direct", "anna"), "", clock), None, turn, cluster, clock)


def standing(number: str) -> Answer:
    return Answer(
        200, {"metadata": {"resourceVersion": "5", "annotations": {"verdigris.dev/direct": number}}}
    )


def test_a_switch_whose_answer_was_lost_keeps_what_it_took() -> None:
    told: list[str] = []

    give_up(act_on([standing("3")], told), [TAKEN])

    assert told == []


def test_what_was_taken_is_given_back() -> None:
    told: list[str] = []

    give_up(act_on([standing("2"), standing("3"), standing("2")], told), [TAKEN])

    assert told == []


@pytest.mark.parametrize("before", [[], [standing("2")], [standing("2"), standing("3")]])
def test_what_can_t_be_given_back_is_said_with_the_command_that_does(before: list[Answer]) -> None:
    told: list[str] = []

    give_up(act_on([*before, FORBIDDEN], told), [TAKEN])

    (text,) = told
    assert "not you" in text
    assert text.endswith("give it back: kubectl -n shop annotate Deployment shop-green verdigris.dev/direct-")


def test_a_gateway_is_only_asked_where_it_can_be_reached() -> None:
    assert not can_reach("http://127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert can_reach(f"http://127.0.0.1:{listening.getsockname()[1]}")


def test_a_direct_turn_is_never_lost_and_says_what_it_does() -> None:
    told: list[str] = []
    turn = DirectTurn(told.append)

    turn.check()
    turn.pause(0)
    turn.log("done")

    assert (told, turn.fence) == (["done"], 0)
