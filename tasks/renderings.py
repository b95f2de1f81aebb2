"""The last rendering of a worker process, for the stage that comes right after.

Sanity renders what deploy applies a moment later, as a rule in the same process. Secrets stand in it: so it
is given out once, and only to who names the same secrets as they are by then. An older value would not be
known to whoever clears that stage's log.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from source.manifests import Manifests

KEPT: Final = 30.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class _Kept:
    name: tuple[object, ...]
    manifests: Manifests = field(repr=False)
    until: float


class Renderings:
    """Keeps one rendering, to be given out once more; nobody has the same objects as somebody else."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: _Kept | None = None

    def get(self, *name: object, make: Callable[[], Manifests]) -> Manifests:
        """The rendering of that name, made where it is not kept. Raises what ``make`` raises."""
        kept, self._kept = self._kept, None
        if kept and kept.name == name and self._monotonic() <= kept.until:
            return kept.manifests
        made = make()
        self._kept = _Kept(name, deepcopy(made), self._monotonic() + KEPT)
        return made
