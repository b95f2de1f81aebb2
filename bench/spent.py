"""What processes have used: processor time and memory, of a process and all below it, as Linux tells it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK: Final = os.sysconf("SC_CLK_TCK")


def tree_of(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def scheduled_seconds(root: int) -> float:
    """The same as ``cpu_seconds`` of what runs now, to the nanosecond: for what is nearly nothing."""
    return sum(_scheduled(pid) for pid in tree_of(root)) / 1e9


def cpu_seconds(root: int) -> float:
    """Used so far by a process and those below it; of ended ones, what was waited for."""
    return sum(_ticks(pid, is_root=pid == root) for pid in tree_of(root)) / TICK


def pss_bytes(root: int) -> int:
    """Memory of a process and those below it; what they share is counted once, in parts."""
    return sum(_pss(pid) for pid in tree_of(root))


def _ticks(pid: int, *, is_root: bool) -> int:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        own, ended = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
        return own + ended if is_root else own
    return 0


def _scheduled(pid: int) -> int:
    total = 0
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                total += int((thread / "schedstat").read_text().split()[0])
    return total


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                yield int(entry.name), int(fields[1])
