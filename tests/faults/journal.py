"""The stand-in cluster's own record of what happened to it: JSON lines.

The judge reads nothing else of the cluster. Nothing in here comes out of Verdigris' own state.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NOBODY: Final = 0
"""The fence of an object, or of a request, that carries none."""


@dataclass(frozen=True, slots=True)
class Write:
    """A write by a client that was accepted, in the order of ``revision``.

    ``sent``: the fence in the request. ``before`` and ``after``: the object's, around the write.
    ``release``: a Deployment's ``workflow`` label. ``passed``: the template hash that it says has passed.
    ``default``, ``live``: a VirtualService's last subset and its annotation of the live release.
    """

    at: float
    revision: int
    app: str
    object: str
    uid: str
    what: str
    sent: int
    before: int
    after: int
    release: str = ""
    passed: str = ""
    default: str = ""
    live: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write that was answered with an error. ``standing``: the object's fence then."""

    at: float
    app: str
    path: str
    status: int
    sent: int
    standing: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command in a pod. ``ended`` False: whoever asked for it went away before its end."""

    began: float
    at: float
    app: str
    pod: str
    release: str
    text: str
    ended: bool


Entry = Write | Refusal | Command
_KINDS: Final[dict[str, type[Write | Refusal | Command]]] = {
    kind.__name__: kind for kind in (Write, Refusal, Command)
}


class Journal:
    """Written line by line: what was there when a process ended is whole but for its last line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def add(self, entry: Entry) -> None:
        """Keep one entry."""
        self._file.write(json.dumps({"kind": type(entry).__name__, **asdict(entry)}) + "\n")
        self._file.flush()


def read_journal(path: Path) -> list[Entry]:
    """Every entry, in the order in which it was written."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [_parse(json.loads(line)) for line in lines]


def _parse(data: dict[str, object]) -> Entry:
    kind = _KINDS[str(data.pop("kind"))]
    return kind(**data)  # type: ignore[arg-type]


def now() -> float:
    """Seconds of the machine's clock: every log of a campaign is of one machine."""
    return time.time()
