from __future__ import annotations

from typing import Any

import pytest

from release.sign_in import SignIn
from webhook.claims import MOST_GROUPS, Nameless, has_groups, read_groups, read_person

WHOLE = {"sub": "0815", "preferred_username": "maria", "email": "maria@example.com", "groups": ["sre"]}


def sign_in(**given: object) -> SignIn:
    values = {"issuer": "https://id.example.com", "client_id": "v", "client_secret": {"env": "X"}, **given}
    return SignIn.model_validate(values)


def test_a_person_has_the_name_that_the_configured_claim_says() -> None:
    person = read_person(WHOLE, sign_in())
    assert (person.name, person.claim, person.groups) == ("maria", "preferred_username", ("sre",))
    assert read_person(WHOLE, sign_in(name_claim="sub")).name == "0815"


@pytest.mark.parametrize(
    ("claims", "name", "claim"),
    [
        ({"email": "maria@example.com", "sub": "0815"}, "maria@example.com", "email"),
        ({"email": "m@example.com", "email_verified": True, "sub": "0815"}, "m@example.com", "email"),
        ({"email": "boss@example.com", "email_verified": False, "sub": "0815"}, "0815", "sub"),
        ({"preferred_username": "", "sub": "0815"}, "0815", "sub"),
        ({"preferred_username": 7, "sub": "0815"}, "0815", "sub"),
        ({"preferred_username": "maria\u202e", "sub": "0815"}, "0815", "sub"),
        ({"preferred_username": "maria\n", "sub": "0815"}, "0815", "sub"),
        ({"preferred_username": " maria", "sub": "0815"}, "0815", "sub"),
        ({"preferred_username": "m" * 201, "sub": "0815"}, "0815", "sub"),
    ],
)
def test_where_it_says_nothing_that_could_stand_in_the_history_the_next_one_serves(
    claims: dict[str, Any], name: str, claim: str
) -> None:
    person = read_person(claims, sign_in())
    assert (person.name, person.claim) == (name, claim)


def test_without_any_name_there_is_nobody() -> None:
    with pytest.raises(Nameless):
        read_person({"sub": "\x00"}, sign_in())


@pytest.mark.parametrize(
    ("claims", "claim", "groups"),
    [
        ({"groups": ["a", "b", "a"]}, "groups", ("a", "b")),
        ({"groups": "a"}, "groups", ("a",)),
        ({"groups": ["a", 7, None, "", ["b"]]}, "groups", ("a",)),
        ({"groups": {"a": True}}, "groups", ()),
        ({"groups": None}, "groups", ()),
        ({}, "groups", ()),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"realm_access": ["roles"]}, "realm_access.roles", ()),
        ({"https://example.com/groups": ["a"]}, "https://example.com/groups", ("a",)),
    ],
)
def test_groups_are_texts_wherever_they_stand(
    claims: dict[str, Any], claim: str, groups: tuple[str, ...]
) -> None:
    assert read_groups(claims, claim) == groups


def test_a_provider_that_names_groups_without_end_is_cut() -> None:
    assert len(read_groups({"groups": [str(number) for number in range(5_000)]}, "groups")) == MOST_GROUPS


def test_an_empty_list_also_says_something_about_groups() -> None:
    assert has_groups({"groups": []}, "groups")
    assert not has_groups({}, "groups")
