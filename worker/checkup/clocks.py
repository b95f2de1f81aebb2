"""The clocks of this machine, of Redis and of the clusters: leases and fences count in Redis' time."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from worker.checkup.lines import ok, warning

if TYPE_CHECKING:
    from worker.checkup.lines import Line

TOLERANCE: Final = 5.0
HERE: Final = "here"


class Clocks:
    """Each place with the seconds by which its clock is ahead of ours; filled by checks in their threads."""

    def __init__(self) -> None:
        self._ahead: dict[str, float] = {HERE: 0.0}
        self._adding = Lock()

    def add(self, place: str, ahead: float) -> None:
        """Remember what a place's clock says."""
        with self._adding:
            self._ahead[place] = ahead

    def look(self) -> list[Line]:
        """One line; none where there is nothing to compare with."""
        with self._adding:
            ahead = dict(self._ahead)
        if len(ahead) == 1:
            return []
        told = ", ".join(f"{place} {seconds:+.1f} s" for place, seconds in ahead.items() if place != HERE)
        first, last = min(ahead, key=ahead.__getitem__), max(ahead, key=ahead.__getitem__)
        apart = ahead[last] - ahead[first]
        if apart <= TOLERANCE:
            return [ok("clocks", f"against this machine: {told}")]
        found = f"{first} and {last} are {apart:.0f} s apart (against this machine: {told})"
        return [warning("clocks", found, fix="`timedatectl set-ntp true` where the time is wrong")]
