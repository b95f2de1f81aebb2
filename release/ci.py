"""What a Git host's CI says of a commit: the checks that a release may wait for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class CheckState(StrEnum):
    """How far a check is. One that was skipped or cancelled has not passed."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a commit, by the name that the configuration's ``required_checks`` uses.

    ``at``: when the host says that it came to its state; None where the host does not say.
    """

    name: str
    state: CheckState
    at: datetime | None = None


def find_missing(required: Sequence[str], known: Mapping[str, CheckState]) -> str:
    """What of the required checks has not passed, in words; empty where all have."""
    failed = [name for name in required if known.get(name) is CheckState.FAILED]
    running = [name for name in required if known.get(name) is CheckState.PENDING]
    silent = [name for name in required if name not in known]
    told = [
        f"{what} {', '.join(names)}"
        for what, names in (("failed:", failed), ("not finished:", running), ("not heard of:", silent))
        if names
    ]
    again = "; a run that passes still starts it" if failed else ""
    return f"waiting for CI ({'; '.join(told)}{again})" if told else ""
