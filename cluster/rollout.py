"""Following a rollout to its end: one wait, one deadline, ended at once by a lost turn or a cancel.

What counts as done or failed is ``verdict``'s; what the cluster shows comes from a ``feed``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster import objects
from cluster.feed import Feed
from cluster.kinds import Ref
from cluster.picture import Picture, owned_by, selector_of
from cluster.pods import last_words
from cluster.podstate import remember_pull_errors
from cluster.verdict import Done, Elapsed, Failed, Limits, Verdict, Waiting, judge
from cluster.waiting import Deadline, retry_unavailable
from cluster.watching import Selection
from release.clock import Clock, utc_now
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cluster.connection import Cluster
    from cluster.kinds import Object
    from release.turn import Turn

LONGEST_SILENCE: Final = 0.25
"""Seconds between two looks at the clock and the turn where nothing changes."""


@dataclass(frozen=True, slots=True)
class RolledOut:
    """What runs now: the hash of the template, and the pods that are ready."""

    template_hash: str
    ready_pods: list[str]


def follow_rollout(
    cluster: Cluster,
    deployment_name: str,
    namespace: str,
    *,
    limits: Limits,
    turn: Turn,
    report: Callable[[str], None],
    clock: Clock = utc_now,
) -> RolledOut:
    """Wait until every replica runs the newest template and is available, and nothing else serves.

    ``report`` hears what is waited for, each time it changes.

    Raises:
        Problem: the rollout failed, with a slug for each kind of failure, or the cluster stayed away.
        LostTurn, CancelRequested: the turn ended.
    """
    ref = Ref("Deployment", namespace, deployment_name)
    patience = Deadline.after(limits.rollout, clock=clock)
    deployment = retry_unavailable(lambda: objects.get(cluster, ref), deadline=patience, turn=turn)
    wait = _Wait(clock(), clock(), report)
    with Feed(cluster, *_selections(deployment)) as feed:
        while True:
            turn.pause(0)
            feed.check()
            verdict = wait.judge(feed, deployment, limits, clock())
            if isinstance(verdict, Done):
                return RolledOut(verdict.template_hash, list(verdict.ready_pods))
            if isinstance(verdict, Failed):
                raise _problem(cluster, ref, verdict, feed)
            feed.wait(LONGEST_SILENCE)


@dataclass(slots=True)
class _Wait:
    """One wait's memory: when it began, since when no image was waited for, what was shown last."""

    began: datetime
    rolling_since: datetime
    report: Callable[[str], None]
    shown: str = ""
    pull_errors: dict[str, str] | None = None

    def judge(self, feed: Feed, deployment: Object, limits: Limits, now: datetime) -> Verdict:
        """Look once; remember and report what the next look needs."""
        picture = self._look(feed, deployment)
        total, rolling = now - self.began, now - self.rolling_since
        elapsed = Elapsed(total.total_seconds(), rolling.total_seconds())
        verdict = judge(picture, elapsed=elapsed, limits=limits) if picture else _unseen(elapsed, limits)
        if isinstance(verdict, Waiting):
            # The rollout's own time begins anew once the image is there: it could not roll before.
            self.rolling_since = now if verdict.for_image else self.rolling_since
            self._show(verdict.shown, feed)
        return verdict

    def _look(self, feed: Feed, deployment: Object) -> Picture | None:
        seen = [feed.find_objects(kind) for kind in ("Deployment", "ReplicaSet", "Pod")]
        deployments, replica_sets, pods = seen
        if deployments is None or replica_sets is None or pods is None:
            return None
        uid = deployment["metadata"]["uid"]
        current = next((item for item in deployments if item["metadata"]["uid"] == uid), None)
        self.pull_errors = remember_pull_errors(self.pull_errors or {}, pods)
        return Picture(current, owned_by(current, replica_sets), pods, self.pull_errors)

    def _show(self, text: str, feed: Feed) -> None:
        trouble = feed.find_trouble()
        full = f"{text} (the cluster can't be watched just now: {trouble.message})" if trouble else text
        if full != self.shown:
            self.shown = full
            self.report(full)


def _selections(deployment: Object) -> tuple[Selection, ...]:
    metadata, labels = deployment["metadata"], selector_of(deployment)
    return (
        Selection("Deployment", metadata["namespace"], fields=f"metadata.name={metadata['name']}"),
        Selection("ReplicaSet", metadata["namespace"], labels=labels),
        Selection("Pod", metadata["namespace"], labels=labels),
    )


def _unseen(elapsed: Elapsed, limits: Limits) -> Verdict:
    waiting = Waiting("the cluster has not shown the pods yet")
    if elapsed.total < limits.rollout:
        return waiting
    title, advice = "The rollout did not finish in time", "Check the cluster's API, then retry."
    return Failed("rollout-deadline", title, waiting.shown, advice)


def _problem(cluster: Cluster, ref: Ref, failed: Failed, feed: Feed) -> Problem:
    """The failure as people get it: what happened where, and the last lines of the log if there is one."""
    trouble = feed.find_trouble()
    if trouble and failed.slug == "rollout-deadline":
        return Problem(
            trouble.slug,
            trouble.title,
            detail=f"{ref} could not be watched to its end: {trouble.message}; last seen: {failed.reason}",
            next_step=trouble.next_step,
            status=503,
        )
    detail = f"{ref}: {failed.reason}"
    if failed.pod:
        lines = last_words(cluster, failed.pod, ref.namespace, failed.container, previous=failed.previous)
        detail += f"\nlast lines of {failed.container}:\n{lines.rstrip()}"
    return Problem(failed.slug, failed.title, detail=detail, next_step=failed.next_step)
