"""Every refusal of a request, with its words: what happened, to which app and release, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.model import JobKind
from release.problems import Problem
from release.tag import shown

if TYPE_CHECKING:
    from release.model import Actor, Job, Release
    from release.problems import ProblemDocument


def unknown_app(app: str) -> Problem:
    """No app of that name is configured."""
    return Problem(
        "unknown-app",
        "No such app",
        detail=f"no app named {shown(app)!r} is configured",
        next_step="list the apps with `verdigris apps`, or add it to verdigris.yml and restart",
        status=404,
    )


def unknown_release(release_id: str) -> Problem:
    """No release of that id is known."""
    return Problem(
        "unknown-release",
        "No such release",
        detail=f"no release {shown(release_id)!r} is known",
        next_step="list the releases with `verdigris releases`",
        status=404,
    )


def tag_does_not_match(app: str, tag: str) -> Problem:
    """The tag starts nothing."""
    return Problem(
        "tag-does-not-match",
        "The tag names no color",
        detail=f"{app}: {shown(tag)!r} does not match ^v.*-(blue|green)$ with its whole name",
        next_step="push a tag such as v2.0-blue",
        status=422,
    )


def tag_refused(app: str, tag: str, why: str) -> Problem:
    """The tag matches but can't become labels and an image reference."""
    return Problem(
        "tag-refused",
        "The tag can't be released",
        detail=f"{app}: {shown(tag)!r}: {why}",
        next_step="push the same commit under a tag such as v2.0-blue",
        status=422,
    )


def already_queued(app: str, kind: JobKind, job_id: str) -> Problem:
    """One of its kind waits or runs already."""
    return Problem(
        "already-queued",
        f"A {kind} of this app is already in the queue",
        detail=f"{app}: job {job_id} waits or runs",
        next_step=f"follow it with `verdigris show {job_id}`",
    )


def nothing_ready(app: str, rolled_back: Release | None = None) -> Problem:
    """A promote without a release, and none is ready."""
    return Problem(
        "nothing-ready",
        "No release is ready",
        detail=f"{app}: no release has passed its stages and waits to be promoted",
        next_step=f"push a tag for the idle color{_or_promote_again(rolled_back)}",
    )


def _or_promote_again(rolled_back: Release | None) -> str:
    if rolled_back is None:
        return ""
    again = f"`verdigris promote {rolled_back.app} --release {rolled_back.id}`"
    return f", or move users to {rolled_back.tag}, which was rolled back: {again}"


def cannot_promote(release: Release, app: str) -> Problem:
    """The release named can't go live from where it is, or is another app's."""
    is_foreign = release.app != app
    place = f"of the app {release.app}" if is_foreign else str(release.state)
    reason = f": {release.reason}" if release.reason and not is_foreign else ""
    return Problem(
        "not-ready",
        "The release can't be promoted",
        detail=f"{app}: release {release.id} ({release.tag}) is {place}{reason}",
        next_step="promote a release that is ready or rolled-back; to go back to one on standby, roll back",
    )


def color_is_being_deployed(release: Release, job: Job) -> Problem:
    """What was tested is being replaced."""
    return Problem(
        "color-being-deployed",
        "Its color is being deployed",
        detail=f"{release.app}: {job.tag} is being deployed to {job.color}, where {release.tag} was tested",
        next_step=f"wait for release {job.release_id} and promote that, or cancel it",
    )


def nothing_on_standby(app: str, release_id: str | None, rolled_back: Release | None = None) -> Problem:
    """Nothing to go back to."""
    which = f"release {shown(release_id)} is not on standby" if release_id else "no release is on standby"
    if rolled_back:
        why = f"users were just moved back, away from {rolled_back.tag}"
    else:
        why = "its color was redeployed or decommissioned, or there was only one release"
    return Problem(
        "nothing-on-standby",
        "Nothing to roll back to",
        detail=f"{app}: {which}; {why}",
        next_step=f"deploy the earlier one with `verdigris redeploy`{_or_promote_again(rolled_back)}",
    )


