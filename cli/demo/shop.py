"""The sample app's repository: a bare one that pushes go to, and a clone to commit and tag in."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING, Final

from cli.demo.place import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cli.demo.place import Place

IDENTITY: Final = {
    "GIT_AUTHOR_NAME": "Verdigris demo",
    "GIT_AUTHOR_EMAIL": "demo@example.invalid",
    "GIT_COMMITTER_NAME": "Verdigris demo",
    "GIT_COMMITTER_EMAIL": "demo@example.invalid",
    # The visitor's own configuration (signing, templates, hooks) must not decide whether the demo works.
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Shop:
    """The repository of the demo's app."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def create(self) -> None:
        """Make both repositories, the hook that delivers webhooks, and the first commit."""
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self._place.repository))
        _write_hook(self._place)
        self._git("init", "--quiet", "--initial-branch=main", str(self._place.clone))
        self._in_clone("remote", "add", "origin", str(self._place.repository))
        sample = resources.files("cli.demo") / "sample"
        for name in ("app.py", "migrate.py"):
            (self._place.clone / name).write_text((sample / name).read_text(encoding="utf-8"))

    def commit(self, message: str, *, broken: bool = False, startup_seconds: float = 0) -> None:
        """A new version of the shop on main."""
        behaviour = {"version": message, "broken": broken, "startup_seconds": startup_seconds}
        (self._place.clone / "release.json").write_text(json.dumps(behaviour, indent=2) + "\n")
        self._in_clone("add", "--all")
        self._in_clone("commit", "--quiet", "--message", message)

    def tag(self, name: str) -> None:
        """Tag what is on main now."""
        self._in_clone("tag", name)

    def push(self, *tags: str) -> str:
        """``git push origin <tags>``: what the user types. Returns what the Git host's hook said."""
        done = self._in_clone("push", "--quiet", "origin", "main", *tags)
        return "\n".join(line.removeprefix("remote: ").strip() for line in done.stderr.splitlines())

    def _in_clone(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._git("-C", str(self._place.clone), *arguments)

    @staticmethod
    def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 -- git, with our own arguments
            ["git", *arguments],  # noqa: S607 -- the user's git
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **IDENTITY},
        )


def _write_hook(place: Place) -> None:
    """The hook carries what a Git host has in its settings: address and secret."""
    settings: Mapping[str, str] = {
        "DEMO_WEBHOOK_URL": f"{place.web}/webhooks/github",
        "DEMO_WEBHOOK_SECRET": place.webhook_secret,
        "DEMO_REPOSITORY": REPOSITORY,
    }
    script = place.directory / "deliver.py"
    script.write_text((resources.files("cli.demo") / "hook.py").read_text(encoding="utf-8"))
    lines = ["#!/bin/sh", *(f"export {name}={shlex.quote(value)}" for name, value in settings.items())]
    lines.append(f"exec {shlex.quote(sys.executable)} {shlex.quote(str(script))}")
    hook = place.repository / "hooks" / "post-receive"
    _write_private(hook, "\n".join(lines) + "\n")


def _write_private(path: Path, text: str) -> None:
    path.touch()
    path.chmod(0o700)
    path.write_text(text)
