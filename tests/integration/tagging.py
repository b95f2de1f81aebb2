"""Annotated tags for a line's repository: what a person says in them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from release.model import Release
    from tests.integration.line import Line


def push_saying(line: Line, tag: str, message: str, *, files: dict[str, str] | None = None) -> Release:
    """Push a tag whose message says something, and deliver its webhook."""
    release = line.push(tag, files=files)
    retag(line, tag, message)
    return release


def retag(line: Line, tag: str, message: str) -> None:
    """Put the message into the tag, which goes on pointing at the same commit."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {f"GIT_COMMITTER_{name}": value for name, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))}
    env = {**outside, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for command in (
        ["tag", "--force", "--annotate", "--message", message, tag, f"{tag}^{{}}"],
        ["push", "--quiet", "--force", "origin", tag],
    ):
        subprocess.run(["git", *command], cwd=line.repo.clone, env=env, check=True, capture_output=True)
