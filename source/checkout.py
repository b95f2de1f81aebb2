"""The app's repository: what a tag points at now, and a clean tree of one commit.

Each address has a bare repository in the cache. Several worker processes use it at once, so whoever works on
it holds its file lock. A commit that a release once used keeps a reference there: a redeploy works although
the tag has moved and the Git host is away.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from release.problems import Problem
from release.tag import find_refusal, shown
from source.address import get_transport
from source.commands import OUR_CONFIGURATION, Commands, GitFailed, GitTimedOut
from source.commits import Between, HistoryMissing, compare_commits
from source.export import Limits, UnsafeTree, export
from source.refusals import (
    kept_nothing,
    missing_commit,
    missing_tag,
    moved_tag,
    unfitting_commit,
    unreachable,
    unsafe,
)
from source.tag_signatures import Demand, check_tag_object
from source.trailers import read_trailers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.origins import TagSignatures
    from source.signature_answers import Signature

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_BROKEN: Final = re.compile(
    r"\.lock'|corrupt|loose object|bad object|not a git repository: '/", re.IGNORECASE
)
_NO_SUCH_TAG: Final = "couldn't find remote ref"
_LOCAL_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one commit, below ``path``."""

    path: Path
    commit: str
    files: int


class Repositories:
    """The cache of repositories in one folder.

    ``allow_file_transport``: whether an address that is itself a local path or ``file://`` may be used; no
    other address ever leads to one. Times in seconds.
    """

    def __init__(
        self,
        directory: Path,
        *,
        allow_file_transport: bool = True,
        ask_seconds: float = 30,
        fetch_seconds: float = 300,
        limits: Limits | None = None,
    ) -> None:
        self._directory = directory
        self._allow_file_transport = allow_file_transport
        self._ask_seconds = ask_seconds
        self._fetch_seconds = fetch_seconds
        self._limits = limits or Limits()

    def resolve_tag(self, address: str, tag: str) -> str:
        """The commit that the tag points at on the remote now, an annotated tag followed to its commit.

        Raises:
            Problem: ``tag-missing``, ``repository-unreachable``, ``repository-refused``.
        """
        if refusal := find_refusal(tag):
            raise missing_tag(address, tag, why=refusal)
        name = f"refs/tags/{tag}"
        answer = self._ask(address, name)
        found = {name: commit for commit, _, name in (line.partition("\t") for line in answer.splitlines())}
        commit = found.get(f"{name}^{{}}") or found.get(name)
        if commit is None:
            raise missing_tag(address, tag, why="it is not there")
        return commit

    def check_signature(self, demand: Demand, *, is_past: bool = False) -> Signature:
        """Who signed the tag as it is on the remote now; it must still point at the commit that is demanded.

        ``is_past``: of a commit that was released before. Where its tag is gone or was moved since, or the
        Git host is away, the tag object that was found good here before is checked again, with today's keys.

        Raises:
            Problem: ``tag-not-signed``, ``tag-signature-refused``, ``signature-check-impossible``; else as
                ``resolve_tag``, and ``tag-moved``.
        """
        if not _COMMIT.fullmatch(demand.commit):
            raise unfitting_commit(demand.address, demand.commit)
        kept = f"refs/verdigris-signed/{demand.commit}/{demand.tag}"
        with self._locked(demand.address) as commands:
            try:
                self._get_tag(commands, demand.address, demand.tag, demand.commit)
            except Problem as problem:
                if not is_past:
                    raise
                return _check_kept(commands, kept, demand, problem)
            signature = check_tag_object(commands, _kept_tag(demand.tag), demand)
            try:
                commands.run(["update-ref", kept, _kept_tag(demand.tag)], seconds=_LOCAL_SECONDS)
            except GitFailed as error:
                raise unreachable(demand.address, error) from None
            return signature

    def read_trailers(
        self, address: str, tag: str, *, commit: str, key: str, keys: TagSignatures | None = None
    ) -> list[str]:
        """The values of a trailer in the message of an annotated tag, as ``git interpret-trailers`` has them.

        A lightweight tag has no message, so nothing. ``commit``: what the tag pointed at a moment ago.
        ``keys``: only what one of them signed is read; the tag may have been replaced since it was checked.

        Raises:
            Problem: ``tag-moved``; with ``keys`` as ``check_signature``; else as ``resolve_tag``.
        """
        with self._locked(address) as commands:
            self._get_tag(commands, address, tag, commit)
            if keys:
                check_tag_object(commands, _kept_tag(tag), Demand(address, tag, commit, keys))
            try:
                return read_trailers(commands, _kept_tag(tag), tag=tag, key=key)
            except GitFailed as error:
                raise unreachable(address, error) from None

    def check_out(self, address: str, commit: str, into: Path) -> Tree:
        """A clean tree of the commit at ``into``; what stood there before is removed.

        Asks the remote only for a commit that the cache lacks.

        Raises:
            Problem: ``commit-missing``, ``unsafe-tree``, ``repository-unreachable``, ``repository-refused``.
        """
        if not _COMMIT.fullmatch(commit):
            raise unfitting_commit(address, commit)
        with self._locked(address) as commands:
            self._get_commit(commands, address, commit)
            return self._export_anew(commands, address, commit, into)

    def compare(self, address: str, base: str, head: str, *, folder: str, listed: str = "") -> Between:
        """What lies between two commits. ``folder``, ``listed``: as ``compare_commits``.

        Raises:
            HistoryMissing: the Git host can't be asked, or has one of them no more.
        """
        for commit in (base, head):
            if not _COMMIT.fullmatch(commit):  # the cluster told it, and whoever may write there
                raise HistoryMissing(f"{shown(commit)} is no full hash of a commit", is_final=True)
        commands = self._commands(address, suffix=".history")
        return compare_commits(commands, address, base, head, folder=folder, listed=listed)

    def _commands(self, address: str, *, suffix: str = "") -> Commands:
        """Git for this address, on the address' place in the cache."""
        transport = get_transport(address, allow_file_transport=self._allow_file_transport)
        configuration = self._directory / "gitconfig"
        if not configuration.exists():
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._directory, delete=False) as file:
                file.write(OUR_CONFIGURATION)
            Path(file.name).replace(configuration)
        name = hashlib.sha256(address.encode()).hexdigest()[:32]
        return Commands(self._directory / f"{name}{suffix}.git", configuration, transport)

    @contextmanager
    def _locked(self, address: str) -> Iterator[Commands]:
        """The address' bare repository, ours alone until the block ends or the process dies.

        Waits for others without a deadline of its own: each Git command of theirs has one.
        """
        commands = self._commands(address)
        with commands.repository.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (commands.repository / "HEAD").exists():
                _create(commands, address)
            yield commands

    def _ask(self, address: str, name: str) -> str:
        """Needs no repository and no lock: a long fetch of another process is not waited for."""
        command = ["ls-remote", "--", address, name, f"{name}^{{}}"]
        try:
            return self._commands(address).run(command, seconds=self._ask_seconds)
        except GitFailed as error:
            raise unreachable(address, error) from None

    def _get_commit(self, commands: Commands, address: str, commit: str) -> None:
        if _has_commit(commands, commit):
            return
        self._bring(commands, address, lambda into: self._fetch(into, address, commit))
        if not _has_commit(commands, commit):
            raise missing_commit(address, commit)

    def _get_tag(self, commands: Commands, address: str, tag: str, commit: str) -> None:
        """The tag as it is now, which must point at the commit; that is kept for redeploys.

        Raises:
            Problem: ``tag-moved``; else as ``resolve_tag``.
        """
        if refusal := find_refusal(tag):
            raise missing_tag(address, tag, why=refusal)
        self._bring(commands, address, lambda into: self._fetch_tag(into, address, tag))
        try:
            found = _commit_of(commands, _kept_tag(tag))
            if found != commit:
                raise moved_tag(address, tag, commit=commit, found=found)
            commands.run(["update-ref", f"refs/verdigris/{commit}", commit], seconds=_LOCAL_SECONDS)
        except GitFailed as error:
            raise unreachable(address, error) from None

    def _bring(self, commands: Commands, address: str, fetch: Callable[[Commands], None]) -> None:
        """Fetch; into a new cache where a killed Git left this one unusable."""
        try:
            fetch(commands)
        except GitFailed as error:
            if not _BROKEN.search(str(error)):
                raise unreachable(address, error) from None
            self._start_over(commands, address, fetch)

    def _fetch(self, commands: Commands, address: str, commit: str) -> None:
        """That commit alone, or all tags and branches where the host does not give single commits."""
        try:
            self._fetch_only(commands, address, f"+{commit}:refs/verdigris/{commit}", "--depth=1")
        except GitTimedOut:
            raise
        except GitFailed as error:
            if _BROKEN.search(str(error)):
                raise
            self._fetch_only(
                commands, address, "+refs/tags/*:refs/tags/*", "+refs/heads/*:refs/remotes/origin/*"
            )

    def _fetch_tag(self, commands: Commands, address: str, tag: str) -> None:
        """The tag as it is now, with its commit; in full where the host can't give less."""
        what = f"+refs/tags/{tag}:{_kept_tag(tag)}"
        try:
            self._fetch_only(commands, address, what, "--depth=1")
        except GitTimedOut:
            raise
        except GitFailed as error:
            if _NO_SUCH_TAG in str(error):
                raise missing_tag(address, tag, why="it is not there") from None
            if _BROKEN.search(str(error)):
                raise
            self._fetch_only(commands, address, what)

    def _fetch_only(self, commands: Commands, address: str, *what: str) -> None:
        options = [part for part in what if part.startswith("--")]
        references = [part for part in what if not part.startswith("--")]
        command = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *options, "--", address]
        commands.run([*command, *references], seconds=self._fetch_seconds)

    def _start_over(self, commands: Commands, address: str, fetch: Callable[[Commands], None]) -> None:
        """Replace a cache that a killed Git left unusable, once the new one has what is fetched."""
        with tempfile.TemporaryDirectory(dir=self._directory, ignore_cleanup_errors=True) as folder:
            fresh = Commands(Path(folder, "fresh.git"), commands.configuration, commands.transport)
            _create(fresh, address)
            try:
                fetch(fresh)
            except GitFailed as error:
                raise unreachable(address, error) from None
            commands.repository.rename(Path(folder, "broken.git"))
            fresh.repository.rename(commands.repository)

    def _export_anew(self, commands: Commands, address: str, commit: str, into: Path) -> Tree:
        """Written beside ``into`` and moved there whole: a crash leaves no half tree under the final name."""
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}-") as folder:
            fresh = Path(folder, "tree")
            fresh.mkdir()
            try:
                files = export(commands, commit, fresh, limits=self._limits)
            except UnsafeTree as error:
                raise unsafe(address, commit, error) from error
            except GitFailed as error:
                raise unreachable(address, error) from None
            if into.exists():
                shutil.rmtree(into)
            fresh.rename(into)
        return Tree(into, commit, files)


