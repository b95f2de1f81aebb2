"""How releases, jobs and apps stand in the API's answers: plain JSON values, times in ISO 8601 UTC.

What each answer holds is said in ``api_answers``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast, overload

from release.attention import find_stuck, is_stale
from release.model import Actor, JobState
from release.tag_watch import Heard
from release.waits import tell_help

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from release.approvals import Verdict, Vote
    from release.auto_promotion import Countdown, Stop
    from release.freezes import Coming, Frozen
    from release.model import Job, Probe, Release, StageRun
    from release.observation import ColorObservation, Observation
    from release.others import Interference
    from release.problems import ProblemDocument
    from release.records import Change, LogLine
    from release.tag_watch import KnownTag
    from webhook import api_answers as answer
    from webhook.missed_tags import TagsView
    from webhook.way_back import WayBack

WAITS: Final = {
    JobState.WAITING: "waiting for its turn",
    JobState.OFFERED: "waiting for a worker",
}


def release_json(release: Release) -> answer.Release:
    """One release."""
    return {
        "id": release.id,
        "app": release.app,
        "tag": release.tag,
        "color": release.color,
        "commit": release.commit or None,
        "image": release.image,
        "state": release.state,
        "reason": release.reason,
        "actor": actor_json(release.actor),
        "redeploy_of": release.redeploy_of,
        "start_when": release.start_when,
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


def job_json(job: Job, *, now: datetime, position: int | None = None) -> answer.Job:
    """One job. ``position`` is its place in its queue, 0 for the active one, None when it is over."""
    return {
        "id": job.id,
        "app": job.app,
        "kind": job.kind,
        "queue": job.queue,
        "position": position,
        "state": job.state,
        "doing": f"{what_it_does(job, now)}{_help(job, now)}",
        "color": job.color,
        "release": job.release_id,
        "tag": job.tag,
        "stage": None if job.state.is_over else job.stage,
        "stages": [_stage_json(run) for run in job.stages],
        "attempt": job.attempt,
        "actor": actor_json(job.actor),
        "reason": job.reason,
        "cancel_requested_by": actor_json(job.cancel_requested_by) if job.cancel_requested_by else None,
        "problem": problem_json(job.problem) if job.problem else None,
        "created_at": time_json(job.created_at),
        "started_at": time_json(job.started_at),
        "ended_at": time_json(job.ended_at),
        "held_until": time_json(job.held_until),
        "start_by": time_json(job.start_by),
        "probe": _probe_json(job.probe) if job.probe else None,
    }


def _help(job: Job, now: datetime) -> str:
    return f": {tell_help(job.app, job.kind, job.stage)}" if find_stuck([job], now) else ""


def what_it_does(job: Job, now: datetime) -> str:
    """In words: waiting for its turn is another trouble than waiting for a worker."""
    if find_stuck([job], now):
        return "waiting for a worker, and none takes it"
    if job.state is JobState.RUNNING:
        return f"running {job.stage}"
    if job.start_by and not job.state.is_over:
        return f"waiting to start, until {job.start_by:%H:%M} UTC at the latest"
    if job.held_until and not job.state.is_over:
        return f"held until {job.held_until:%H:%M} UTC, so that {job.held_for} can be rolled back to"
    return WAITS.get(job.state, job.state.value)


def position_of(job: Job, queue: Sequence[Job]) -> int | None:
    """Its place in its queue; None when it is not there (any more)."""
    if job.start_by:
        return None
    return next((index for index, other in enumerate(queue) if other.id == job.id), None)


def observation_json(observation: Observation, *, now: datetime) -> answer.Observation:
    """What a worker last saw, with its age in seconds."""
    age = max(0.0, (now - observation.at).total_seconds())  # clocks of two machines may differ
    return {
        "at": time_json(observation.at),
        "age_seconds": round(age, 1),
        "is_stale": is_stale(observation, now),
        "live": observation.live,
        "live_release": observation.live_release,
        "previous_release": observation.previous_release,
        "test_route": observation.test_route,
        "problem": observation.problem or None,
        "interference": interference_json(observation.interference) if observation.interference else None,
        "blue": _color_json(observation.blue),
        "green": _color_json(observation.green),
    }


def interference_json(found: Interference) -> answer.Interference:
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
        "tool": writer.tool if writer else None,
    }


def way_back_json(way_back: WayBack) -> answer.WayBack | None:
    """The release that a rollback would move users to; None where there is none."""
    release = way_back.release
    return {"id": release.id, "tag": release.tag, "color": release.color} if release else None


def rollback_safe_json(way_back: WayBack) -> answer.RollbackSafety:
    """Whether moving users back is safe; where it is not, since when and why."""
    return {"safe": way_back.is_safe, "since": time_json(way_back.since), "why": way_back.note}


def freeze_json(frozen: Frozen) -> answer.Freeze:
    """A freeze that is on."""
    return {
        "until": time_json(frozen.until),
        "reason": frozen.reason,
        "is_open_end": frozen.is_open_end,
    }


def next_freeze_json(coming: Coming) -> answer.NextFreeze:
    """The next freeze, and when it begins."""
    return {"at": time_json(coming.at), **freeze_json(coming.freeze)}


def vote_json(vote: Vote) -> answer.Vote:
    """What somebody said to a release."""
    return {
        "actor": actor_json(vote.actor),
        "decision": vote.decision,
        "comment": vote.comment,
        "at": time_json(vote.at),
    }


def approvals_json(verdict: Verdict, *, needed: int) -> answer.Approvals:
    """What the votes come to where ``needed`` approvals are asked for."""
    return {
        "needed": needed,
        "missing": verdict.missing,
        "approved_by": [actor_json(one) for one in verdict.approved_by],
        "rejected_by": actor_json(verdict.rejected_by) if verdict.rejected_by else None,
        "is_approved": verdict.is_approved,
    }


def stop_json(stop: Stop) -> answer.Stop:
    """Somebody's word that a release shall not be promoted by itself."""
    return {"actor": actor_json(stop.actor), "reason": stop.reason, "at": time_json(stop.at)}


