"""Decommission: the color that no user is on goes away; the route is brought to its steady form first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.deployments import delete_deployment
from cluster.istio import steady_subsets
from cluster.route import Known
from cluster.waiting import Deadline
from release.problems import Problem
from tasks.deploy import close_test_route
from tasks.leaving import leave
from tasks.routing import live_color, read_app_route
from tasks.step import Passed
from tasks.targets import targets_of

if TYPE_CHECKING:
    from release.records import Move
    from tasks.step import Step


def decommission(step: Step) -> Passed:
    """Take down the job's color. Already gone is success."""
    route = read_app_route(step)
    if live_color(route) is step.color:
        raise Problem(
            "color-is-live",
            f"{step.color} is live",
            detail=f"{step.name}: every user is on {step.color}; only the other color can be decommissioned",
            next_step=f"promote or roll back first, or decommission {step.color.other}",
        )
    targets = targets_of(step)
    # A default that names this color, though nothing runs there, needs its subset: nothing was ever promoted.
    if isinstance(route, Known) and route.default_color is not step.color:
        close_test_route(step)
        step.tell("the test entry is out of the route")
        steady_subsets(
            step.cluster,
            targets.destination_rule,
            route.default_color,
            turn=step.turn,
            deadline=step.patience(),
        )
        step.tell(f"the DestinationRule names {route.default_color} only")
    delete_deployment(
        step.cluster,
        targets.deployment(step.color).name,
        step.app.namespace,
        turn=step.turn,
        deadline=Deadline.after(step.app.deadlines.delete, clock=step.around.clock),
    )
    step.tell(f"{targets.deployment(step.color)} is gone")
    return Passed(moves(step))


def moves(step: Step) -> tuple[Move, ...]:
    """What ran there can't be promoted or rolled back to any more."""
    reason = f"{step.color} was decommissioned by {step.job.actor}"
    leaving = [release for release in step.releases_on_a_color() if release.color is step.color]
    return tuple(move for release in leaving for move in leave(release, reason, actor=step.job.actor))