def _kept_tag(tag: str) -> str:
    return f"refs/verdigris-tags/{tag}"


def _commit_of(commands: Commands, name: str) -> str:
    return commands.run(["rev-parse", "--verify", f"{name}^{{commit}}"], seconds=_LOCAL_SECONDS).strip()


def _check_kept(commands: Commands, name: str, demand: Demand, problem: Problem) -> Signature:
    """The signature of the tag object that is kept; ``problem`` is why there is no newer one.

    A signature is the same proof wherever the object comes from, so what is kept need not be trusted.
    """
    try:
        _commit_of(commands, name)
    except GitFailed:
        raise kept_nothing(problem, demand.tag) from problem
    return check_tag_object(commands, name, demand)


def _create(commands: Commands, address: str) -> None:
    """An empty template: no sample hooks, nothing that is not ours."""
    try:
        commands.run(
            ["init", "--quiet", "--bare", "--template=", str(commands.repository)], seconds=_LOCAL_SECONDS
        )
    except GitFailed as error:
        raise unreachable(address, error) from None


def _has_commit(commands: Commands, commit: str) -> bool:
    """Whether the cache has the commit; a tag of anything else than a commit counts as not there."""
    try:
        commands.run(["cat-file", "-e", f"{commit}^{{commit}}"], seconds=_LOCAL_SECONDS)
    except GitFailed:
        return False
    return True
