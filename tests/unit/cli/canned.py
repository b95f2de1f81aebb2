"""Canned answers, and a way to run commands against a server that gives them.

What is answered is made by the web process' own presentation, so that a change there is noticed here.
"""

# ruff: noqa: ANN401 -- the builders hand on whatever fields the models have

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from cli.main import main
from cli.surroundings import Surroundings
from release.attention import find_attention
from release.model import Actor, Color, Job, JobKind, JobState, Release, Stage, StageRun, StageState, State
from release.observation import ColorObservation, Observation
from release.plan import PLAN
from release.problems import ProblemDocument
from release.records import Change, LogLine
from webhook.presentation import change_json, job_json, line_json, observation_json, release_json

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
TOKEN = "token-of-the-tests"
HANG_UP = 0
"""In place of a status: write the bytes as they are, and end the connection."""


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Json | None


@dataclass
class CannedServer:
    """Answers by method and path, one after the other; the last one stays."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    refusal: ProblemDocument | None = None
    answers: dict[str, list[tuple[int, object, dict[str, str]]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def answer(self, what: str, content: object, *, status: int = 200, **headers: str) -> None:
        """Add an answer to ``GET /releases``; header names have underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[what].append((status, content, named))

    def refuse(self, what: str, problem: ProblemDocument, **headers: str) -> None:
        """Add a refusal."""
        self.answer(
            what,
            problem.as_json(),
            status=problem.status,
            Content_Type="application/problem+json",
            **headers,
        )

    def hang_up(self, what: str, after: bytes = b"") -> None:
        """Add a lost connection in place of an answer."""
        self.answer(what, after, status=HANG_UP)

    def refuse_all(self, problem: ProblemDocument) -> None:
        """From now on the answer to everything."""
        self.refusal = problem

    def take(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        """What comes next for that request."""
        self.asked.append(asked)
        if self.refusal:
            return self.refusal.status, self.refusal.as_json(), {}
        prepared = self.answers.get(f"{asked.method} {asked.path.removeprefix('/api/v1')}")
        if not prepared:
            return 404, problem("unknown", status=404).as_json(), {}
        return prepared.pop(0) if len(prepared) > 1 else prepared[0]


@dataclass
class Time:
    """A clock that only moves when somebody pauses."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    interrupt_at: float | None = None

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if self.interrupt_at is not None and self.now >= self.interrupt_at:
            raise KeyboardInterrupt


@dataclass
class Terminal:
    """Runs `verdigris` with arguments, in an environment of its own."""

    home: Path
    environment: dict[str, str | None]
    time: Time = field(default_factory=Time)
    launched: list[tuple[str, list[str]]] = field(default_factory=list)

    def run(self, *arguments: str) -> Result:
        surroundings = Surroundings(
            clock=lambda: self.time.now,
            pause=self.time.pause,
            launch=lambda module, rest: self.launched.append((module, list(rest))),
            now=lambda: NOON + timedelta(seconds=self.time.now),
        )
        return CliRunner(env=self.environment).invoke(
            main, list(arguments), obj=surroundings, prog_name="verdigris"
        )

    def write_profiles(self, text: str) -> None:
        """Write the file of profiles, wherever this system keeps it."""
        for folder in (self.home / ".config", self.home / "Library/Application Support"):
            path = folder / "verdigris" / "config.toml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def problem(slug: str = "nothing-ready", *, status: int = 409) -> ProblemDocument:
    return ProblemDocument(slug, "No release is ready", "shop: none waits", "push a tag", status)


RELEASE = Release(
    id="R1",
    app="shop",
    tag="v2.0-blue",
    color=Color.BLUE,
    commit="0123456789abcdef0123456789abcdef01234567",
    state=State.READY,
    actor=Actor("git", "octocat"),
    created_at=NOON,
    updated_at=NOON,
    image="registry.example.com/shop:v2.0-blue",
    reason="all stages passed",
)


def release(**changes: Any) -> Json:
    return release_json(dataclasses.replace(RELEASE, **changes))


def a_job(state: JobState = JobState.RUNNING, *, kind: JobKind = JobKind.DEPLOY, **changes: Any) -> Job:
    made = Job(
        id="J1",
        app="shop",
        kind=kind,
        queue="shop",
        state=state,
        color=Color.BLUE,
        release_id="R1",
        tag="v2.0-blue",
        stages=tuple(StageRun(stage, StageState.PENDING) for stage in PLAN[kind]),
        stage_index=0,
        fence=1,
        attempt=1,
        actor=Actor("token", "ci"),
        reason="",
        created_at=NOON,
    )
    return dataclasses.replace(made, **changes)


def job(state: JobState = JobState.RUNNING, *, position: int | None = None, **changes: Any) -> Json:
    return job_json(a_job(state, **changes), now=NOON, position=position)


def stages(*states: StageState, kind: JobKind = JobKind.DEPLOY) -> tuple[StageRun, ...]:
    """The stages of a kind in these states, each a minute long."""
    return tuple(
        StageRun(stage, state, started_at=NOON, ended_at=NOON + timedelta(seconds=63))
        for stage, state in zip(PLAN[kind], states, strict=True)
    )


def line(number: int, text: str, *, stage: Stage = Stage.DEPLOY, seconds: float = 1) -> Json:
    return line_json(LogLine(f"{number}-0", NOON + timedelta(seconds=seconds), stage, text))


def log(*lines: Json, after: str = "0") -> Json:
    return {"lines": list(lines), "next": lines[-1]["id"] if lines else after}


def details(*jobs: Json, **changes: Any) -> Json:
    """What GET /releases/<id> answers."""
    change = Change("R1", "shop", State.RUNNING, State.READY, Actor("verdigris", "verdigris"), "passed", NOON)
    return {"release": release(**changes), "jobs": list(jobs), "changes": [change_json(change)]}


def app(*, queue: tuple[Job, ...] = (), age: float = 4, **changes: Any) -> Json:
    """What GET /apps/<name> answers."""
    blue = ColorObservation(Color.BLUE, exists=True, release="R1", tag="v2.0-blue", replicas=3, available=3)
    green = ColorObservation(Color.GREEN, exists=False)
    seen = dataclasses.replace(Observation("shop", NOON, Color.BLUE, blue, green), **changes)
    now = NOON + timedelta(seconds=age)
    return {
        "name": "shop",
        "repository": "example/shop",
        "namespace": "storefront",
        "observation": observation_json(seen, now=now),
        "attention": find_attention(seen, [], now),
        "releases": [release(state=State.LIVE)],
        "rollback_safe": {"safe": False, "since": NOON.isoformat(), "why": "no way back"},
        "queue": [job_json(job, now=now, position=place) for place, job in enumerate(queue)],
    }
