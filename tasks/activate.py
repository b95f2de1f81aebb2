"""Activate: every user moves to the release, in one write, once there is room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.gate import Gate
from release.model import JobKind, State
from release.problems import Problem
from tasks.by_hand import record_commands
from tasks.capacity import room_for_users
from tasks.prober import probing
from tasks.step import Passed, step_of
from tasks.switching import find_wrong_answer, live_releases, move_users, prove
from tasks.tested import check_passed
from tasks.turn import patiently

if TYPE_CHECKING:
    from cluster.deployments import DeploymentView
    from cluster.route import Known
    from release.records import Move
    from tasks.step import Step


def activate(step: Step) -> Passed:
    """Switch to the promote's release, if the cluster still runs what was tested."""
    check_consent(step)
    seen = step.at_begin()
    with probing(seen, keep=step.keep_probe), room_for_users(step):
        move_users(step, check=check_may_go_live, seen=seen)
        # Users are there from now on, so our records say it even if the proof fails.
        step.record_switch(*moves(step))
        prove(step, judge=find_wrong_answer)
    record_commands(step)
    return Passed(moves(step))


def check_consent(step: Step) -> None:
    """What people said may have changed since this was asked: a rejection, a stop.

    After a take-over users may be there already, so nothing is asked then. A freeze that began meanwhile is
    for ``check_may_go_live``.

    Raises:
        Problem: the release was rejected, lacks approvals, or its promote by itself was stopped.
    """
    if step.attempt == 1:
        gate = Gate(step.around.config, step.around.store)
        patiently(lambda: gate.check_consent(step.get_release(), actor=step.job.actor))


def check_may_go_live(step: Step, route: Known) -> DeploymentView:
    """What runs is what was tested, and nobody moved users away from it since this was asked.

    A promote that comes by itself stays out of a freeze up to the last moment; in a queue, or while pods are
    waited for, one may have begun.

    Raises:
        Problem: naming what differs, or who did; or the freeze.
    """
    gate = Gate(step.around.config, step.around.store, step.around.clock)
    gate.check_not_frozen(step.get_release(), actor=step.job.actor)
    check_not_rolled_back(step, route)
    return check_passed(step, route)


def check_not_rolled_back(step: Step, route: Known) -> None:
    """Refuse where a rollback away from this very release came after the promote was asked.

    So it is where the worker that switched was lost with Redis, somebody rolled back without them, and then
    the stage is taken over: without this users would be moved forth again. Both times are Redis' own.

    Raises:
        Problem: saying who moved users back, and why.
    """
    release, made = step.get_release(), route.switch
    if route.previous_release != release.id or made is None or made.kind is not JobKind.ROLLBACK:
        return
    changes = patiently(lambda: step.around.store.changes(release.id))
    known = [change.at for change in changes if change.target is State.ROLLED_BACK]
    if known and known[-1] <= step.job.created_at:
        return
    raise Problem(
        "rolled-back-since",
        "Users were moved away from this release after its promote was asked",
        detail=f"{step.name}: {release.tag} ({release.id}) was rolled back {made}",
        next_step=f"if it shall be live all the same: `verdigris promote {step.name} --release {release.id}`",
    )


def moves(step: Step) -> tuple[Move, ...]:
    """The release goes live; the one that was keeps its pods, for a rollback."""
    release = step.get_release()
    reason = f"promoted by {step.job.actor}{': ' + step.job.reason if step.job.reason else ''}"
    sources = frozenset({State.READY, State.ROLLED_BACK})
    left = tuple(
        step_of(
            old,
            State.STANDBY,
            f"{release.tag} went live",
            sources=frozenset({State.LIVE}),
            actor=step.job.actor,
        )
        for old in live_releases(step)
    )
    return (*left, step_of(release, State.LIVE, reason, sources=sources, actor=step.job.actor))
