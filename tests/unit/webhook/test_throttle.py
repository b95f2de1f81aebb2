from __future__ import annotations

from webhook.throttle import ALLOWANCE, MOST_SENDERS, Throttle


def make(now: list[float]) -> Throttle:
    return Throttle(lambda: now[0])


def test_an_allowance_is_spent_and_comes_back_with_time() -> None:
    now = [0.0]
    throttle = make(now)
    assert [throttle.is_spent("a") for _ in range(ALLOWANCE + 2)] == [False] * ALLOWANCE + [True, True]
    now[0] = 2.5
    assert [throttle.is_spent("a") for _ in range(3)] == [False, False, True]
    now[0] = 10_000
    assert sum(not throttle.is_spent("a") for _ in range(100)) == ALLOWANCE


def test_each_sender_has_its_own() -> None:
    throttle = make([0.0])
    for _ in range(ALLOWANCE + 1):
        throttle.is_spent("192.0.2.1")
    assert throttle.is_spent("192.0.2.1")
    assert not throttle.is_spent("192.0.2.2")


def test_the_addresses_of_one_ipv6_customer_share_one() -> None:
    throttle = make([0.0])
    spent = [throttle.is_spent(f"2001:db8:1:2::{number:x}") for number in range(ALLOWANCE + 1)]
    assert spent[-1]
    assert not throttle.is_spent("2001:db8:1:3::1")


def test_of_very_many_senders_the_quietest_is_forgotten() -> None:
    throttle = make([0.0])
    for _ in range(ALLOWANCE + 1):
        throttle.is_spent("first")
    for number in range(MOST_SENDERS):
        throttle.is_spent(f"sender-{number}")
    assert not throttle.is_spent("first")
