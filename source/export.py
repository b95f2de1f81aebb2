"""Writes the files of one commit into a folder, without Git's own checkout.

The commit is hostile: Git's checkout would honor its attributes, and a tree may hold paths and links that
lead out. Every path is checked, symbolic links are made last, and what a tree may cost has a limit (ten
nested trees of ten entries each are 10¹⁰ files).
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import git
from git.objects import Blob, Tree

from source.commands import GitFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source.commands import Commands

MAX_PATH: Final = 1024

_EXECUTABLE: Final = 0o100


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tree may cost: files and folders together, and the bytes of all files."""

    files: int = 100_000
    bytes: int = 2 * 1024**3


class UnsafeTree(Exception):
    """The tree would write outside its folder, or costs more than a tree may."""


def export(commands: Commands, commit: str, into: Path, *, limits: Limits) -> int:
    """Write the commit's files into ``into``, which is empty; the number of files. Submodules are left out.

    Raises:
        UnsafeTree: see there.
        GitFailed: the repository's objects can't be read.
    """
    try:
        with closing(git.Repo(commands.repository, expand_vars=False)) as repository:
            repository.git.update_environment(**commands.environment)
            blobs = _list(repository.commit(commit).tree, limits)
            _write_all(blobs, into)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UnsafeTree(f"two entries share the path {os.path.relpath(error.filename, into)}") from error
    except (git.GitError, git.BadObject) as error:
        raise GitFailed(f"the cached objects of commit {commit} can't be read: {error}") from error
    return len(blobs)


def _list(tree: Tree, limits: Limits) -> list[Blob]:
    """The files and links, every path and the sum of their sizes checked."""
    try:
        blobs = list(_checked(_blobs(tree, max_files=limits.files)))
    except ValueError as error:  # GitPython refuses some names itself
        raise UnsafeTree(str(error)) from error
    if sum(blob.size for blob in blobs) > limits.bytes:
        raise UnsafeTree(f"more than {limits.bytes} bytes")
    return blobs


def _blobs(tree: Tree, *, max_files: int) -> Iterator[Blob]:
    """Counted on the way: a tree may unfold without end."""
    waiting: list[Tree] = [tree]
    count = 0
    while waiting:
        for entry in waiting.pop():
            count += 1
            if count > max_files:
                raise UnsafeTree(f"more than {max_files} files and folders")
            if isinstance(entry, Tree):
                waiting.append(entry)
            elif isinstance(entry, Blob):
                yield entry


def _checked(blobs: Iterator[Blob]) -> Iterator[Blob]:
    for blob in blobs:
        _check_path(str(blob.path))
        yield blob


def _check_path(path: str) -> None:
    parts = path.split("/")
    if any(part.lower() in {"", ".", "..", ".git"} for part in parts) or "\0" in path:
        raise UnsafeTree(f"the path {path!r} leads out of the tree or into Git's own folder")
    if len(os.fsencode(path)) > MAX_PATH:
        raise UnsafeTree(f"a path is longer than {MAX_PATH} bytes")


def _write_all(blobs: list[Blob], into: Path) -> None:
    """Files first: no folder on their way can be a link yet."""
    for blob in blobs:
        if blob.mode != Blob.link_mode:
            _write_file(blob, into / str(blob.path))
    links = [blob for blob in blobs if blob.mode == Blob.link_mode]
    for link in links:
        _write_link(link, into / str(link.path))
    for link in links:
        _check_link(into / str(link.path), into)


def _write_file(blob: Blob, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        blob.stream_data(file)
    path.chmod(0o755 if blob.mode & _EXECUTABLE else 0o644)


def _write_link(blob: Blob, path: Path) -> None:
    """A link's target is its blob's content."""
    target = os.fsdecode(blob.data_stream.read())
    if not target or "\0" in target or len(os.fsencode(target)) > MAX_PATH or Path(target).is_absolute():
        raise UnsafeTree(f"the symbolic link {blob.path} does not point to a place inside the tree")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _check_link(path: Path, into: Path) -> None:
    """Ask the file system, once all links stand: links over links lead out where their text does not."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(into)):
        raise UnsafeTree(f"the symbolic link {path.relative_to(into)} points out of the tree")
