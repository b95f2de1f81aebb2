"""The problems of reading an app's repository. The troubleshooting guide has more on each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from release.problems import Problem
from release.tag import shown
from source.address import anonymous, without_credentials

if TYPE_CHECKING:
    from source.commands import GitFailed
    from source.export import UnsafeTree

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def missing_tag(address: str, tag: str, *, why: str) -> Problem:
    """The tag is not on the remote, or can't be there."""
    return Problem(
        "tag-missing",
        "the tag is not in the repository",
        detail=f"tag {shown(tag)} of {anonymous(address)}: {why}",
        next_step="push the tag again (git push origin TAG), or release another one",
        status=422,
    )


def moved_tag(address: str, tag: str, *, commit: str, found: str) -> Problem:
    """``found``: what the tag points at now, in place of the commit."""
    return Problem(
        "tag-moved",
        "The tag was moved",
        detail=f"tag {shown(tag)} of {anonymous(address)} is {found} now and not {commit}",
        next_step="push the new commit under a new tag",
    )


def missing_commit(address: str, commit: str) -> Problem:
    """Neither the cache nor the remote has it."""
    return Problem(
        "commit-missing",
        "the commit is not in the repository",
        detail=f"{anonymous(address)} has no commit {shown(commit)}, or no longer gives it out",
        next_step="push a tag that points at a commit of this repository",
        status=422,
    )


def unfitting_commit(address: str, commit: str) -> Problem:
    """What is asked for is no full hash that can be read here."""
    if not _SHA256.fullmatch(commit):
        return missing_commit(address, commit)
    return Problem(
        "repository-format",
        "the repository names its objects by SHA-256",
        detail=f"{anonymous(address)}: commit {shown(commit)}; only those with SHA-1 names can be read",
        next_step="give the app a repository that was made with --object-format=sha1, Git's default",
        status=422,
    )


def unreachable(address: str, error: GitFailed) -> Problem:
    """Git could not read the remote or the cache; its words without credentials."""
    said = without_credentials(str(error), address)
    return Problem(
        "repository-unreachable",
        "the repository can't be read",
        detail=f"{anonymous(address)}: {said[:500]}",
        next_step="check the address, the network and the credentials of the workers, then retry the release",
        status=502,
    )


def unsafe(address: str, commit: str, error: UnsafeTree) -> Problem:
    """What must not be written to our disk."""
    return Problem(
        "unsafe-tree",
        "the commit's files are refused",
        detail=f"commit {commit[:12]} of {anonymous(address)}: {error}",
        next_step="remove what is named from the repository and push a new tag",
        status=422,
    )


def kept_nothing(problem: Problem, tag: str) -> Problem:
    """A commit that was released before, whose signed tag is neither on the remote (``problem``) nor kept."""
    return Problem(
        "signature-check-impossible",
        "The tag's signature can't be checked",
        detail=f"{problem.document.detail}; and this worker keeps no signed tag of an earlier release of it",
        next_step=f"push the signed tag again from a clone that has it (git push -f origin {shown(tag)}) and "
        "retry the release, or push its commit under a new, signed tag",
        status=503,
    )
