"""Which finished releases are forgotten: those beyond the app's number, and those that are too old."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, Field

from release.model import State
from release.references import STRICT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.model import Release

FINISHED: Final = frozenset({State.FAILED, State.CANCELLED, State.SUPERSEDED, State.RETIRED})
"""States in which nothing of a release is waited for, tested, live or to be rolled back to."""


class Keep(BaseModel):
    """How many finished releases of an app are remembered, and for how long."""

    model_config = STRICT

    releases: Annotated[int, Field(ge=1)] = 200
    days: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 90


def choose_forgotten(oldest: Sequence[Release], *, known: int, keep: Keep, now: datetime) -> list[str]:
    """The ids to forget among an app's ``oldest`` releases (oldest first) of ``known`` in all."""
    limit = now - timedelta(days=keep.days)
    surplus = known - keep.releases
    return [
        release.id
        for index, release in enumerate(oldest)
        if release.state in FINISHED and (index < surplus or release.updated_at < limit)
    ]
