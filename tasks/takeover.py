"""Taking over a stage whose worker was lost: before anything else, its last write is made impossible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.apply import stamp_fence
from release.model import JobKind, Stage
from release.problems import Problem
from tasks.capacity import find_owner
from tasks.routing import get_known_route
from tasks.targets import targets_of

if TYPE_CHECKING:
    from cluster.kinds import Ref
    from tasks.step import Step


def take_over(step: Step, stage: Stage, *, give_up: str | None) -> None:
    """Stamp this turn's fence on what the stage writes: what a frozen worker prepared then meets a 409.

    Raises:
        Problem: ``stage-lost``: the stage is not run again.
    """
    step.tell(f"taken over (attempt {step.attempt}): the worker before was lost")
    stamp_fence(step.cluster, written_by(step, stage), turn=step.turn, deadline=step.patience())
    if give_up and not is_switched(step, stage):
        raise Problem(
            "stage-lost",
            "The stage was lost with its worker",
            detail=f"{step.name}: {stage}: {give_up}; it is not run again by itself",
            next_step=f"look at what it did, then {ask_again(step)}",
        )


def is_switched(step: Step, stage: Stage) -> bool:
    """Whether a lost switch has moved the users already: then what is left is to say so in our records."""
    if stage not in {Stage.ACTIVATE, Stage.ROLLBACK}:
        return False
    route = get_known_route(step)
    return route.live is step.color and route.live_release == step.get_release().id


def written_by(step: Step, stage: Stage) -> list[Ref]:
    """The objects that a stage may write where they exist; sanity and migrations write none.

    What else a deploy's manifests hold is stamped by the deploy itself, which renders them.
    """
    targets = targets_of(step)
    deployment, route = targets.deployment(step.color), targets.virtual_service
    if stage is Stage.DEPLOY:
        return [targets.service, deployment, targets.destination_rule, route]
    if stage is Stage.SMOKE:
        return [deployment]
    if stage is Stage.DECOMMISSION:
        return [route, targets.destination_rule, deployment]
    if stage in {Stage.ACTIVATE, Stage.ROLLBACK}:
        autoscaler = find_owner(step)
        return [targets.destination_rule, route, deployment, *([autoscaler] if autoscaler else [])]
    return []


def ask_again(step: Step) -> str:
    """How the same is asked for again."""
    if step.job.kind is JobKind.DEPLOY:
        return f"`verdigris retry {step.job.release_id}`"
    return f"`verdigris {step.job.kind} {step.name}`"
