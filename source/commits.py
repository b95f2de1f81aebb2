"""What lies between two commits, from the repository's history: which commits, and how many files differ.

The cache that releases are made from holds single commits. History has a bare repository of its own beside
it, without the files' contents where the Git host can leave them out. Commits are hostile text.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from release.difference import (
    LONGEST_NAME,
    LONGEST_PATH,
    LONGEST_TITLE,
    MOST_COMMITS,
    MOST_REMOVED,
    ChangedFile,
    Commit,
    Commits,
    Kind,
    clean,
)
from source.address import anonymous
from source.commands import GitFailed, GitTimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source.commands import Commands

DEPTHS: Final = (100, 2_000)
"""How many generations are fetched: few first, and more only where they do not tell enough."""

LOCAL_SECONDS: Final = 20
FETCH_SECONDS: Final = 30
_FIELDS: Final = ("%H", "%at", f"%<({LONGEST_NAME + 1},trunc)%an", f"%<({LONGEST_TITLE + 1},trunc)%s")
_FORMAT: Final = "%x00".join(_FIELDS)
_LINK: Final = "120000"
_KINDS: Final = {"A": Kind.ADDED, "D": Kind.REMOVED}
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999, which is as far as Python's times go."""


@dataclass(frozen=True, slots=True)
class Between:
    """What a history tells of two commits.

    ``added``: the ids of all that the second has and the first has not. ``is_folder_same``: no file below the
    folder that was asked for differs. ``listed``: the files that differ below the folder whose files were.
    """

    commits: Commits
    added: frozenset[str]
    is_folder_same: bool
    listed: tuple[ChangedFile, ...] = ()


class HistoryMissing(Exception):
    """The two can't be compared; the message says why. ``is_final``: it will be so the next time."""

    def __init__(self, why: str, *, is_final: bool) -> None:
        super().__init__(why)
        self.is_final = is_final


def compare_commits(
    commands: Commands, address: str, base: str, head: str, *, folder: str, listed: str = ""
) -> Between:
    """What leads from ``base`` to ``head``, full hashes both; ``commands`` on the history's repository.

    ``folder``: whether it is the same in both. ``listed``: where it is told which files differ.

    Raises:
        HistoryMissing: the Git host can't be asked, has one of them no more, or takes too long.
    """
    with _locked(commands):
        try:
            _get_history(commands, address, base, head)
            found = _compare(commands, base, head, folder)
            return replace(found, listed=_list_files(commands, base, head, listed)) if listed else found
        except GitTimedOut as error:
            raise HistoryMissing(
                f"the history could not be read in time ({error})", is_final=False
            ) from error
        except GitFailed as error:
            raise HistoryMissing(_tell(error, address, base, head), is_final=_is_gone(error)) from error


def _compare(commands: Commands, base: str, head: str, folder: str) -> Between:
    brings, takes = f"{base}..{head}", f"{head}..{base}"
    added, removed = _ids(commands, brings), _ids(commands, takes)
    commits = Commits(
        added=_list(commands, brings, most=MOST_COMMITS) if added else (),
        added_count=len(added),
        removed=_list(commands, takes, most=MOST_REMOVED) if removed else (),
        removed_count=len(removed),
        files=len(_differing(commands, base, head)),
        is_related=_is_related(commands, base, head),
        is_cut=not _ends(commands).isdisjoint(added | removed),
    )
    return Between(commits, added, is_folder_same=_is_same(commands, base, head, folder))


@contextmanager
def _locked(commands: Commands) -> Iterator[None]:
    """The history's repository, ours alone until the block ends or the process dies.

    Raises:
        HistoryMissing: another worker has it. It is not waited for: nobody waits for us.
    """
    commands.repository.parent.mkdir(parents=True, exist_ok=True)
    with commands.repository.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HistoryMissing("another worker reads the history just now", is_final=False) from error
        yield


def _get_history(commands: Commands, address: str, base: str, head: str) -> None:
    """Bring as much as tells of the two; less where the history is longer than what is read."""
    if not (commands.repository / "HEAD").exists():
        _run(commands, "init", "--quiet", "--bare", "--template=", str(commands.repository))
    for depth in DEPTHS:
        if _has(commands, base) and _has(commands, head) and not _is_cut(commands, base, head):
            return
        _fetch(commands, address, base, head, depth)


