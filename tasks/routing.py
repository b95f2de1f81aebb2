"""What the cluster's route says of an app, read afresh for each decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.deployments import read_deployment
from cluster.objects import find
from cluster.route import Known, NoRoute, Unadoptable, read_route
from release.model import Color
from release.names import name_of_test_entry
from release.problems import Problem
from tasks.targets import targets_of

if TYPE_CHECKING:
    from cluster.deployments import DeploymentView
    from cluster.kinds import Object
    from tasks.step import Act


def read_app_route(step: Act) -> Known | NoRoute:
    """The app's route now.

    Raises:
        Problem: it can't be told which color is live; says what was found and how to adopt it.
    """
    return understand_route(step, find_route(step))


def find_route(step: Act) -> Object | None:
    """The app's VirtualService as it stands; None where there is none."""
    return step.ask(lambda: find(step.cluster, targets_of(step).virtual_service))


def understand_route(step: Act, virtual_service: Object | None) -> Known | NoRoute:
    """What a VirtualService that was just read says. Raises as ``read_app_route``."""
    existing = {color for color in Color if glance(step, color)}
    route = read_route(virtual_service, existing, test_name=name_of_test_entry(step.name))
    if isinstance(route, Unadoptable):
        raise Problem(
            "route-not-understood",
            "The route does not say which color is live",
            detail=f"{step.name}: {targets_of(step).virtual_service}: {route.found}",
            next_step=route.advice,
        )
    return route


def live_color(route: Known | NoRoute) -> Color | None:
    """The color that users are on."""
    return route.live if isinstance(route, Known) else None


def steady_color(step: Act, route: Known | NoRoute) -> Color:
    """The color that the default entry names while this release is tested."""
    return route.default_color if isinstance(route, Known) else step.color.other


def get_known_route(step: Act) -> Known:
    """The app's route, which must exist.

    Raises:
        Problem: there is none.
    """
    route = read_app_route(step)
    if isinstance(route, NoRoute):
        raise Problem(
            "route-missing",
            "There is no route to switch",
            detail=f"{step.name}: {targets_of(step).virtual_service} does not exist",
            next_step="deploy a release first; if somebody deleted it, deploy again",
        )
    return route


def read_color(step: Act, color: Color) -> DeploymentView | None:
    """The Deployment of a color as the cluster has it, with the hash of its template."""
    return step.ask(lambda: read_deployment(step.cluster, targets_of(step).deployment(color)))


def glance(step: Act, color: Color) -> DeploymentView | None:
    """The same without the hash: who runs there, and how many."""
    reference = targets_of(step).deployment(color)
    return step.ask(lambda: read_deployment(step.cluster, reference, with_template=False))
