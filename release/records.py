"""How releases, jobs and what belongs to them stand in Redis, and back.

Hashes of strings on one side, frozen dataclasses on the other; nothing here asks Redis.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from release.model import (
    Actor,
    ByHand,
    Color,
    Job,
    JobKind,
    JobState,
    Migration,
    MigrationRecord,
    MigrationState,
    Probe,
    Release,
    Stage,
    StageRun,
    StageState,
    StartWhen,
    State,
)
from release.observation import Observation
from release.problems import ProblemDocument
from release.transitions import ON_A_COLOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Hash = dict[str, str]

_OBSERVATION = TypeAdapter(Observation)

ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""In place of the time of an observation, to see whether anything else of it changed."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a release's log. ``id`` is the stream's: ask for what follows with it.

    ``number`` counts from 1 and goes on where lines were cut: a log keeps its newest lines.
    """

    id: str
    at: datetime
    stage: str
    text: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One step in a release's life; ``source`` is None where it begins."""

    release_id: str
    app: str
    source: State | None
    target: State
    actor: Actor
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """A step that a script carries out where it still fits: only from one of ``sources``."""

    release_id: str
    sources: frozenset[State]
    target: State
    actor: Actor
    reason: str

    def as_json(self) -> dict[str, object]:
        """What the scripts read."""
        return {
            "release": self.release_id,
            "from": sorted(self.sources),
            "to": self.target,
            "actor": str(self.actor),
            "reason": self.reason,
            "on_a_color": self.target in ON_A_COLOR,
        }


@dataclass(frozen=True, slots=True)
class Offer:
    """A job whose next stage waits for a worker: what a dispatcher needs to publish the rest of its chain.

    ``attempt``: above 1 where a worker was lost in the stage. ``waited``: seconds since it was offered, in a
    reconciler's answer.
    """

    job_id: str
    release_id: str | None
    app: str
    tag: str
    kind: JobKind
    stages: tuple[Stage, ...]
    index: int
    fence: int
    attempt: int = 1
    waited: float = field(default=0.0, compare=False)

    @property
    def subject(self) -> str:
        """What task ids begin with: the release's id, or the job's where no release is known."""
        return self.release_id or self.job_id

    def task_prefix(self, index: int) -> str:
        """The part of a stage's task id that is the same for every dispatch under this fence."""
        return f"{self.subject}.{index}-{self.stages[index]}.f{self.fence}."

    @classmethod
    def parse(cls, data: Mapping[str, str | int]) -> Offer:
        """Read what a script answered."""
        return cls(
            job_id=str(data["job"]),
            release_id=str(data["release"]) or None,
            app=str(data["app"]),
            tag=str(data["tag"]),
            kind=JobKind(str(data["kind"])),
            stages=tuple(Stage(name) for name in str(data["stages"]).split(",")),
            index=int(data["index"]),
            fence=int(data["fence"]),
            attempt=int(data.get("attempt", 1)),
            waited=int(data.get("waited", 0)) / 1000,
        )


def moment(milliseconds: str | float) -> datetime:
    """Redis' milliseconds as an aware time."""
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)


def find_moment(milliseconds: str | None) -> datetime | None:
    """The same of a field that may be missing or empty."""
    return moment(milliseconds) if milliseconds else None


def parse_release(record: Hash) -> Release:
    """A release from its hash."""
    return Release(
        id=record["id"],
        app=record["app"],
        tag=record["tag"],
        color=Color(record["color"]),
        commit=record["commit"],
        state=State(record["state"]),
        actor=Actor.parse(record["actor"]),
        created_at=moment(record["created"]),
        updated_at=moment(record["updated"]),
        image=record.get("image") or None,
        reason=record.get("reason", ""),
        redeploy_of=record.get("redeploy_of") or None,
        by_hand=ByHand(record.get("by_hand_promote", ""), record.get("by_hand_rollback", "")),
        warnings=tuple(record.get("warnings", "").splitlines()),
        migration=_parse_migration(record),
        start_when=StartWhen(record.get("start_when") or StartWhen.PUSHED),
        delivery=record.get("delivery", ""),
        is_read_back=record.get("read_back") == "true",
        was=State(record["was"]) if record.get("was") else None,
    )


def _parse_migration(record: Hash) -> MigrationRecord:
    kind, state = record.get("migration"), record.get("migration_state")
    return MigrationRecord(
        kind=Migration(kind) if kind else None,
        state=MigrationState(state) if state else None,
        at=find_moment(record.get("migration_at")),
    )


