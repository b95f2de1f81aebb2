"""What the cluster shows of an app, for pages: a reading with a time, never a base for decisions.

It never raises for a cluster in trouble: what can't be read is the observation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import objects
from cluster.deployments import DeploymentView, read_deployment
from cluster.errors import ClusterError
from cluster.route import Known, Unadoptable, read_route
from release.clock import Clock, utc_now
from release.model import Color, ColorObservation, Observation
from release.names import name_of_test_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.connection import Cluster
    from cluster.kinds import Ref
    from cluster.route import Route


def observe(
    cluster: Cluster,
    app: str,
    *,
    deployments: Mapping[Color, Ref],
    virtual_service: Ref,
    clock: Clock = utc_now,
) -> Observation:
    """Read both colors and the route. ``problem`` says what could not be read or understood."""
    views: dict[Color, DeploymentView | None] = {}
    try:
        for color, ref in deployments.items():
            views[color] = read_deployment(cluster, ref)
        standing = objects.find(cluster, virtual_service)
    except ClusterError as error:
        return _unread(app, views, f"{error.document.title}: {error.message}", clock)
    present = [color for color, view in views.items() if view]
    route = read_route(standing, present, test_name=name_of_test_entry(app))
    return _observation(app, views, route, clock)


def _observation(
    app: str, views: Mapping[Color, DeploymentView | None], route: Route, clock: Clock
) -> Observation:
    known = route if isinstance(route, Known) else None
    return Observation(
        app=app,
        at=clock(),
        live=known.live if known else None,
        blue=_color(Color.BLUE, views),
        green=_color(Color.GREEN, views),
        live_release=known.live_release if known else None,
        previous_release=known.previous_release if known else None,
        test_route=known.test_color if known else None,
        problem=f"{route.found}. {route.advice}" if isinstance(route, Unadoptable) else "",
        switch=known.switch if known else None,
    )


def _unread(
    app: str, views: Mapping[Color, DeploymentView | None], problem: str, clock: Clock
) -> Observation:
    return Observation(
        app=app,
        at=clock(),
        live=None,
        blue=_color(Color.BLUE, views),
        green=_color(Color.GREEN, views),
        problem=problem,
    )


def _color(color: Color, views: Mapping[Color, DeploymentView | None]) -> ColorObservation:
    seen = views.get(color)
    if seen is None:
        return ColorObservation(color, exists=False)
    return ColorObservation(
        color,
        exists=True,
        release=seen.release,
        tag=seen.tag,
        commit=seen.commit,
        replicas=seen.replicas,
        available=seen.available,
        passed=seen.has_passed,
    )
