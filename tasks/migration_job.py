"""A migration as a Kubernetes Job: created for one run of it, followed to its end, left in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.errors import Invalid
from cluster.job import follow_job, start_job
from cluster.kinds import ref_of
from cluster.podspec import template_of
from cluster.redaction import without_values
from cluster.waiting import Deadline
from release.problems import Problem
from tasks.pod_secrets import tell_hiding
from tasks.rendering import rendered

if TYPE_CHECKING:
    from cluster.kinds import Object
    from tasks.step import Step


def run_job(step: Step, *, run: int, advice: str) -> None:
    """Create the Job, unless it stands there already, and wait for its end.

    Raises:
        Problem: ``migration-failed``; or its end was not seen.
    """
    job = numbered(_render(step), run)
    ref, hear = ref_of(job), tell_hiding(step, template_of(job))
    if _start(step, job):
        step.tell(f"{ref}: created")
    else:
        step.tell(f"{ref}: stands there already; it is followed on")
    deadline = Deadline.after(step.app.deadlines.command, clock=step.around.clock)
    end = follow_job(step.cluster, ref, turn=step.turn, report=step.tell, on_output=hear, deadline=deadline)
    code = "" if end.exit_code is None else f"; exit code {end.exit_code}"
    step.tell(f"{ref}: {end.reason}{code}")
    if not end.has_succeeded:
        raise Problem(
            "migration-failed",
            "The migration's Job failed",
            detail=f"{step.name} {step.get_release().tag}: {ref}: {end.reason}{code}",
            next_step=f"read its output in the release's log; {advice}",
        )


def numbered(job: Object, run: int) -> Object:
    """The Job of a later run: a name of its own, as the one that failed stays to be looked at."""
    if run <= 1:
        return job
    metadata: dict[str, Any] = job["metadata"]
    return {**job, "metadata": {**metadata, "name": f"{metadata['name']}-{run}"}}


def _render(step: Step) -> Object:
    manifests = rendered(step, commit=step.get_release().commit, live_color=step.color.other)
    if manifests.migration is None:
        message = f"{step.name}: the manifests hold no migration"
        raise LookupError(message)
    return manifests.migration


def _start(step: Step, job: Object) -> bool:
    try:
        return start_job(step.cluster, job, turn=step.turn, deadline=step.patience())
    except Invalid as refusal:
        raise Invalid(without_values(refusal.message, job), status=refusal.status) from None
