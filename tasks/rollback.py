"""Rollback: every user moves back to the release that was live before, at once and without tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.model import State
from release.problems import Problem
from tasks.by_hand import record_commands
from tasks.capacity import room_for_users
from tasks.prober import probing
from tasks.routing import glance
from tasks.step import Passed, Step, step_of
from tasks.switching import find_gateway_error, live_releases, move_users, prove

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.deployments import DeploymentView
    from release.records import Move
    from tasks.step import Act


def rollback(step: Step) -> Passed:
    """Switch back, if that color still runs the release and its pods are available."""
    seen = step.at_begin()
    with probing(seen, keep=step.keep_probe):
        # Users are there from the switch on, so our records say it even if the proof fails.
        switch_back(
            step,
            switched=lambda: step.record_switch(*moves(step)),
            proof=lambda: prove(step, judge=find_gateway_error),
            seen=seen,
        )
    record_commands(step)
    return Passed(moves(step))


def switch_back(
    act: Act, *, switched: Callable[[], None], proof: Callable[[], None], seen: Act | None = None
) -> None:
    """What a rollback is, with a queue or without: room, the switch, what follows from it, its proof.

    ``seen``: the act at the moment at which it was looked at last.
    """
    with room_for_users(act):
        move_users(act, check=lambda now, _: check_stands_by(now), seen=seen)
        switched()
        proof()


def check_stands_by(act: Act) -> DeploymentView:
    """The Deployment of what was live before: users are never moved to something else.

    Raises:
        Problem: naming what runs there now and how to get the release back.
    """
    release, found = act.get_release(), glance(act, act.color)
    if found and found.release == release.id and found.available > 0:
        return found
    wanted = f"{act.color} should run {release.tag} ({release.id})"
    raise Problem(
        "standby-gone",
        "The earlier release does not run any more",
        detail=f"{act.name}: {wanted}; it runs {_tell(act, found)}",
        next_step=f"{_find_way(act, found)}{_tell_again(act)}",
    )


def _tell(act: Act, found: DeploymentView | None) -> str:
    if found is None:
        return "nothing"
    if found.release != act.get_release().id:
        return f"{found.tag or 'something'} ({found.release or 'of somebody else'})"
    return "no available pod of it"


def _find_way(act: Act, found: DeploymentView | None) -> str:
    """Where the release is there and only its pods are not, they may be had back."""
    if found is None or found.release != act.get_release().id:
        return ""
    pods = f"`kubectl -n {act.app.namespace} describe pods -l workflow={found.release}`"
    return f"see why its pods are not ready ({pods}; {found.replicas} are wanted), then roll back again; or "


def _tell_again(act: Act) -> str:
    """How to get the release again.

    One that was adopted was built elsewhere: there is no commit to deploy again. A direct rollback knows only
    what runs, so not which of the two a release is that does not.
    """
    release = act.get_release()
    again = f"deploy it again with `verdigris redeploy {release.id}`"
    anew = f"push a tag of it that ends in -{act.color}, then `verdigris deploy {act.name} <tag>`"
    if release.commit:
        return again
    if isinstance(act, Step):
        return f"it was adopted, so no commit of it is known: {anew}"
    return f"{again}; if it was adopted, no commit of it is known: {anew}"


def moves(step: Step) -> tuple[Move, ...]:
    """The release is live again; the one that was is rolled back and may be promoted again."""
    release = step.get_release()
    reason = f"rolled back by {step.job.actor}{': ' + step.job.reason if step.job.reason else ''}"
    left = tuple(
        step_of(old, State.ROLLED_BACK, reason, sources=frozenset({State.LIVE}), actor=step.job.actor)
        for old in live_releases(step)
    )
    back = step_of(release, State.LIVE, reason, sources=frozenset({State.STANDBY}), actor=step.job.actor)
    return (*left, back)
