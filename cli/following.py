"""Asking for a change and following its job to its end, or a release's log, again and again until a deadline.

A server that is away for a moment is asked again: the release goes on without us. What the end means for
the exit code is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cli.client import RedisAway
from cli.failures import Away, Exit, Failure, Refusal
from cli.text import duration, shown_seconds
from release.model import JobState, StageState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.client import Client, Json
    from cli.surroundings import Surroundings

INTERVAL: Final = 1.0
IN_DOUBT: Final = "an earlier try of this command may have been accepted: see `verdigris releases`"
PATIENCE: Final = 300.0
"""Seconds without any answer after which following ends, where the deadline is not earlier."""


def is_over(job: Json) -> bool:
    """Whether nothing more will happen to the job."""
    return JobState(job["state"]).is_over


def told_doing(job: Json) -> str:
    """What it does or waits for, and behind how many others."""
    is_behind = job["state"] == JobState.WAITING and job["position"]
    return f"{job['doing']}, {job['position']} ahead" if is_behind else str(job["doing"])


@dataclass
class Asking:
    """Requests to one server under one deadline: ``timeout`` seconds from now, None for none."""

    client: Client
    surroundings: Surroundings
    timeout: float | None
    tell: Callable[[str], None]
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.surroundings.clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the first question."""
        return self.surroundings.clock() - self.started

    def get(self, *path: str, **parameters: str | int | None) -> Json:
        """Read, and ask again while the server is away.

        Raises:
            Away: it stays away.
            Failure: it refused, or the deadline passed.
        """
        away_since: float | None = None
        while True:
            try:
                return self.client.get(*path, **parameters)
            except Away as away:
                now = self.surroundings.clock()
                if away_since is None:
                    away_since = now
                    self.tell(f"{away.message}; trying again")
                if now - away_since >= PATIENCE:
                    raise
                self.pause(away.retry_after)

    def post(self, *path: str, **members: str | bool | None) -> Json:
        """Ask for a change, and again while Redis is away, to the deadline.

        Only after that answer the change is asked for twice: what waits or runs is not doubled. A Redis that
        was frozen may still carry out what it was sent, so a later refusal names that doubt.

        Raises:
            Away: the server can't be reached, or its answer was lost.
            Failure: it refused, or the deadline passed.
        """
        is_repeated = False
        while True:
            try:
                return self.client.post(*path, **members)
            except RedisAway as away:
                if not is_repeated:
                    self.tell(f"{away.message}: {away.detail}; trying again")
                is_repeated = True
                self.pause(away.retry_after, what="not known to be accepted")
            except Refusal as refusal:
                if is_repeated:
                    refusal.next_step = f"{refusal.next_step}; {IN_DOUBT}"
                raise

    def pause(self, seconds: float = INTERVAL, *, what: str = "not over") -> None:
        """Wait, but not beyond the deadline.

        Raises:
            Failure: the deadline has passed.
        """
        if self.timeout is None:
            self.surroundings.pause(seconds)
            return
        left = self.started + self.timeout - self.surroundings.clock()
        if left <= 0:
            raise Failure(f"{what} after {shown_seconds(self.timeout)}", code=Exit.TIMED_OUT)
        self.surroundings.pause(min(seconds, left))


def new_lines(get: Callable[..., Json], release_id: str, after: str) -> Iterator[Json]:
    """Every line of a release's log that is there now, after the one of id ``after``; read by ``get``."""
    while True:
        answer = get("releases", release_id, "log", after=after)
        yield from answer["lines"]
        if not answer["lines"]:
            return
        after = answer["next"]


def follow_job(
    asking: Asking, job: Json, *, show_line: Callable[[Json], None], show_state: Callable[[Json], None]
) -> Json:
    """Follow a job and tell its steps, and the log lines written since it was accepted. Returns how it ended.

    ``show_state`` gets the job each time it was read.

    The job is read before the log: lines that were written before its end are then all there.
    """
    told = Progress(asking.tell)
    after = "0"
    while True:
        job = asking.get("jobs", job["id"])
        told.tell_beginnings(job)
        for line in new_lines(asking.get, job["release"], after) if job["release"] else ():
            after = line["id"]
            if datetime.fromisoformat(line["at"]) >= datetime.fromisoformat(job["created_at"]):
                show_line(line)
        told.tell_ends(job)
        if is_over(job):
            return job
        show_state(job)
        asking.pause()


def follow_log(asking: Asking, release_id: str, *, show_line: Callable[[Json], None]) -> list[Json]:
    """Show a release's log from its beginning until none of its jobs waits or runs. Returns its jobs then.

    Each question goes on after the last line that was shown: where the server was away meanwhile, no line is
    lost, and none comes twice.
    """
    after = "0"
    while True:
        jobs: list[Json] = asking.get("releases", release_id)["jobs"]
        for line in new_lines(asking.get, release_id, after):
            after = line["id"]
            show_line(line)
        if all(is_over(job) for job in jobs):
            return jobs
        asking.pause()


def check_outcome(job: Json, wanted: JobState) -> None:
    """Whether the job ended as it should.

    Raises:
        Failure: it did not, in the words that the job keeps.
    """
    if job["state"] == wanted:
        return
    problem = job["problem"] or {}
    what = f"{job['kind']} of {job['tag']}"
    failure = Failure(
        f"{what}: {problem.get('title', job['state'])}",
        detail=problem.get("detail", ""),
        next_step=problem.get("next_step", f"see it with `verdigris show {job['id']}`"),
    )
    failure.type = problem.get("type")
    raise failure


class Progress:
    """What was told of a job already, so that each step is told once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._doing = ""
        self._stages: dict[str, str] = {}

    def tell_beginnings(self, job: Json) -> None:
        """What the job does, or waits for."""
        doing = told_doing(job)
        if doing != self._doing and not is_over(job):
            self._tell(f"{job['kind']} of {job['tag']}: {doing}")
        self._doing = doing

    def tell_ends(self, job: Json) -> None:
        """Stages that have ended since."""
        for run in job["stages"]:
            state = StageState(run["state"])
            is_told = self._stages.get(run["stage"]) == state
            if state not in {StageState.PENDING, StageState.RUNNING} and not is_told:
                took = duration(run["started_at"], run["ended_at"])
                self._tell(f"{run['stage']}: {state}{f' after {took}' if took else ''}")
            self._stages[run["stage"]] = state
