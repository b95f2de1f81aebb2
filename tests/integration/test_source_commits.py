"""What lies between two commits of a real repository, whatever became of its history."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from source.checkout import Repositories
from source.commits import HistoryMissing

if TYPE_CHECKING:
    from pathlib import Path

    from source.commits import Between

AT = 1_767_225_600
"""The first of January 2026."""


class Repo:
    """A repository that is worked in, and asked as an app's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "app"
        self.folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self._asked = Repositories(folder / "cache")
        self._clock = AT

    def git(self, *arguments: str, text: str | None = None, author: str = "Ada") -> str:
        who = {"NAME": author, "EMAIL": "ada@example.com", "DATE": f"{self._now()} +0000"}
        identity = {
            f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in who.items()
        }
        outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            input=text,
            env={**outside, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def _now(self) -> int:
        self._clock = getattr(self, "_clock", AT) + 1
        return self._clock

    def commit(self, title: str, *, author: str = "Ada", **files: str) -> str:
        for name, content in files.items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-F-", text=title, author=author)
        return self.git("rev-parse", "HEAD")

    def grow(self, number: int) -> str:
        """So many empty commits at once."""
        lines = []
        parent = self.git("rev-parse", "HEAD")
        for index in range(number):
            lines.append(
                f"commit refs/heads/main\nmark :{index + 1}\ncommitter Ada <a@example.com> {AT} +0000\n"
                f"data 4\nmany\nfrom {parent}\n"
            )
            parent = f":{index + 1}"
        self.git("fast-import", "--quiet", text="\n".join(lines))
        return self.git("rev-parse", "main")

    def compare(self, base: str, head: str, *, folder: str = "manifests") -> Between:
        return self._asked.compare(str(self.folder), base, head, folder=folder)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


def test_what_a_promote_brings_is_listed_newest_first(repo: Repo) -> None:
    base = repo.commit("one", a="1", b="1")
    repo.commit("two", a="2", author="Ben")
    head = repo.commit("three\n\nmore words", a="3", c="3")

    found = repo.compare(base, head).commits

    assert [(one.title, one.author) for one in found.added] == [("three", "Ada"), ("two", "Ben")]
    assert found.added[0].id == head
    assert datetime(2026, 1, 1, tzinfo=UTC) < found.added[0].at < datetime(2026, 1, 2, tzinfo=UTC)
    assert (found.added_count, found.removed_count, found.files) == (2, 0, 2)
    assert found.is_related
    assert not found.is_cut


def test_a_merge_brings_the_commits_of_its_branch(repo: Repo) -> None:
    base = repo.commit("base", a="1")
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit("side work", b="1")
    repo.git("checkout", "--quiet", "main")
    repo.commit("main work", a="2")
    repo.git("merge", "--quiet", "--no-ff", "-m", "merge side", "side")

    found = repo.compare(base, repo.git("rev-parse", "HEAD")).commits

    assert {one.title for one in found.added} == {"merge side", "side work", "main work"}
    assert found.added[0].title == "merge side"
    assert found.added_count == 3


def test_a_history_that_was_rewritten_takes_commits_back(repo: Repo) -> None:
    # given the live release's commit is on no branch any more
    repo.commit("base", a="1")
    base = repo.commit("dropped", a="2")
    repo.git("tag", "v1-green")
    repo.git("reset", "--quiet", "--hard", "HEAD~1")
    head = repo.commit("instead", a="3")

    found = repo.compare(base, head).commits

    assert [one.title for one in found.added] == ["instead"]
    assert [one.title for one in found.removed] == ["dropped"]
    assert found.is_related


def test_an_older_version_takes_commits_back_and_brings_none(repo: Repo) -> None:
    head = repo.commit("old", a="1")
    base = repo.commit("new", a="2")

    found = repo.compare(base, head).commits

    assert (found.added_count, found.removed_count, found.removed[0].title) == (0, 1, "new")


def test_histories_without_a_common_commit_are_told_so(repo: Repo) -> None:
    base = repo.commit("one world", a="1")
    repo.git("checkout", "--quiet", "--orphan", "other")
    head = repo.commit("another world", a="2")

    found = repo.compare(base, head).commits

    assert not found.is_related
    assert (found.added_count, found.removed_count, found.is_cut) == (1, 1, False)


def test_two_hundred_commits_are_counted_and_fifty_listed(repo: Repo) -> None:
    base = repo.commit("base", a="1")
    head = repo.grow(200)

    found = repo.compare(base, head).commits

    assert (found.added_count, len(found.added), found.is_cut) == (200, 50, False)


def test_a_history_is_not_read_beyond_its_depth(repo: Repo) -> None:
    base = repo.commit("base", a="1")
    head = repo.grow(2_100)

    found = repo.compare(base, head).commits

    assert found.is_cut
    assert 1_900 < found.added_count < 2_100


def test_a_history_is_fetched_once_and_only_grows(repo: Repo) -> None:
    base = repo.commit("base", a="1")
    middle = repo.commit("middle", a="2")
    assert repo.compare(base, middle).commits.added_count == 1
    head = repo.commit("head", a="3")

    assert repo.compare(middle, head).commits.added_count == 1
    assert repo.compare(base, head).commits.added_count == 2


def test_a_commit_that_is_gone_is_named(repo: Repo) -> None:
    head = repo.commit("base", a="1")
    gone = "0123456789" * 4

    with pytest.raises(HistoryMissing, match="commit 0123456789 is not in the repository any more") as caught:
        repo.compare(gone, head)

    assert caught.value.is_final


def test_a_repository_that_is_away_may_be_asked_again(repo: Repo, tmp_path: Path) -> None:
    head = repo.commit("base", a="1")
    repo.folder.rename(tmp_path / "elsewhere")

    with pytest.raises(HistoryMissing, match="can't be read") as caught:
        repo.compare(head, head)

    assert not caught.value.is_final


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\u001b[31mred\u001b[0m"),
        ("safe \u202etxet", r"safe \u202etxet"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("x" * 5_000_000, "x" * 199 + "…"),
        ("tab\tand more", "tab and more"),
    ],
)
def test_a_hostile_title_is_one_short_line_without_marks(repo: Repo, title: str, shown: str) -> None:
    base = repo.commit("base", a="1")
    head = repo.commit(title, author="Eve\u200b" + "e" * 300)

    (found,) = repo.compare(base, head).commits.added

    assert found.title == shown
    assert found.author.startswith(r"Eve\u200be")
    assert len(found.author) == 100


def test_bytes_that_are_no_text_break_no_record(repo: Repo) -> None:
    # given a commit whose title is no UTF-8, and whose author has no time
    base = repo.commit("base", a="1")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    raw = (
        f"tree {tree}\nparent {base}\nauthor  <> never\ncommitter c <c> 1 +0000\n\n".encode()
        + b"\xff\xfe bad"
    )
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--literally", "--stdin"],
        cwd=repo.folder,
        input=raw,
        check=True,
        capture_output=True,
    )
    broken = made.stdout.decode().strip()
    repo.git("update-ref", "refs/heads/broken", broken)

    (found,) = repo.compare(base, broken).commits.added

    assert found.id == broken
    assert "bad" in found.title


def test_whether_the_manifests_are_the_same_is_told(repo: Repo) -> None:
    first = repo.commit("one", manifests__service="1", app="1")
    second = repo.commit("two", app="2")
    third = repo.commit("three", manifests__service="2")

    assert repo.compare(first, second).is_folder_same
    assert not repo.compare(second, third).is_folder_same
    assert repo.compare(second, third, folder="./nowhere").is_folder_same


@pytest.mark.parametrize("folder", ["manifests", "deploy/manifests"])
def test_a_folder_that_leads_elsewhere_counts_as_another(repo: Repo, folder: str) -> None:
    repo.commit("one", real__service="1", deploy__readme="1")
    (repo.folder / folder).symlink_to(repo.folder / "real")
    base = repo.commit("link")
    head = repo.commit("two", real__service="2")

    assert not repo.compare(base, head, folder=folder).is_folder_same


def test_the_address_is_not_kept_with_the_history(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit("one", a="1")
    repo.compare(base, repo.commit("two", a="2"))

    (history,) = (tmp_path / "cache").glob("*.history.git")

    assert str(repo.folder) not in (history / "config").read_text()


def test_contents_of_files_stay_where_the_host_can_leave_them_out(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    base = repo.commit("one", a="1", manifests__service="1")
    head = repo.commit("two", a="2")

    found = repo.compare(base, head)

    assert (found.commits.added_count, found.commits.files, found.is_folder_same) == (1, 1, True)
    (history,) = (tmp_path / "cache").glob("*.history.git")
    blob = repo.git("rev-parse", f"{head}:a")
    assert subprocess.run(
        ["git", "cat-file", "-e", blob], cwd=history, check=False, capture_output=True
    ).returncode


@pytest.mark.parametrize("commit", ["--upload-pack=touch /tmp/owned", "HEAD", "", "0123\u202e"])
def test_what_is_no_commit_is_never_given_to_git(repo: Repo, commit: str) -> None:
    head = repo.commit("one", a="1")

    with pytest.raises(HistoryMissing, match="is no full hash of a commit") as caught:
        repo.compare(commit, head)

    assert caught.value.is_final
    assert "\u202e" not in str(caught.value)
