"""How releases, jobs and apps stand in the API's answers: plain JSON values, times in ISO 8601 UTC."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from release.model import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from release.model import Actor, ColorObservation, Job, Observation, Release, StageRun
    from release.others import Interference
    from release.records import Change, LogLine
    from webhook.way_back import WayBack

STALE_SECONDS: Final = 30
"""An observation is made every 10 s; three missed ones mean that nobody looks."""

WAITS: Final = {
    JobState.WAITING: "waiting for its turn",
    JobState.OFFERED: "waiting for a worker",
}


def release_json(release: Release) -> dict[str, Any]:
    """One release."""
    return {
        "id": release.id,
        "app": release.app,
        "tag": release.tag,
        "color": release.color.value,
        "commit": release.commit or None,
        "image": release.image,
        "state": release.state.value,
        "reason": release.reason,
        "actor": actor_json(release.actor),
        "redeploy_of": release.redeploy_of,
        "by_hand": {
            "promote": release.by_hand.promote or None,
            "rollback": release.by_hand.rollback or None,
        },
        "warnings": list(release.warnings),
        "migration": {
            "kind": release.migration.kind,
            "state": release.migration.state,
            "at": time_json(release.migration.at),
        },
        "created_at": time_json(release.created_at),
        "updated_at": time_json(release.updated_at),
    }


def job_json(job: Job, *, position: int | None = None) -> dict[str, Any]:
    """One job. ``position`` is its place in its queue, 0 for the active one, None when it is over."""
    return {
        "id": job.id,
        "app": job.app,
        "kind": job.kind.value,
        "queue": job.queue,
        "position": position,
        "state": job.state.value,
        "doing": what_it_does(job),
        "color": job.color.value,
        "release": job.release_id,
        "tag": job.tag,
        "stage": None if job.state.is_over else job.stage.value,
        "stages": [_stage_json(run) for run in job.stages],
        "attempt": job.attempt,
        "actor": actor_json(job.actor),
        "reason": job.reason,
        "cancel_requested_by": actor_json(job.cancel_requested_by) if job.cancel_requested_by else None,
        "problem": job.problem.as_json() if job.problem else None,
        "created_at": time_json(job.created_at),
        "started_at": time_json(job.started_at),
        "ended_at": time_json(job.ended_at),
        "held_until": time_json(job.held_until),
        "probe": asdict(job.probe) if job.probe else None,
    }


def what_it_does(job: Job) -> str:
    """In words: waiting for its turn is another trouble than waiting for a worker."""
    if job.state is JobState.RUNNING:
        return f"running {job.stage}"
    if job.held_until:
        return f"held until {job.held_until:%H:%M} UTC, so that {job.held_for} can be rolled back to"
    return WAITS.get(job.state, job.state.value)


def position_of(job: Job, queue: Sequence[Job]) -> int | None:
    """Its place in its queue; None when it is no longer there."""
    return next((index for index, other in enumerate(queue) if other.id == job.id), None)


def observation_json(observation: Observation, *, now: datetime) -> dict[str, Any]:
    """What a worker last saw, with its age in seconds."""
    age = age_of(observation, now)
    return {
        "at": time_json(observation.at),
        "age_seconds": round(age, 1),
        "is_stale": age > STALE_SECONDS,
        "live": observation.live.value if observation.live else None,
        "live_release": observation.live_release,
        "previous_release": observation.previous_release,
        "test_route": observation.test_route.value if observation.test_route else None,
        "problem": observation.problem or None,
        "interference": interference_json(observation.interference) if observation.interference else None,
        "blue": _color_json(observation.blue),
        "green": _color_json(observation.green),
    }


def interference_json(found: Interference) -> dict[str, Any]:
    """What somebody else undid, in words, with who it was as far as the cluster tells."""
    writer = found.writer
    return {
        "what": found.what,
        "users": found.users,
        "next_step": found.next_step,
        "again": found.again or None,
        "times": found.times,
        "seen_at": time_json(found.seen_at),
        "manager": writer.manager if writer else None,
        "operation": writer.operation if writer else None,
        "written_at": time_json(writer.at) if writer else None,
        "tool": writer.tool.value if writer and writer.tool else None,
    }


def way_back_json(way_back: WayBack) -> dict[str, str] | None:
    """The release that a rollback would move users to; None where there is none."""
    release = way_back.release
    return {"id": release.id, "tag": release.tag, "color": release.color.value} if release else None


def rollback_safe_json(way_back: WayBack) -> dict[str, Any]:
    """Whether moving users back is safe; where it is not, since when and why."""
    return {"safe": way_back.is_safe, "since": time_json(way_back.since), "why": way_back.note}


def age_of(observation: Observation, now: datetime) -> float:
    """Seconds since it was made; clocks of two machines may differ, so never below 0."""
    return max(0.0, (now - observation.at).total_seconds())


def change_json(change: Change) -> dict[str, Any]:
    """One step in a release's life."""
    return {
        "at": time_json(change.at),
        "from": change.source.value if change.source else None,
        "to": change.target.value,
        "actor": actor_json(change.actor),
        "reason": change.reason,
    }


def line_json(line: LogLine) -> dict[str, Any]:
    """One line of a log."""
    return {"id": line.id, "at": time_json(line.at), "stage": line.stage, "text": line.text}


def actor_json(actor: Actor) -> dict[str, str]:
    """Who asked."""
    return {"kind": actor.kind, "name": actor.name}


def time_json(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, milliseconds."""
    return time.isoformat(timespec="milliseconds") if time else None


def _stage_json(run: StageRun) -> dict[str, Any]:
    return {
        "stage": run.stage.value,
        "state": run.state.value,
        "started_at": time_json(run.started_at),
        "ended_at": time_json(run.ended_at),
    }


def _color_json(color: ColorObservation) -> dict[str, Any]:
    return {
        "exists": color.exists,
        "release": color.release,
        "tag": color.tag,
        "commit": color.commit,
        "replicas": color.replicas,
        "available": color.available,
        "passed": color.passed,
    }
