"""What came of a demo, for the closing table and for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.client import Json
    from cli.demo.users import Traffic


@dataclass(frozen=True)
class ActResult:
    """One act: whether it came out as it must; ``why`` not; ``seconds`` it took."""

    name: str
    ok: bool
    seconds: float
    why: str = ""


@dataclass(frozen=True)
class StageSummary:
    """One stage; ``seconds`` is 0 for one that never ran."""

    stage: str
    state: str
    seconds: float


@dataclass(frozen=True)
class ReleaseSummary:
    """A release with the stages of all its jobs."""

    id: str
    tag: str
    color: str
    state: str
    stages: list[StageSummary]


@dataclass
class Summary:
    """The whole play."""

    traffic: Traffic
    acts: list[ActResult] = field(default_factory=list)
    releases: list[ReleaseSummary] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Every act as it must be, and no request of a user failed."""
        return bool(self.acts) and all(act.ok for act in self.acts) and self.traffic.failed == 0

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "ok": self.ok,
            "requests": self.traffic.requests,
            "failed": self.traffic.failed,
            "failures": dict(self.traffic.failures),
            "colors": dict(self.traffic.colors),
            "versions": dict(self.traffic.versions),
            "seconds": round(self.seconds, 1),
            "acts": [asdict(act) for act in self.acts],
            "releases": [asdict(release) for release in self.releases],
        }


def summarize_release(release: Json, jobs: list[Json]) -> ReleaseSummary:
    """From the API's answers."""
    stages = [
        StageSummary(run["stage"], run["state"], _seconds(run["started_at"], run["ended_at"]))
        for job in jobs
        for run in job["stages"]
        if run["started_at"]
    ]
    return ReleaseSummary(release["id"], release["tag"], release["color"], release["state"], stages)


def _seconds(begin: str | None, end: str | None) -> float:
    if not begin or not end:
        return 0.0
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds(), 2)
