"""What came of a demo, for the closing table and for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.client import Json
    from cli.demo.users import Traffic
    from sandbox.api.usage import Use


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


@dataclass(frozen=True)
class Permissions:
    """How many permissions the workers used, and what they were refused, as VERB RESOURCE in NAMESPACE."""

    used: int = 0
    refused: tuple[str, ...] = ()


@dataclass
class Summary:
    """The whole play."""

    traffic: Traffic
    acts: list[ActResult] = field(default_factory=list)
    releases: list[ReleaseSummary] = field(default_factory=list)
    permissions: Permissions = Permissions()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Every act as it must be, no request of a user failed, and the workers' Role was enough."""
        acts_ok = bool(self.acts) and all(act.ok for act in self.acts)
        return acts_ok and self.traffic.failed == 0 and not self.permissions.refused

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
            "permissions": asdict(self.permissions),
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


def summarize_permissions(uses: list[Use]) -> Permissions:
    """From what the sandbox wrote down."""
    refused = [f"{use.verb} {use.resource} in {use.namespace}" for use in uses if not use.allowed]
    return Permissions(sum(use.allowed for use in uses), tuple(refused))


def _seconds(begin: str | None, end: str | None) -> float:
    if not begin or not end:
        return 0.0
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds(), 2)