def countdown_json(countdown: Countdown) -> answer.Countdown:
    """To the promote that comes by itself."""
    return {
        "due_at": time_json(countdown.due_at),
        "blocked_by": list(countdown.blocked_by),
        "freeze": freeze_json(countdown.frozen) if countdown.frozen else None,
    }


def tags_json(app: str, view: TagsView) -> answer.Tags:
    """An app's tags that are in Git and were never delivered, and when that was found out."""
    return {
        "app": app,
        "compared_at": time_json(view.compared_at),
        "tried_at": time_json(view.tried_at),
        "error": problem_json(view.error) if view.error else None,
        "is_asked": view.is_asked,
        "missed": [tag_json(tag) for tag in view.missed if tag.heard is Heard.MISSED],
        "moved": [tag_json(tag) for tag in view.missed if tag.heard is Heard.MOVED],
        "dismissed": [tag_json(tag) for tag in view.dismissed],
    }


def tag_json(tag: KnownTag) -> answer.Tag:
    """One tag in Git. ``was``: where it was heard of, if it was moved; ``by``, ``reason``: of a dismissal."""
    return {
        "tag": tag.name,
        "commit": tag.commit,
        "was": tag.was or None,
        "since": time_json(tag.since),
        "by": actor_json(Actor.parse(tag.by)) if tag.by else None,
        "reason": tag.reason or None,
    }


def change_json(change: Change) -> answer.Change:
    """One step in a release's life."""
    return {
        "at": time_json(change.at),
        "from": change.source,
        "to": change.target,
        "actor": actor_json(change.actor),
        "reason": change.reason,
    }


def line_json(line: LogLine) -> answer.LogLine:
    """One line of a log."""
    return {"id": line.id, "at": time_json(line.at), "stage": line.stage, "text": line.text}


def actor_json(actor: Actor) -> answer.Actor:
    """Who asked."""
    return {"kind": actor.kind, "name": actor.name}


def problem_json(document: ProblemDocument) -> answer.Problem:
    """A refusal or failure, as it would be answered."""
    return cast("answer.Problem", document.as_json())


@overload
def time_json(time: datetime) -> str: ...
@overload
def time_json(time: None) -> None: ...
def time_json(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, milliseconds."""
    return time.isoformat(timespec="milliseconds") if time else None


def _stage_json(run: StageRun) -> answer.StageOfJob:
    return {
        "stage": run.stage,
        "state": run.state,
        "started_at": time_json(run.started_at),
        "ended_at": time_json(run.ended_at),
    }


def _probe_json(probe: Probe) -> answer.Probe:
    return {
        "requests": probe.requests,
        "lost": probe.lost,
        "first_new": probe.first_new,
        "last_old": probe.last_old,
    }


def _color_json(color: ColorObservation) -> answer.ColorSeen:
    return {
        "exists": color.exists,
        "release": color.release,
        "tag": color.tag,
        "commit": color.commit,
        "replicas": color.replicas,
        "available": color.available,
        "passed": color.passed,
    }
