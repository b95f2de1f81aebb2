"""A repository that can't be read is told with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from source.listing import NotListed, Trouble
from worker.checkup.lines import Grade
from worker.checkup.repositories import REMEDIES, host_of, look_at_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ADDRESS = "https://robot:hidden@git.example.com/acme/shop.git"


def giving(*tags: str) -> Callable[..., Sequence[str]]:
    return lambda _address, *, seconds: tags if seconds else ()


def failing(trouble: Trouble) -> Callable[..., Sequence[str]]:
    def fail(_: str, *, seconds: float) -> Sequence[str]:
        raise NotListed(trouble, f"fatal: in {seconds:g} s")

    return fail


def test_the_tags_that_could_be_released_are_counted() -> None:
    tags = ("v1-blue", "v2-green", "v3", "v4 -blue", "v5-blue-rc")

    (line,) = look_at_repository(ADDRESS, "shop", giving(*tags))

    assert line.grade is Grade.OK
    assert line.about == "repository https://git.example.com/acme/shop.git"
    assert line.found == "readable; 2 of 5 tags name a color"


@pytest.mark.parametrize(("tags", "found"), [((), "no tag yet"), (("v1", "v2"), "none of 2 tags")])
def test_a_repository_without_a_tag_of_ours_is_a_warning(tags: tuple[str, ...], found: str) -> None:
    (line,) = look_at_repository(ADDRESS, "shop", giving(*tags))

    assert line.grade is Grade.WARNING
    assert found in line.found
    assert "git push origin v1.0-blue" in line.fix


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_a_remedy_without_credentials(trouble: Trouble) -> None:
    (line,) = look_at_repository(ADDRESS, "shop", failing(trouble))

    assert line.grade is Grade.FAILED
    assert line.found == "fatal: in 5 s"
    assert line.fix == REMEDIES[trouble].format(
        app="shop", host="git.example.com", address="https://git.example.com/acme/shop.git"
    )
    assert "hidden" not in line.fix + line.about


def test_an_address_that_may_not_be_used_is_failed() -> None:
    (line,) = look_at_repository("ext::sh -c id", "shop")

    assert line.grade is Grade.FAILED
    assert line.fix == "correct apps.shop.repository"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://git.example.com/a/b.git", "git.example.com"),
        ("ssh://git@git.example.com:2222/a/b.git", "git.example.com:2222"),
        ("git@git.example.com:a/b.git", "git.example.com"),
        ("/srv/git/shop.git", "/srv/git/shop.git"),
    ],
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert host_of(address) == host
