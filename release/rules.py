"""An app's rules for who may promote what, and when, as parts of the configuration.

They stand on the server and not in the app's repository: who may change a release must not be able to lift
its rules. What they mean is decided in ``freezes``, ``approvals`` and ``auto_promotion``.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, Tag, model_validator

from release.cron import check_cron
from release.duration import PositiveSeconds, Seconds
from release.identities import check_people
from release.references import STRICT
from release.wall_clock import check_zone, moment_at

DAY: Final = 86_400
YEARS: Final = range(2000, 3000)
TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def parse_time(value: object) -> datetime:
    """A date and a time, with or without an offset, as text or as YAML has read it.

    A date alone is refused: whether the last day is meant to be part of a window can't be told from it.

    Raises:
        ValueError: it is none, or of no year from 2000 to 2999.
    """
    found = value
    if isinstance(value, str) and TIME.fullmatch(value):
        found = datetime.fromisoformat(value)
    if not isinstance(found, datetime) or found.year not in YEARS:
        message = "must be a date and a time, as in 2026-12-23T00:00"
        raise ValueError(message)
    return found


Zone = Annotated[str, AfterValidator(check_zone)]
Time = Annotated[datetime, BeforeValidator(parse_time)]
Reason = Annotated[str, Field(max_length=500, description="told to whoever is kept waiting")]


class RepeatedFreeze(BaseModel):
    """A window that comes again: it begins when ``cron`` fits what the clocks of ``zone`` show.

    It lasts for so many seconds, also over a change of clocks: 62 hours from Friday 17:00 end on Monday at
    07:00, but at 08:00 where clocks go forward in that night, and at 06:00 where they go back.
    """

    model_config = STRICT

    cron: Annotated[str, Field(max_length=200), AfterValidator(check_cron)]
    lasts: Annotated[PositiveSeconds, Field(alias="for", le=366 * DAY)]
    zone: Zone
    reason: Reason = ""


class SingleFreeze(BaseModel):
    """A window from one moment to another; the second is not part of it.

    Times without an offset are on the clocks of ``zone``. Where clocks show such a time twice, the window is
    the longest that may be meant.
    """

    model_config = STRICT

    start: Annotated[Time, Field(alias="from")]
    end: Annotated[Time, Field(alias="to")]
    zone: Zone | None = None
    reason: Reason = ""

    @model_validator(mode="after")
    def _begin_before_it_ends(self) -> Self:
        if self.zone is None and None in {self.start.tzinfo, self.end.tzinfo}:
            message = "name the zone of these times, as in Europe/Berlin, or write their offset, as in +01:00"
            raise ValueError(message)
        if self.begins_at >= self.ends_at:
            message = "to must be later than from"
            raise ValueError(message)
        return self

    @property
    def begins_at(self) -> datetime:
        """The first moment of the window."""
        return self.start if self.start.tzinfo else moment_at(self.start, self._clock)

    @property
    def ends_at(self) -> datetime:
        """The first moment after it."""
        return self.end if self.end.tzinfo else moment_at(self.end, self._clock, is_last=True)

    @property
    def _clock(self) -> ZoneInfo:
        return ZoneInfo(self.zone or "UTC")


def _kind_of(value: object) -> str:
    """By ``cron``, so that a mistake is told of the one form that is meant."""
    is_repeated = isinstance(value, RepeatedFreeze) or (isinstance(value, dict) and "cron" in value)
    return "repeated" if is_repeated else "single"


Freeze = Annotated[
    Annotated[RepeatedFreeze, Tag("repeated")] | Annotated[SingleFreeze, Tag("single")],
    Discriminator(_kind_of),
]


class Promotion(BaseModel):
    """What a promote needs. ``pusher``: whether whoever pushed the tag may promote it."""

    model_config = STRICT

    approvals: Annotated[int, Field(ge=0, description="by so many people, none of whom pushed the tag")] = 0
    pusher: Literal["allowed", "refused"] = "allowed"


PersonName = Annotated[str, Field(min_length=1)]
People = Annotated[dict[PersonName, PersonName], AfterValidator(check_people)]
AutoPromote = Annotated[Seconds, Field(le=366 * DAY, description="so long after it is ready; 0: at once")]
