"""Activate: every user moves to the release, in one write, once there is room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.model import State
from tasks.capacity import room_for_users
from tasks.step import Passed, step_of
from tasks.switching import find_wrong_answer, live_releases, move_users, prove
from tasks.tested import check_passed

if TYPE_CHECKING:
    from release.records import Move
    from tasks.step import Step


def activate(step: Step) -> Passed:
    """Switch to the promote's release, if the cluster still runs what was tested."""
    with room_for_users(step):
        move_users(step, check=lambda route: check_passed(step, route))
        # Users are there from now on, so our records say it even if the proof fails.
        step.move(*moves(step))
        prove(step, judge=find_wrong_answer)
    return Passed(moves(step))


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