def migration_fields(migration: MigrationRecord) -> Hash:
    """A release's migration as fields of its hash."""
    return {
        "migration": migration.kind or "",
        "migration_state": migration.state or "",
        "migration_at": str(round(migration.at.timestamp() * 1000)) if migration.at else "",
    }


def _parse_stages(record: Hash) -> tuple[StageRun, ...]:
    return tuple(
        StageRun(
            stage=Stage(name),
            state=StageState(record.get(f"s{index}.state", "pending")),
            started_at=find_moment(record.get(f"s{index}.started")),
            ended_at=find_moment(record.get(f"s{index}.ended")),
        )
        for index, name in enumerate(record["stages"].split(","))
    )


def parse_job(record: Hash) -> Job:
    """A job from its hash."""
    problem, canceller, probe = (record.get(name) for name in ("problem", "cancel_by", "probe"))
    return Job(
        id=record["id"],
        app=record["app"],
        kind=JobKind(record["kind"]),
        queue=record["queue"],
        state=JobState(record["state"]),
        color=Color(record["color"]),
        release_id=record["release"] or None,
        tag=record["tag"],
        stages=_parse_stages(record),
        stage_index=int(record["index"]),
        fence=int(record["fence"]),
        attempt=int(record["attempt"]),
        actor=Actor.parse(record["actor"]),
        reason=record["reason"],
        created_at=moment(record["created"]),
        owner=record.get("owner", ""),
        started_at=find_moment(record.get("started")),
        ended_at=find_moment(record.get("ended")),
        cancel_requested_by=Actor.parse(canceller) if canceller else None,
        problem=ProblemDocument(**json.loads(problem)) if problem else None,
        held_until=find_moment(record.get("held_until")),
        held_for=record.get("held_for", ""),
        start_by=find_moment(record.get("start_by")),
        probe=Probe(**json.loads(probe)) if probe else None,
        turn_at=find_moment(record.get("turn")),
        offered_at=find_moment(record.get("offered")),
    )


def parse_change(text: str) -> Change:
    """A step from the list of a release's steps."""
    data = json.loads(text)
    return Change(
        release_id=data["release"],
        app=data["app"],
        source=State(data["from"]) if data.get("from") else None,
        target=State(data["to"]),
        actor=Actor.parse(data["actor"]),
        reason=data["reason"],
        at=moment(data["at"]),
    )


def parse_line(line_id: str, fields: Hash) -> LogLine:
    """A line from the stream of a log."""
    at, number = moment(line_id.partition("-")[0]), int(fields.get("n", 0))
    return LogLine(line_id, at, fields["stage"], fields["text"], number)


def find_cut(lines: Sequence[LogLine], after: str) -> list[LogLine]:
    """The line that says how many were cut before the first of ``lines``, if any were.

    ``after``: the id that was asked for, which is not in the log (any more).
    """
    if not lines or lines[0].number <= 1:
        return []
    first = lines[0]
    many = f"the first {first.number - 1:,} lines of this log" if after == "0" else "lines"
    text = f"[{many} were cut here: a log keeps its newest lines]"
    return [LogLine(after, first.at, "queue", text)]


def dump(value: object) -> str:
    """JSON as the scripts read it.

    Not escaped to ASCII: Redis' JSON reader refuses the escape of half a surrogate pair, which a hostile
    payload may hold. As text it becomes a question mark on its way (``redis_access.connect``).
    """
    return json.dumps(value, ensure_ascii=False)


def dump_problem(problem: ProblemDocument | None) -> str:
    """As the scripts keep it; empty for none."""
    return dump(asdict(problem)) if problem else ""


def dump_probe(probe: Probe) -> str:
    """As it is kept with its job."""
    return dump(asdict(probe))


def dump_observation(observation: Observation) -> str:
    """As pages read it back."""
    return _OBSERVATION.dump_json(observation).decode()


def told_of_app(observation: Observation) -> list[str | int]:
    """What the scripts keep of a look at an app: whatever is new in it, beside its time, is an event."""
    told = sha256(dump_observation(replace(observation, at=ANY_TIME)).encode()).hexdigest()
    found = observation.interference
    undone = (found.mark, found.what, found.users, found.next_step) if found else ("", "", "", "")
    at = round(observation.at.timestamp() * 1000)
    return [observation.app, dump_observation(observation), told, *undone, at]


def parse_observation(text: str) -> Observation:
    """What a worker last saw of an app."""
    return _OBSERVATION.validate_json(text)
