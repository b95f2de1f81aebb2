"""Whether the cluster still runs what was tested: by label, template and route, never by our own records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.problems import Problem
from tasks.routing import read_color

if TYPE_CHECKING:
    from cluster.deployments import DeploymentView
    from cluster.route import Known
    from tasks.step import Step


def check_runs(step: Step, *, template_hash: str | None = None) -> DeploymentView:
    """The Deployment of the step's color, which must run the step's release, and this very template.

    Raises:
        Problem: naming what runs there instead.
    """
    release = step.get_release()
    found = read_color(step, step.color)
    if found is None:
        raise _replaced(step, f"the Deployment of {step.color} does not exist")
    if found.release != release.id:
        raise _replaced(
            step, f"{step.color} runs release {found.release or 'of somebody else'} ({found.tag})"
        )
    if template_hash is not None and found.template_hash != template_hash:
        raise _replaced(
            step, f"its pod template was changed since: {found.template_hash}, tested was {template_hash}"
        )
    return found


def check_passed(step: Step, route: Known) -> DeploymentView:
    """The same for a promote: what runs is what its annotations say has passed, behind the same route.

    Raises:
        Problem: naming what differs.
    """
    found = check_runs(step)
    if not found.passed_template:
        raise _replaced(step, "its Deployment does not say that smoke tests passed")
    check_runs(step, template_hash=found.passed_template)
    if route.test_color is not step.color:
        raise _replaced(step, f"the test route leads to {route.test_color or 'nothing'}, not to {step.color}")
    if found.passed_route != route.fingerprint:
        raise _replaced(step, "the default or the test entry of the route was changed since")
    return found


def _replaced(step: Step, found: str) -> Problem:
    release = step.get_release()
    return Problem(
        "not-what-was-tested",
        "The cluster does not run what was tested",
        detail=f"{step.name}: {release.tag} ({release.id}): {found}",
        next_step=f"deploy it again with `verdigris redeploy {release.id}`, which tests it anew",
    )
