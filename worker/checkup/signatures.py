"""Signed tags: the files of allowed keys can be used here, and the programs that check are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from source.allowed_keys import KeysUnusable, unpacked_gpg, unpacked_ssh
from source.programs import NoProgram
from worker.checkup.lines import failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from release.origins import TagSignatures
    from source.allowed_keys import Unpacked
    from worker.checkup.lines import Line

    Unpack = Callable[[Path], AbstractContextManager[Unpacked]]

LISTED: Final = 5


def look_at_signatures(app: str, keys: TagSignatures) -> list[Line]:
    """One line for each file of keys that the app names."""
    files = {"ssh": (keys.ssh, unpacked_ssh), "gpg": (keys.gpg, unpacked_gpg)}
    return [_look_at(app, kind, file, unpack) for kind, (file, unpack) in files.items() if file]


def about_signatures(app: str) -> str:
    """What the lines are about."""
    return f"signed tags of {app}"


def _look_at(app: str, kind: str, file: Path, unpack: Unpack) -> Line:
    about, setting = about_signatures(app), f"apps.{app}.require_signed_tags.{kind}"
    try:
        with unpack(file) as unpacked:
            keys = unpacked.keys
    except NoProgram as error:
        return failed(about, str(error), fix="install it where the workers run; their image has it")
    except KeysUnusable as error:
        return failed(about, str(error), fix=f"correct the file, or {setting}")
    troubled = [str(key) for key in keys if key.trouble]
    if troubled:
        found = f"{file}: of {len(keys)} keys these no longer count: {_listed(troubled)}"
        fix = f"export them again once their owners have renewed them, or take them out of {file}"
        return (failed if len(troubled) == len(keys) else warning)(about, found, fix=fix)
    return ok(about, f"{file}: keys: {len(keys)} ({_listed([str(key) for key in keys])})")


def _listed(keys: list[str]) -> str:
    more = f", and {len(keys) - LISTED} more" if len(keys) > LISTED else ""
    return ", ".join(keys[:LISTED]) + more
