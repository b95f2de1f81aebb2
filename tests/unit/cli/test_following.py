"""Asking for a change while Redis is away: again and again, to the deadline, and never after a doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.client import Client, RedisAway
from cli.failures import Away, Exit, Failure, Refusal
from cli.following import Asking
from cli.profile import Connection
from cli.surroundings import Surroundings
from tests.unit.cli.canned import Time, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.cli.canned import CannedServer

PROMOTE = "POST /apps/shop/promote"


@pytest.fixture
def client(server: CannedServer) -> Iterator[Client]:
    with Client(Connection(server.url, None)) as made:
        yield made


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def asking(client: Client, time: Time, told: list[str]) -> Asking:
    surroundings = Surroundings(clock=lambda: time.now, pause=time.pause)
    return Asking(client, surroundings, 120, told.append)


def test_a_change_is_asked_for_again_while_redis_is_away(
    asking: Asking, server: CannedServer, time: Time, told: list[str]
) -> None:
    server.refuse(PROMOTE, problem("not-durable", status=503), Retry_After="5")
    server.refuse(PROMOTE, problem("not-durable", status=503), Retry_After="5")
    server.answer(PROMOTE, {"job": {"id": "J1"}}, status=202)

    answer = asking.post("apps", "shop", "promote", reason="now")

    assert answer == {"job": {"id": "J1"}}
    assert [one.body for one in server.asked] == [{"reason": "now"}] * 3
    assert time.pauses == [5, 5]
    assert told == ["No release is ready: shop: none waits; trying again"]


def test_the_deadline_ends_it_and_says_that_nobody_knows_of_its_being_accepted(
    asking: Asking, server: CannedServer, time: Time
) -> None:
    server.refuse(PROMOTE, problem("not-durable", status=503), Retry_After="50")

    with pytest.raises(Failure, match="not known to be accepted after 2 min 0 s") as ended:
        asking.post("apps", "shop", "promote")

    assert ended.value.exit_code is Exit.TIMED_OUT
    assert time.pauses == [50, 50, 20]


def test_a_change_whose_answer_a_proxy_ate_is_not_asked_for_twice(
    asking: Asking, server: CannedServer
) -> None:
    server.answer(PROMOTE, b"", status=502)

    with pytest.raises(Away) as ended:
        asking.post("apps", "shop", "promote")

    assert not isinstance(ended.value, RedisAway)
    assert len(server.asked) == 1


def test_a_refusal_after_another_try_names_the_doubt(asking: Asking, server: CannedServer) -> None:
    server.refuse(PROMOTE, problem("not-durable", status=503), Retry_After="5")
    server.refuse(PROMOTE, problem("already-queued"))

    with pytest.raises(Refusal) as ended:
        asking.post("apps", "shop", "promote")

    assert ended.value.next_step.startswith("push a tag; an earlier try of this command may")


def test_a_refusal_at_once_is_told_as_it_is(asking: Asking, server: CannedServer) -> None:
    server.refuse(PROMOTE, problem())

    with pytest.raises(Refusal) as ended:
        asking.post("apps", "shop", "promote")

    assert ended.value.next_step == "push a tag"