def _fetch(commands: Commands, address: str, base: str, head: str, depth: int) -> None:
    """The address is never kept in the repository: it may hold a password."""
    promised = ("remote.host.promisor=true", "remote.host.partialclonefilter=blob:none")
    answer = commands.ask(
        [
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
            *("--filter=blob:none", f"--depth={depth}", "host"),
            *(f"+{commit}:refs/history/{commit}" for commit in dict.fromkeys((head, base))),
        ],
        seconds=FETCH_SECONDS,
        options=(f"remote.host.url={address}", *promised),
    )
    if answer.code:
        raise GitFailed(answer.errors.strip())


def _run(commands: Commands, *arguments: str) -> str:
    return commands.run(arguments, seconds=LOCAL_SECONDS)


def _has(commands: Commands, commit: str) -> bool:
    return not commands.ask(["cat-file", "-e", f"{commit}^{{commit}}"], seconds=LOCAL_SECONDS).code


def _ids(commands: Commands, between: str) -> frozenset[str]:
    return frozenset(_run(commands, "rev-list", between).split())


def _is_related(commands: Commands, base: str, head: str) -> bool:
    return not commands.ask(["merge-base", base, head], seconds=LOCAL_SECONDS).code


def _is_cut(commands: Commands, base: str, head: str) -> bool:
    """Whether a commit that only one of them has is where our copy of the history ends."""
    return not _ends(commands).isdisjoint(_ids(commands, f"{base}...{head}"))


def _ends(commands: Commands) -> frozenset[str]:
    """Commits whose parents were not fetched."""
    shallow = commands.repository / "shallow"
    return frozenset(shallow.read_text().split()) if shallow.exists() else frozenset()


def _list(commands: Commands, between: str, *, most: int) -> tuple[Commit, ...]:
    """Newest first. A record that a hostile title could break is none: no field holds what separates them."""
    command = ["log", "-z", f"--max-count={most}", "--topo-order", f"--format={_FORMAT}", between, "--"]
    fields = _run(commands, *command).split("\0")
    rows = zip(*(fields[number :: len(_FIELDS)] for number in range(len(_FIELDS))), strict=False)
    return tuple(
        Commit(commit, clean(title, LONGEST_TITLE), clean(author, LONGEST_NAME), _time_of(seconds))
        for commit, seconds, author, title in rows
    )


def _time_of(seconds: str) -> datetime:
    """The author's clock, whatever it was: at least a time that can be shown."""
    number = int(seconds) if seconds.lstrip("-").isdigit() else 0
    return datetime.fromtimestamp(min(max(number, 0), _LATEST), UTC)


def _differing(commands: Commands, base: str, head: str, *paths: str) -> list[str]:
    command = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head, "--", *paths]
    return _run(commands, *command).split("\0")[:-1]


def _list_files(commands: Commands, base: str, head: str, folder: str) -> tuple[ChangedFile, ...]:
    command = ["diff-tree", "-r", "-z", "--name-status", "--no-renames", base, head, "--", _literally(folder)]
    fields = iter(_run(commands, *command).split("\0")[:-1])
    return tuple(
        ChangedFile(clean(path, LONGEST_PATH), _KINDS.get(status, Kind.CHANGED))
        for status, path in zip(fields, fields, strict=True)
    )


def _literally(folder: str) -> str:
    return f":(literal){folder.strip('/') or '.'}"


def _is_same(commands: Commands, base: str, head: str, folder: str) -> bool:
    """A link in the folder, or on the way to it, may lead to what differs elsewhere: that is not the same."""
    if _differing(commands, base, head, _literally(folder)):
        return False
    parents = folder.strip("/").split("/")
    above = ["/".join(parents[: number + 1]) for number in range(len(parents))]
    listed = _run(commands, "ls-tree", "-r", "-z", head, "--", f"{above[-1]}/").split("\0")
    ways = [_run(commands, "ls-tree", "-z", head, "--", one) for one in above]
    return not any(entry.startswith(_LINK) for entry in [*listed, *ways])


def _is_gone(error: GitFailed) -> bool:
    """As Git's own hosts say that they have a commit no more."""
    text = str(error)
    return "not our ref" in text or "unadvertised object" in text


def _tell(error: GitFailed, address: str, base: str, head: str) -> str:
    if not _is_gone(error):
        return f"the history of {anonymous(address)} can't be read"
    gone = next((commit for commit in (base, head) if commit in str(error)), None)
    what = f"commit {gone[:10]}" if gone else "one of the two commits"
    return f"{what} is not in the repository any more, or the Git host does not give it"
