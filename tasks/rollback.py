"""Rollback: every user moves back to the release that was live before, at once and without tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.model import State
from release.problems import Problem
from tasks.capacity import room_for_users
from tasks.routing import read_color
from tasks.step import Passed, step_of
from tasks.switching import find_gateway_error, live_releases, move_users, prove

if TYPE_CHECKING:
    from release.records import Move
    from tasks.step import Step


def rollback(step: Step) -> Passed:
    """Switch back, if that color still runs the release and its pods are available."""
    with room_for_users(step):
        move_users(step, check=lambda _: check_stands_by(step))
        # Users are there from now on, so our records say it even if the proof fails.
        step.move(*moves(step))
        prove(step, judge=find_gateway_error)
    return Passed(moves(step))


def check_stands_by(step: Step) -> None:
    """Refuse to move users to something else than what was live before.

    Raises:
        Problem: naming what runs there now and how to get the release back.
    """
    release = step.get_release()
    found = read_color(step, step.color)
    if found and found.release == release.id and found.available > 0:
        return
    if found is None:
        now = "nothing"
    elif found.release != release.id:
        now = f"{found.tag or 'something'} ({found.release or 'of somebody else'})"
    else:
        now = "no available pod of it"
    raise Problem(
        "standby-gone",
        "The earlier release does not run any more",
        detail=f"{step.name}: {step.color} should run {release.tag} ({release.id}); it runs {now}",
        next_step=f"deploy it again with `verdigris redeploy {release.id}`",
    )


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
