from __future__ import annotations

from datetime import timedelta

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import KEY, NOW, FakeStore
from webhook.tickets import SECONDS, BadTicket, issue_ticket, redeem_ticket


def redeem(ticket: str, *, after: float = 0, store: FakeStore | None = None) -> str:
    clock = NOW + timedelta(seconds=after)
    return redeem_ticket(ticket, key=KEY, clock=lambda: clock, store=store or FakeStore())


def test_a_ticket_names_its_person() -> None:
    assert redeem(issue_ticket("maria", key=KEY, clock=lambda: NOW), after=SECONDS) == "maria"


def test_a_ticket_is_spent_once() -> None:
    ticket, store = issue_ticket("maria", key=KEY, clock=lambda: NOW), FakeStore()
    redeem(ticket, store=store)
    with pytest.raises(BadTicket):
        redeem(ticket, store=store)


def test_a_ticket_holds_for_a_minute() -> None:
    with pytest.raises(BadTicket):
        redeem(issue_ticket("maria", key=KEY, clock=lambda: NOW), after=SECONDS + 1)


@pytest.mark.parametrize("ticket", ["", "x", "eyJuYW1lIjoibWFyaWEifQ.AAAA", "é"])
def test_a_forged_ticket_opens_nothing(ticket: str) -> None:
    with pytest.raises(BadTicket):
        redeem(ticket)


def test_a_ticket_of_another_key_opens_nothing() -> None:
    other = Secret("the secret key of another web process")
    with pytest.raises(BadTicket):
        redeem(issue_ticket("maria", key=other, clock=lambda: NOW))
