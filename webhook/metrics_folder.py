"""gunicorn's hooks: a folder for the numbers of its processes, made with the first and removed with the last.

gunicorn reads this module as its configuration (``--config python:webhook.metrics_folder``); the first
process calls the hooks. A lock on a file in the folder stands as long as any of them lives, so that what
killed ones left behind is known and goes with the next start.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client looks for the folder, when it is imported."""

PREFIX: Final = "verdigris-metrics-"
LOCK: Final = "lock"


def on_starting(_server: object) -> None:
    """Before any other process is there. A folder that the environment names is used, and emptied."""
    os.environ[VARIABLE] = str(make_folder(os.environ.get(VARIABLE, "")))


def child_exit(_server: object, worker: Any) -> None:  # noqa: ANN401 -- gunicorn's worker, which has no type
    """What a process counted stays counted after its end; what it only was goes with it."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 -- it reads the variable

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # prometheus_client


def on_exit(_server: object) -> None:
    """With the first process ended, nobody reads its numbers again."""
    folder = Path(os.environ[VARIABLE])
    if _is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)


def make_folder(named: str, *, where: Path | None = None) -> Path:
    """An empty folder: the one that somebody named, else one of our own, for our eyes only."""
    folder = Path(named) if named else None
    if folder and not _is_ours(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.db"):
            file.unlink(missing_ok=True)
        return folder
    where = where or Path(tempfile.gettempdir())
    for left in _find_left(where):
        shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=where))
    _lock(made / LOCK, os.O_CREAT)
    return made


def _is_ours(folder: Path) -> bool:
    return folder.name.startswith(PREFIX)


def _find_left(where: Path) -> Iterator[Path]:
    """Folders whose processes have all ended."""
    for folder in where.glob(f"{PREFIX}*/{LOCK}"):
        try:
            os.close(_lock(folder, 0))
        except OSError:  # somebody holds it, or it is somebody else's
            continue
        yield folder.parent


def _lock(file: Path, flags: int) -> int:
    """Open for the rest of this process' life, and of those that it forks.

    Raises:
        OSError: somebody else has it.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
