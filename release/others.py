"""Others than Verdigris who write the cluster's objects, and what they undid: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Tool(StrEnum):
    """What keeps objects of a cluster as they stand in Git, or in a chart, and puts them back."""

    ARGO_CD = "Argo CD"
    FLUX = "Flux"
    FLUX_HELM = "Flux with Helm"
    HELM = "Helm"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote a part of an object last, as its ``managedFields`` tell.

    ``tool``: by the manager's name or, with ``is_by_mark``, only by what the object carries.
    """

    manager: str
    operation: str = ""
    at: datetime | None = None
    tool: Tool | None = None
    is_by_mark: bool = False

    def __str__(self) -> str:
        """``argocd-controller (Apply, 12:03:04 UTC)``."""
        at = f"{self.at.astimezone(UTC):%H:%M:%S} UTC" if self.at else ""
        told = ", ".join(part for part in (self.operation, at) if part)
        return f"{self.manager} ({told})" if told else self.manager


@dataclass(frozen=True, slots=True)
class Interference:
    """What somebody else undid of what Verdigris had set up, in words for people.

    ``what`` happened and by whom, what ``users`` get, what to do. ``mark`` tells one from another. ``times``:
    how often users were moved so within an hour, the last one included.
    """

    mark: str
    what: str
    users: str
    next_step: str
    seen_at: datetime
    writer: Writer | None = None
    times: int = 1

    @property
    def again(self) -> str:
        """That it is a fight, where it is one."""
        if self.times <= 1:
            return ""
        return f"It happened {self.times} times within an hour, and will again until its cause is mended"
