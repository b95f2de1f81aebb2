"""Whether two actors are the same human."""

from __future__ import annotations

import pytest

from release.identities import check_people, identify, is_among
from release.model import Actor

PEOPLE = {"octocat": "anna@example.com", "Old-Joe": "joe@example.com"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("git:octocat", "person:anna@example.com", True),
        ("git:Octocat", "person:Anna@Example.com", True),
        ("git:octocat", "token:anna@example.com", True),
        ("git:old-joe", "person:joe@example.com", True),
        ("git:bob", "person:Bob", True),
        ("git:bob", "token:bob", True),
        ("person:on-call", "token:on-call", True),
        ("person:straße", "person:STRASSE", True),
        ("git:\uff42ob", "person:bob", True),
        ("git:octocat", "git:OCTOCAT", True),
        # With an entry, another's name to sign in with is another's.
        ("git:octocat", "person:octocat", False),
        ("git:octocat", "person:bob", False),
        ("git:bob", "person:bobby", False),
        # Entries are of names in Git.
        ("person:octocat", "person:anna@example.com", False),
    ],
)
def test_names_are_compared_as_people_are_mapped(one: str, other: str, *, same: bool) -> None:
    first, second = Actor.parse(one), Actor.parse(other)

    assert (identify(first, PEOPLE) == identify(second, PEOPLE)) is same
    assert is_among(first, [Actor("git", "somebody-else"), second], PEOPLE) is same


def test_nobody_is_among_none() -> None:
    assert not is_among(Actor("git", "octocat"), [], PEOPLE)


def test_a_name_in_git_has_one_entry() -> None:
    assert check_people(PEOPLE) is PEOPLE
    with pytest.raises(ValueError, match="octocat and OctoCat are the same name in Git; keep one"):
        check_people({"octocat": "anna", "bob": "bob", "OctoCat": "joe"})
