"""What the workers' logs tell: which task came to whom, which stage began, which was noticed as lost.

Read from the files that the processes wrote, long after; never asked of Redis.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_RECEIVED: Final = re.compile(
    r"Task release\.\w+\[(?P<subject>[^.\]]+)\.\d+-(?P<stage>\w+)\.f(?P<fence>\d+)\.\w+\] received"
)
_IN_HAND: Final = re.compile(r"Task release\.\S+ received")
_OWNER: Final = re.compile(r"\.f(?P<fence>\d+)\.\w+$")
KINDS: Final = {"activate": "promote", "rollback": "rollback", "decommission": "decommission"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a turn is about: one kind of job of one release."""

    kind: str
    release: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A stage that a worker began."""

    at: float
    worker: str
    app: str
    job: str
    subject: Subject
    stage: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Noticed:
    """A stage that was found lost, by any worker; ``fence``: the one that does not count any more."""

    at: float
    job: str
    fence: int


class Doing(StrEnum):
    """What a worker does with its time."""

    WORKING = "at work"
    WAITING = "waiting for work"
    STARTING = "starting again"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Mark:
    """From this moment on a worker does something else. ``is_up``: it has just started."""

    at: float
    worker: str
    doing: Doing
    is_up: bool = False


@dataclass
class Chronicle:
    """All workers' logs. ``fences``: what each fence was for, by the ids of Celery's tasks."""

    fences: dict[int, Subject] = field(default_factory=dict)
    begun: list[Begun] = field(default_factory=list)
    noticed: list[Noticed] = field(default_factory=list)
    fenced_out: int = 0
    unexpected: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


def read_chronicle(logs: Iterable[tuple[str, Path]]) -> Chronicle:
    """Every worker's log, each with the worker's name."""
    chronicle = Chronicle()
    for worker, path in logs:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            entry = _parse(line)
            if entry:
                _take(chronicle, worker, entry)
    chronicle.begun.sort(key=lambda begun: begun.at)
    chronicle.noticed.sort(key=lambda noticed: noticed.at)
    return chronicle


def _parse(line: str) -> dict[str, Any] | None:
    """A structured line; a kill may have cut one off, and Celery's banner is none."""
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "timestamp" in entry else None


def _take(chronicle: Chronicle, worker: str, entry: dict[str, Any]) -> None:
    event, at = str(entry["event"]), datetime.fromisoformat(entry["timestamp"]).timestamp()
    if mark := _find_mark(worker, event, at):
        chronicle.marks.append(mark)
    if received := _RECEIVED.match(event):
        kind = KINDS.get(received["stage"], "deploy")
        chronicle.fences[int(received["fence"])] = Subject(kind, received["subject"])
    elif event == "stage begins":
        chronicle.begun.append(_begun(worker, entry, at))
    elif event == "stage lost":
        owner = _OWNER.search(entry["owner"])
        chronicle.noticed.append(Noticed(at, entry["job"], int(owner["fence"]) if owner else 0))
    elif event.startswith("stage lost: another worker"):
        chronicle.fenced_out += 1
    elif event in {"stage failed unexpectedly", "a look failed"}:
        trace = str(entry.get("traceback") or entry.get("exception") or "").strip()
        chronicle.unexpected.append(f"{worker}: {event}: {trace.splitlines()[-1] if trace else ''}")


def _find_mark(worker: str, event: str, at: float) -> Mark | None:
    """What Celery's own lines say: it is up, it has a task, the task is over in whatever way."""
    if event.endswith(" ready."):
        return Mark(at, worker, Doing.WAITING, is_up=True)
    if _IN_HAND.match(event):
        return Mark(at, worker, Doing.WORKING)
    return Mark(at, worker, Doing.WAITING) if event.startswith("Task ") else None


def _begun(worker: str, entry: dict[str, Any], at: float) -> Begun:
    subject = Subject(KINDS.get(entry["stage"], "deploy"), entry["release"])
    return Begun(at, worker, entry["app"], entry["job"], subject, entry["stage"], entry["attempt"])
