"""The last rendering of a worker process, for the stage that comes right after.

Sanity renders what deploy applies a moment later, as a rule in the same process. It is kept for seconds only:
secrets are read when a release is rendered, and may have been exchanged since.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from source.manifests import Manifests

KEPT: Final = 30.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class _Kept:
    name: tuple[object, ...]
    manifests: Manifests
    until: float


class Renderings:
    """Keeps one rendering; each caller gets a copy of its own."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: _Kept | None = None

    def get(self, *name: object, make: Callable[[], Manifests]) -> Manifests:
        """The rendering of that name, made where it is not kept. Raises what ``make`` raises."""
        kept, now = self._kept, self._monotonic()
        if kept is None or kept.name != name or kept.until < now:
            kept = self._kept = _Kept(name, make(), now + KEPT)
        return deepcopy(kept.manifests)
