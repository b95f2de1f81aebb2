"""What a tag's message declares, read by real Git: annotated, signed, lightweight, moved."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from release.problems import Problem
from source.checkout import Repositories

if TYPE_CHECKING:
    from pathlib import Path

SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\niQEzBAABCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n"


class Origin:
    """A bare repository with one commit."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "origin.git"
        self.path.mkdir()
        self.git("init", "--quiet", "--bare", "--initial-branch=main")
        tree = self.git("mktree", given="")
        self.commit = self.git("commit-tree", "-m", "a commit", tree)
        self.other = self.git("commit-tree", "-m", "another", tree)

    def git(self, *arguments: str, given: str = "") -> str:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        who = {
            f"GIT_{role}_{name}": value
            for role in ("AUTHOR", "COMMITTER")
            for name, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
        }
        env = {**outside, **who, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=env,
            input=given,
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout.strip()

    def tag(self, name: str, message: str, *, commit: str = "") -> None:
        self.git(
            "tag",
            "--force",
            "--annotate",
            "--cleanup=verbatim",
            "--message",
            message,
            name,
            commit or self.commit,
        )


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "cache")


def read(
    repositories: Repositories, origin: Origin, tag: str = "v1-blue", key: str = "Migration"
) -> list[str]:
    return repositories.read_trailers(str(origin.path), tag, commit=origin.commit, key=key)


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("Release two\n\nMigration: contract\n", ["contract"]),
        ("Release two\n\nWords.\n\nMigration: none\nReviewed-by: Ada\n", ["none"]),
        ("Release two\n\nmigration:   Contract  \n", ["Contract"]),
        ("Migration: contract\n", ["contract"]),
        ("Release two\n\nMigration: expand\nMigration: none\n", ["expand", "none"]),
        (f"Release two\n\nMigration: contract\n{SIGNATURE}", ["contract"]),
        (f"Release two\n\nMigration: contract\n\n{SIGNATURE}", ["contract"]),
        ("Release two\n\nMigration: contract\n\nMore words.\n", []),
        ("Release two\nMigration: contract\n", []),
        ("Release two\n", []),
        ("Release two\n\n---\n\nMigration: contract\n", ["contract"]),
        ("Größe\n\nMigration: contract\nReviewed-by: Zoë\n", ["contract"]),
    ],
)
def test_the_last_paragraph_of_the_message_declares_it(
    repositories: Repositories, origin: Origin, message: str, values: list[str]
) -> None:
    origin.tag("v1-blue", message)

    assert read(repositories, origin) == values


def test_a_lightweight_tag_says_nothing(repositories: Repositories, origin: Origin) -> None:
    said = origin.git("commit-tree", "-m", "x\n\nMigration: contract", f"{origin.commit}^{{tree}}")
    origin.git("tag", "v1-blue", said)

    found = repositories.read_trailers(str(origin.path), "v1-blue", commit=said, key="Migration")

    assert found == []


def test_a_tag_of_a_tag_says_what_the_outer_one_says(repositories: Repositories, origin: Origin) -> None:
    origin.tag("inner", "x\n\nMigration: contract")
    origin.git("tag", "--annotate", "--message", "y\n\nMigration: none", "v1-blue", "inner")

    assert read(repositories, origin) == ["none"]


def test_the_message_is_read_anew_each_time(repositories: Repositories, origin: Origin) -> None:
    origin.tag("v1-blue", "x\n\nMigration: contract")
    assert read(repositories, origin) == ["contract"]

    origin.tag("v1-blue", "x\n\nMigration: none")

    assert read(repositories, origin) == ["none"]


def test_a_tag_that_moved_a_moment_ago_is_refused(repositories: Repositories, origin: Origin) -> None:
    origin.tag("v1-blue", "x\n\nMigration: contract", commit=origin.other)

    with pytest.raises(Problem) as caught:
        read(repositories, origin)

    assert caught.value.document.slug == "tag-moved"
    assert origin.other in caught.value.document.detail


def test_its_commit_needs_no_second_fetch_and_stays_when_the_tag_moves(
    repositories: Repositories, origin: Origin, tmp_path: Path
) -> None:
    origin.tag("v1-blue", "x\n\nMigration: contract")
    read(repositories, origin)
    origin.tag("v1-blue", "y", commit=origin.other)
    repositories.read_trailers(str(origin.path), "v1-blue", commit=origin.other, key="Migration")
    origin.path.rename(tmp_path / "away")

    tree = repositories.check_out(str(origin.path), origin.commit, tmp_path / "tree")

    assert tree.commit == origin.commit


@pytest.mark.parametrize("tag", ["v1-blue", "v 1-blue", "--upload-pack=x-blue"])
def test_a_tag_that_is_not_there_or_can_t_be_one_is_told(
    repositories: Repositories, origin: Origin, tag: str
) -> None:
    with pytest.raises(Problem) as caught:
        read(repositories, origin, tag)

    assert caught.value.document.slug in {"tag-missing", "repository-unreachable"}
