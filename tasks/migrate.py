"""Migrate: the app's own commands, in a ready pod of the test color; exit codes and output are kept.

An exec in a pod can't be fenced: a migration whose worker was lost is failed, not repeated, unless the app
says that it may be.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cluster.exec import run_command
from cluster.objects import get
from cluster.pods import ready_pod
from cluster.waiting import Deadline
from release.names import WORKFLOW_LABEL
from release.problems import Problem
from tasks.step import Passed
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.step import Step


def migrate(step: Step) -> Passed:
    """Run each migration command to its end, in order."""
    if not step.app.migrate:
        step.tell("no migration is configured")
    run_all(step, step.app.migrate, what="migration")
    return Passed()


def run_all(step: Step, commands: Sequence[Sequence[str]], *, what: str) -> None:
    """Run commands in one ready pod of this release.

    Raises:
        Problem: a command ends with another exit code than 0; the following ones are not run.
    """
    if not commands:
        return
    release = step.get_release()
    pod = step.ask(lambda: ready_pod(step.cluster, step.app.namespace, {WORKFLOW_LABEL: release.id}))
    for command in commands:
        run_one(step, pod, command, what=what)


def run_one(step: Step, pod: str, command: Sequence[str], *, what: str) -> None:
    """Run one command and keep its output and exit code."""
    step.tell(f"$ {shlex.join(command)}   (in {pod})")
    exit_code = run_command(
        step.cluster,
        pod,
        step.app.namespace,
        step.app.container or first_container(step),
        list(command),
        turn=step.turn,
        on_output=step.tell,
        deadline=Deadline.after(step.app.deadlines.command, clock=step.around.clock),
    )
    step.tell(f"exit code {exit_code}")
    if exit_code != 0:
        raise Problem(
            f"{what}-failed",
            f"A {what} command failed",
            detail=f"{step.name} {step.job.tag}: `{shlex.join(command)}` in pod {pod}: exit code {exit_code}",
            next_step="read its output in the release's log; users are still on the color that was live",
        )


def first_container(step: Step) -> str:
    """The container that commands run in where the configuration names none."""
    deployment = step.ask(lambda: get(step.cluster, targets_of(step).deployment(step.color)))
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["name"])
