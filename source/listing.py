"""What a repository lists: its tags with what they point at. Nothing is fetched.

What Git says on stderr is sorted into a few kinds of trouble, as each has another remedy.
"""

from __future__ import annotations

import re
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Final

from source.address import get_transport, without_credentials
from source.commands import OUR_CONFIGURATION, Commands, GitFailed, GitTimedOut

_PREFIX: Final = "refs/tags/"
_PEELED: Final = "^{}"
_LONGEST: Final = 300


class Trouble(StrEnum):
    """Why a repository's tags can't be listed."""

    NO_GIT = "no-git"
    HOST_KEY = "host-key"
    CREDENTIALS = "credentials"
    NAME = "name"
    CERTIFICATE = "certificate"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    MISSING = "missing"
    OTHER = "other"


_SIGNS: Final = (
    (Trouble.NO_GIT, r"git is not installed"),
    (Trouble.HOST_KEY, r"host key verification failed|remote host identification has changed"),
    (Trouble.NAME, r"could not resolve host"),
    (Trouble.CERTIFICATE, r"certificate|\b(ssl|tls)\b"),
    (
        Trouble.CREDENTIALS,
        r"permission denied|authentication failed|could not read (user|pass)|prompts disabled|\b40[13]\b",
    ),
    (
        Trouble.UNREACHABLE,
        r"connection refused|network is unreachable|no route to host|failed to connect|could ?n[o']t connect",
    ),
    (Trouble.SILENT, r"timed out"),
    (
        Trouble.MISSING,
        r"repository not found|does not appear to be a git repository|not found|does not exist",
    ),
)
"""The first that fits; ssh adds a general sentence about access rights to every failure of its own."""


class NotListed(Exception):
    """The tags can't be listed; the message is what Git said, without credentials."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


def list_tags(address: str, *, seconds: float) -> dict[str, str]:
    """All tags on the remote: name → what it points at, an annotated tag followed to its commit.

    Raises:
        NotListed: Git failed, or took longer than ``seconds``.
        Problem: ``repository-refused``: the address itself can't be used.
    """
    lines = [line.partition("\t") for line in _ask(address, seconds=seconds).splitlines()]
    found = {name.removeprefix(_PREFIX): commit for commit, _, name in lines}
    return {
        name: found.get(f"{name}{_PEELED}", at) for name, at in found.items() if not name.endswith(_PEELED)
    }


def _ask(address: str, *, seconds: float) -> str:
    transport = get_transport(address)
    with tempfile.TemporaryDirectory(prefix="verdigris-listing-") as folder:
        configuration = Path(folder, "gitconfig")
        configuration.write_text(OUR_CONFIGURATION, encoding="utf-8")
        commands = Commands(Path(folder, "none.git"), configuration, transport)
        try:
            return commands.run(["ls-remote", "--tags", "--", address], seconds=seconds)
        except GitTimedOut as error:
            raise NotListed(Trouble.SILENT, str(error)) from error
        except GitFailed as error:
            said = without_credentials(str(error), address)
            raise NotListed(find_trouble(said), _in_one_line(said)) from None


def find_trouble(said: str) -> Trouble:
    """What kind of failure Git's words are about."""
    found = (kind for kind, sign in _SIGNS if re.search(sign, said, re.IGNORECASE))
    return next(found, Trouble.OTHER)


def _in_one_line(said: str) -> str:
    """What Git said first: ssh and hosts add advice for people at a keyboard."""
    lines = [line.strip(" @") for line in said.splitlines() if line.strip(" @")]
    return " ".join(lines)[:_LONGEST]
