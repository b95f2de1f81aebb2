"""Lengths of time in the configuration: ``90``, ``90s``, ``30m``, ``1h`` or ``2d``, all as seconds."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def parse_duration(value: object) -> object:
    """Seconds of a text such as ``1h``; what is no text is left to the field's own rules.

    Raises:
        ValueError: the text is no length of time.
    """
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd])?", value.strip())
    if not found:
        message = "must be seconds, or a number with s, m, h or d, as in 90s, 30m or 1h"
        raise ValueError(message)
    return float(found[1]) * UNITS[found[2] or "s"]


Seconds = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, BeforeValidator(parse_duration), Field(gt=0, allow_inf_nan=False)]
