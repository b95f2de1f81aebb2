"""Runs one Git command: with a time limit, no prompt, no hooks, and nobody's configuration but ours.

The operator's own environment still counts, so that credentials can come from there: ``GIT_SSH_COMMAND``,
``GIT_ASKPASS``, ``GIT_SSL_CAINFO``, proxies, ``~/.netrc`` and SSH keys. Files like ``~/.gitconfig`` do not:
one line there (``insteadOf``) would send Git somewhere else.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import git

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NO_TRANSPORT: Final = "none"
SECONDS_TO_TIDY: Final = 5
"""How long Git may take to remove its lock files after it was told to end."""

OUR_CONFIGURATION: Final = "[safe]\n\tdirectory = *\n"
"""A local repository may belong to another user (a mounted volume); our configuration named it on purpose."""

_OPTIONS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "http.followRedirects=false",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
)


class GitFailed(Exception):
    """Git ended with an error; the message is what it said, credentials not yet taken out."""


class GitTimedOut(GitFailed):
    """Git took longer than it may and was ended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one Git command ended, and what it said."""

    code: int
    output: bytes
    errors: str


@dataclass(frozen=True, slots=True)
class Commands:
    """Git commands on one bare repository, which may use one transport."""

    repository: Path
    configuration: Path
    transport: str = NO_TRANSPORT

    @property
    def environment(self) -> Mapping[str, str]:
        """What Git's environment is besides the operator's. ``GIT_DIR`` also undoes an inherited one."""
        return {
            "GIT_DIR": str(self.repository),
            "GIT_ALLOW_PROTOCOL": self.transport,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.configuration),
        }

    def run(self, arguments: Sequence[str], *, seconds: float) -> str:
        """What Git printed.

        Raises:
            GitTimedOut: it took longer than ``seconds``.
            GitFailed: it is not installed, or ended with an error.
        """
        answer = self.ask(arguments, seconds=seconds)
        if answer.code:
            raise GitFailed(answer.errors.strip() or f"git ended with {answer.code}")
        return answer.output.decode(errors="surrogateescape")

    def ask(
        self,
        arguments: Sequence[str],
        *,
        seconds: float,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Answer:
        """How a command ended, well or badly; ``options`` are configuration for it alone, as ``name=value``.

        Raises:
            GitTimedOut: it took longer than ``seconds``.
            GitFailed: it is not installed.
        """
        started = self._start(arguments, (*_OPTIONS, *options), environment or {})
        process = started.proc
        if process is None:  # pragma: no cover -- GitPython's type allows it, its code does not
            raise GitFailed("git did not start")
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise GitTimedOut(f"git {arguments[0]} took longer than {seconds:g} s") from None
        return Answer(process.returncode, output, errors.decode(errors="replace"))

    def _start(
        self, arguments: Sequence[str], options: Sequence[str], environment: Mapping[str, str]
    ) -> git.Git.AutoInterrupt:
        """A session of its own: no terminal to prompt on, and one group to end with all its helpers.

        GitPython's own ``kill_after_timeout`` needs ``pgrep`` or ``ps``, which a small image does not have.
        The process ends with what this returns, so the caller keeps that.
        """
        configured = [part for option in options for part in ("-c", option)]
        try:
            return git.Git().execute(
                ["git", *configured, *arguments],
                as_process=True,
                env={**self.environment, **environment},
                start_new_session=True,
                shell=False,
            )
        except git.GitCommandNotFound as error:
            raise GitFailed("the program git is not installed where the workers run") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Git and its helpers: politely first, so that its lock files go."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.communicate(timeout=SECONDS_TO_TIDY)
        except ProcessLookupError:
            process.communicate()
            return
        except subprocess.TimeoutExpired:
            continue
