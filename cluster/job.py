"""Following a Kubernetes Job to its end, with all that its pods print.

The Job goes on whether or not anybody follows it: a lost turn, a cancel and a deadline only stop listening.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster import objects
from cluster.errors import AlreadyExists, Unavailable
from cluster.feed import Feed
from cluster.fence import stamped
from cluster.joblog import Readers
from cluster.kinds import Ref, ref_of
from cluster.podstate import condition, containers_of, find_scheduling_problem, is_terminating
from cluster.waiting import retry_unavailable
from cluster.watching import Selection
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluster.connection import Cluster
    from cluster.kinds import Object
    from cluster.waiting import Deadline
    from release.turn import Turn

JOB_NAME_LABEL: Final = "batch.kubernetes.io/job-name"
LONGEST_SILENCE: Final = 0.25
"""Seconds between two looks at the clock and the turn where nothing changes."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a Job ended: in the API's own words, with the exit code of the container that ended last."""

    has_succeeded: bool
    reason: str
    exit_code: int | None


def start_job(cluster: Cluster, job: Object, *, turn: Turn, deadline: Deadline) -> bool:
    """Create the Job; False where it stands there already, which is left alone: its name is one run's own.

    Raises:
        ClusterError: the cluster refuses it.
        LostTurn: somebody else has the turn.
    """
    ref = ref_of(job)

    def attempt() -> bool:
        if objects.find(cluster, ref) is not None:
            return False
        turn.check()
        try:
            objects.create(cluster, stamped(job, turn))
        except AlreadyExists:
            return False  # it was us, and the answer got lost; or whoever has the turn now
        return True

    return retry_unavailable(attempt, deadline=deadline, turn=turn)


def follow_job(
    cluster: Cluster,
    ref: Ref,
    *,
    turn: Turn,
    report: Callable[[str], None],
    on_output: Callable[[str], None],
    deadline: Deadline,
) -> JobEnd:
    """Wait for the Job's end. ``report`` hears what is waited for, ``on_output`` each line of its pods.

    Raises:
        Problem: ``command-deadline``: it goes on in the cluster; ``command-lost``: it was deleted.
        LostTurn: somebody else has the turn.
    """
    pods = Selection("Pod", ref.namespace, labels=f"{JOB_NAME_LABEL}={ref.name}")
    job = Selection("Job", ref.namespace, fields=f"metadata.name={ref.name}")
    shown = ""
    with Readers(cluster, on_output) as readers, Feed(cluster, job, pods) as feed:
        while True:
            turn.pause(0)
            feed.check()
            jobs, seen = feed.find_objects("Job"), feed.find_objects("Pod") or []
            readers.follow(seen)
            if jobs is not None:
                end = judge(jobs, seen, ref)
                if isinstance(end, JobEnd):
                    return _listen_to_the_end(cluster, pods, readers, end)
                if end != shown:
                    shown = end
                    report(end)
            if deadline.is_over:
                raise _too_late(ref, deadline, shown)
            feed.wait(LONGEST_SILENCE)


def _listen_to_the_end(cluster: Cluster, selection: Selection, readers: Readers, end: JobEnd) -> JobEnd:
    """The pods may be seen later than the Job that is over; what they printed is still to be heard."""
    try:
        pods, _ = objects.list_objects(cluster, "Pod", selection.namespace, labels=selection.labels)
    except Unavailable:
        pods = []  # what is known of its end stands
    readers.follow(pods)
    readers.finish()
    codes = exit_codes(pods)
    return JobEnd(end.has_succeeded, end.reason, codes[-1] if codes else end.exit_code)


def judge(jobs: Sequence[Object], pods: Sequence[Object], ref: Ref) -> JobEnd | str:
    """How it ended, or what is waited for.

    Raises:
        Problem: ``command-lost``: the Job is not there any more.
    """
    if not jobs:
        raise _deleted(ref)
    job = jobs[0]
    for kind in ("Complete", "Failed"):
        found = condition(job, kind)
        if found.get("status") == "True":
            reason = ": ".join(filter(None, (found.get("reason"), found.get("message"))))
            codes = exit_codes(pods)
            return JobEnd(kind == "Complete", reason, codes[-1] if codes else None)
    return next(iter(_obstacles(pods)), "") or _count(job)


def exit_codes(pods: Sequence[Object]) -> list[int]:
    """Those of containers that have ended, the one that ended last behind the others."""
    ended = [
        (terminated.get("finishedAt") or "", terminated["exitCode"])
        for pod in pods
        for status in (pod.get("status") or {}).get("containerStatuses") or []
        for state in (status.get("lastState") or {}, status.get("state") or {})
        if (terminated := state.get("terminated")) and "exitCode" in terminated
    ]
    return [int(code) for _, code in sorted(ended, key=lambda one: one[0])]


def _obstacles(pods: Sequence[Object]) -> list[str]:
    found = []
    for pod in pods:
        if is_terminating(pod):
            continue
        unschedulable = find_scheduling_problem(pod)
        if unschedulable is not None:
            found.append(f"pod {pod['metadata']['name']}: no node takes it: {unschedulable}")
        for state in containers_of(pod):
            if state.waiting and state.reason != "ContainerCreating":
                why = f"{state.reason}{': ' + state.message if state.message else ''}"
                found.append(f"pod {state.pod}, container {state.name}: {why}")
    return found


def _count(job: Object) -> str:
    status = job.get("status") or {}
    counts = [f"{status[name]} {name}" for name in ("active", "succeeded", "failed") if status.get(name)]
    if (job.get("spec") or {}).get("suspend"):
        return "the Job is suspended"
    return f"pods: {', '.join(counts)}" if counts else "no pod yet"


def _deleted(ref: Ref) -> Problem:
    return Problem(
        "command-lost",
        "The Job was deleted before its end was seen",
        detail=f"{ref} does not exist any more; whether it ended, and how, can't be known",
        next_step="Look at what it has done, and find out who deleted it. If it may run twice, retry.",
    )


def _too_late(ref: Ref, deadline: Deadline, shown: str) -> Problem:
    return Problem(
        "command-deadline",
        "The Job did not end in time",
        detail=f"{ref}: not over after {deadline.seconds:g} s ({shown or 'not seen yet'}); it goes on",
        next_step=(
            f"See what it waits for (`kubectl -n {ref.namespace} describe job {ref.name}`), or raise the "
            "app's deadlines.command; asked again, the same Job is followed on."
        ),
    )
