"""Whose token that is, and what a session keeps of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from release.model import Actor
from release.problems import NotDurable
from release.roles import Grant, Role
from release.secret import Secret
from tests.unit.webhook.fakes import NOW, FakeStore
from webhook.access import Caller, KnownToken, Tokens

if TYPE_CHECKING:
    from datetime import datetime

KEY = Secret("a secret key for signing sessions")
PIPELINE, MARIAS = "the token of the pipeline", "the token of maria herself"
ADMIN, SHOP = Grant(Role.ADMIN), Grant(Role.RELEASER, frozenset({"shop"}))
ANNA = Actor("person", "anna")


class House:
    """Two tokens of the configuration, any number in Redis, a clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = FakeStore()
        self.tokens = self.configure(KnownToken("ci", Secret(PIPELINE), SHOP), maria())

    def configure(self, *known: KnownToken) -> Tokens:
        return Tokens(known, self.store, lambda: self.now)

    def make(self, name: str, *, expires: datetime | None = None) -> str:
        made = self.store.api_tokens.make(name, SHOP, made_by=ANNA, now=self.now, expires=expires)
        return made[1].reveal()


def maria(*, text: str = MARIAS, expires_at: datetime | None = None) -> KnownToken:
    return KnownToken("maria", Secret(text), ADMIN, expires_at)


@pytest.fixture
def house() -> House:
    return House()


def test_a_token_of_the_configuration_is_known_by_its_owner(house: House) -> None:
    assert house.tokens.find_caller(MARIAS) == Caller("maria", "token", (ADMIN,))
    assert house.tokens.find_caller(PIPELINE) == Caller("ci", "token", (SHOP,))
    assert house.tokens.find_caller("the token of maria") is None
    assert house.tokens.find_caller("") is None
    assert house.configure().find_caller("") is None
    assert house.tokens.configured == {"ci", "maria"}
    assert Caller("ci", "token", ()).actor == Actor("token", "ci")


def test_a_token_that_was_made_at_run_time_is_known_until_it_is_revoked(house: House) -> None:
    text = house.make("nightly")

    assert house.tokens.find_caller(text) == Caller("nightly", "token", (SHOP,))
    assert house.tokens.find_caller(f"{text[:-1]}{'b' if text.endswith('a') else 'a'}") is None
    assert house.tokens.find_caller("vdg_") is None
    house.store.api_tokens.revoke("nightly", actor=ANNA)
    assert house.tokens.find_caller(text) is None


def test_a_token_counts_until_its_end(house: House) -> None:
    end = NOW + timedelta(hours=1)
    made = house.make("nightly", expires=end)
    tokens = house.configure(maria(expires_at=end))
    proofs = [("nightly", tokens.find_proof(made, KEY)), ("maria", tokens.find_proof(MARIAS, KEY))]

    house.now = end - timedelta(milliseconds=1)
    assert tokens.find_caller(made)
    assert tokens.find_caller(MARIAS)
    assert [tokens.find_grants(name, proof or "", KEY) for name, proof in proofs] == [(SHOP,), (ADMIN,)]

    house.now = end
    assert tokens.find_caller(made) is None
    assert tokens.find_caller(MARIAS) is None
    assert tokens.find_proof(MARIAS, KEY) is None
    assert [tokens.find_grants(name, proof or "", KEY) for name, proof in proofs] == [None, None]


def test_a_name_that_the_configuration_takes_later_is_its_own(house: House) -> None:
    text = house.make("nightly")
    proof = house.tokens.find_proof(text, KEY) or ""
    tokens = house.configure(KnownToken("nightly", Secret("another token, of the file"), ADMIN))

    assert tokens.find_caller(text) is None
    assert tokens.find_grants("nightly", proof, KEY) is None


def test_a_proof_changes_with_the_token_and_the_key_and_tells_neither(house: House) -> None:
    text = house.make("nightly")
    for token, secret in ((MARIAS, "maria"), (text, text.rpartition("_")[2])):
        proof = house.tokens.find_proof(token, KEY)
        assert proof is not None
        assert secret not in proof
        assert house.tokens.find_proof(token, Secret("another secret key for sessions")) != proof
    assert house.tokens.find_proof("nobody's", KEY) is None


def test_a_session_has_the_grants_of_its_token_as_long_as_that_is_the_same(house: House) -> None:
    text = house.make("nightly")
    proof = house.tokens.find_proof(text, KEY) or ""
    marias = house.tokens.find_proof(MARIAS, KEY) or ""

    assert house.tokens.find_grants("nightly", proof, KEY) == (SHOP,)
    assert house.tokens.find_grants("maria", marias, KEY) == (ADMIN,)
    # A changed role counts at once
    weaker = house.configure(KnownToken("maria", Secret(MARIAS), SHOP))
    assert weaker.find_grants("maria", marias, KEY) == (SHOP,)
    # A changed token, another's name, another key, a token that is gone: not
    changed = house.configure(maria(text="a new token of maria herself"))
    assert changed.find_grants("maria", marias, KEY) is None
    assert house.tokens.find_grants("ci", marias, KEY) is None
    assert house.tokens.find_grants("maria", proof, KEY) is None
    assert house.tokens.find_grants("nobody", marias, KEY) is None
    assert house.tokens.find_grants("maria", marias, Secret("another secret key for sessions")) is None
    assert house.tokens.find_grants("maria", "ü.\x00", KEY) is None
    house.store.api_tokens.revoke("nightly", actor=ANNA)
    assert house.tokens.find_grants("nightly", proof, KEY) is None
    house.make("nightly")
    assert house.tokens.find_grants("nightly", proof, KEY) is None


def test_without_redis_the_tokens_of_the_configuration_still_count(house: House) -> None:
    text = house.make("nightly")
    proof = house.tokens.find_proof(text, KEY) or ""
    house.store.is_away = True

    assert house.tokens.find_caller(MARIAS)
    assert house.tokens.find_caller("no token at all") is None
    assert house.tokens.find_caller("vdg_but not of our making") is None
    with pytest.raises(NotDurable):
        house.tokens.find_caller(text)
    with pytest.raises(NotDurable):
        house.tokens.find_grants("nightly", proof, KEY)
