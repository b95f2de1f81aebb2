"""The programs beside Git that signatures are checked with: ``gpg`` and ``ssh-keygen``, as PATH has them.

Each runs with a time limit and an environment of its own: nobody's keyring or settings count.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS: Final = 20
PACKAGES: Final = {
    "gpg": "gnupg (Debian and Ubuntu: gpg)",
    "ssh-keygen": "openssh (Debian and Ubuntu: openssh-client)",
}


class NoProgram(Exception):
    """It is not installed here; the message names it and the package."""


class ProgramTimedOut(Exception):
    """It took longer than it may and was ended."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended, and what it said."""

    code: int
    output: str
    errors: str


def get_program(name: str) -> str:
    """Where it is.

    Raises:
        NoProgram: nowhere on PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise NoProgram(
            f"the program {name} is not installed where the workers run: package {PACKAGES[name]}"
        )
    return found


def run_program(name: str, arguments: Sequence[str], *, environment: Mapping[str, str]) -> Done:
    """Run it to its end; of our own environment it sees PATH alone.

    Raises:
        NoProgram: it is not installed.
        ProgramTimedOut: it does not come to an end.
    """
    try:
        done = subprocess.run(  # noqa: S603 -- a program of PACKAGES, arguments of ours
            [get_program(name), *arguments],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProgramTimedOut(f"{name} took longer than {SECONDS} s") from None
    return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
