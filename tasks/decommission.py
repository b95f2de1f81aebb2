"""Decommission: the color that no user is on goes away; the route is brought to its steady form first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.deployments import delete_deployment
from cluster.istio import steady_subsets
from cluster.route import Known, NoRoute
from cluster.waiting import Deadline
from release.model import Stage
from release.problems import Problem
from tasks.deploy import close_test_route
from tasks.leaving import leave
from tasks.migration_contract import find_live, give_up_gone, is_due
from tasks.migration_ledger import read_ledger
from tasks.routing import live_color, read_app_route
from tasks.step import Passed
from tasks.targets import targets_of

if TYPE_CHECKING:
    from release.records import Move
    from tasks.step import Step


def decommission(step: Step) -> Passed:
    """Take down the job's color. Already gone is success."""
    route = read_idle_route(step)
    if wait_for_drain(step, route):
        # Asked again: meanwhile a rollback by hand may have moved users here.
        route = read_idle_route(step)
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
    look_after_migrations(step)
    return Passed(moves(step))


def read_idle_route(step: Step) -> Known | NoRoute:
    """The route, which leads no user to the job's color.

    Raises:
        Problem: it does.
    """
    route = read_app_route(step)
    if live_color(route) is not step.color:
        return route
    raise Problem(
        "color-is-live",
        f"{step.color} is live",
        detail=f"{step.name}: every user is on {step.color}; only the other color can be decommissioned",
        next_step=f"promote or roll back first, or decommission {step.color.other}",
    )


def wait_for_drain(step: Step, route: Known | NoRoute) -> bool:
    """Let what users began on the color that they left come to its end; whether there was a wait."""
    switched = route.switch.at if isinstance(route, Known) and route.switch else None
    if switched is None:
        return False
    left = min(step.app.drain, step.app.drain - (step.clock() - switched).total_seconds())
    if left <= 0:
        return False
    step.tell(f"waits for {left:.0f} s more: users are given {step.app.drain:g} s to leave {step.color}")
    step.turn.pause(left)
    return True


def look_after_migrations(step: Step) -> None:
    """Give up contract migrations that went with the color; say so where one is due and no part of this job.

    So it is where the job was accepted before that was known.
    """
    if not step.app.has_migration:
        return
    entries = give_up_gone(step, read_ledger(step))
    live = find_live(step)
    goes_on = any(run.stage is Stage.MIGRATE for run in step.job.stages)
    if live and is_due(entries.get(live.id)) and not goes_on:
        step.tell(
            f"warning: the contract migration of {live.tag} is due and no part of this job: "
            f"`verdigris decommission {step.name}` again runs it"
        )


def moves(step: Step) -> tuple[Move, ...]:
    """What ran there can't be promoted or rolled back to any more."""
    reason = f"{step.color} was decommissioned by {step.job.actor}"
    leaving = [release for release in step.releases_on_a_color() if release.color is step.color]
    return tuple(move for release in leaving for move in leave(release, reason, actor=step.job.actor))