def nothing_live(app: str) -> Problem:
    """Without a live color there is no idle one."""
    return Problem(
        "nothing-live",
        "No color is live",
        detail=f"{app}: the idle color can't be told, as no release is live and the cluster was not read yet",
        next_step="promote a release first, or wait ten seconds for a worker to read the cluster",
    )


def cannot_retry(release: Release) -> Problem:
    """Only a failed release is retried."""
    return Problem(
        "not-failed",
        "Only a failed release can be retried",
        detail=f"{release.app}: release {release.id} ({release.tag}) is {release.state}",
        next_step=f"to deploy the same commit again, use `verdigris redeploy {release.id}`",
    )


def no_commit(release: Release) -> Problem:
    """A release that was taken over from elsewhere: nobody knows what it was made from."""
    return Problem(
        "no-commit",
        "Its commit is not known",
        detail=f"{release.app}: release {release.id} ({release.tag}) was taken over without one",
        next_step=f"tag that commit with a name that ends in -{release.color} and push the tag",
    )


def nothing_to_cancel(release: Release) -> Problem:
    """Nothing of it waits or runs."""
    return Problem(
        "nothing-to-cancel",
        "Nothing to cancel",
        detail=f"{release.app}: no job of release {release.id} ({release.tag}) waits or runs",
        next_step=f"see how it ended with `verdigris show {release.id}`",
    )


def already_begun(job: Job) -> Problem:
    """A switch or a decommission is not cut in the middle."""
    return Problem(
        "already-begun",
        f"A {job.kind} that has begun can't be cancelled",
        detail=f"{job.app}: the {job.kind} of {job.tag} runs and is over in a moment",
        next_step="wait for it; then roll back, promote or deploy as needed",
    )


def cancelled(job: Job, actor: Actor, reason: str) -> Problem:
    """What a cancelled job keeps as its end."""
    why = f": {reason}" if reason else ""
    deploy_again = "deploy the tag again with `verdigris deploy` when it is wanted"
    ask_again = f"ask again with `verdigris {job.kind} {job.app}` when it is wanted"
    return Problem(
        "cancelled",
        "Cancelled",
        detail=f"{job.app}: {job.kind} of {job.tag or job.color} was cancelled by {actor}{why}",
        next_step=deploy_again if job.kind is JobKind.DEPLOY else ask_again,
    )


def waited_too_long(job: Job) -> Problem:
    """What a job keeps as its end when no worker took it before its deadline."""
    return Problem(
        "waited-too-long",
        "It waited too long",
        detail=f"{job.app}: {job.kind} of {job.tag or job.color} waited in the queue {job.queue} for longer"
        f" than deadlines.turn of {job.app} allows",
        next_step=f"see that workers run (`verdigris worker`), then ask again with `verdigris {job.kind}`",
    )


def not_waiting(release: Release) -> Problem:
    """Only what waits to start can be started by hand."""
    return Problem(
        "not-waiting",
        "The release does not wait to start",
        detail=f"{release.app}: release {release.id} ({release.tag}) is {release.state}",
        next_step=f"see where it is with `verdigris show {release.id}`",
    )


def reason_missing(refusal: ProblemDocument) -> Problem:
    """Going past a rule without saying why."""
    return Problem(
        "reason-missing",
        "An override needs a reason",
        detail=f"{refusal.title}: {refusal.detail}",
        next_step="ask again with a reason: it stays in the history",
        status=422,
    )


def start_condition_not_met(job: Job, release: Release) -> Problem:
    """What a release keeps as its end when what it waited for did not come in time."""
    return Problem(
        "start-condition-not-met",
        "What it waited for did not come",
        detail=f"{job.app}: {job.tag}: {release.reason}: for longer than deadlines.start allows",
        next_step=f"see to CI or the image, then `verdigris retry {release.id}`: it waits again, and"
        f" `verdigris start {release.id}` lets it go on without",
    )


def superseded(app: str, tag: str) -> Problem:
    """What a waiting deploy keeps as its end when a newer tag makes it give way."""
    return Problem(
        "superseded",
        "Superseded before its turn",
        detail=f"{app}: {shown(tag)} came while it waited, and the app says when_newer: cancel-queued",
        next_step="nothing, or deploy the tag again with `verdigris deploy` when it is wanted",
    )
