"""What the cluster shows of an app, for pages: a reading with a time, never a base for decisions.

It never raises for a cluster in trouble: what can't be read is the observation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cluster import objects, patch
from cluster.by_hand import command_for
from cluster.deployments import DeploymentView, read_deployment
from cluster.errors import ClusterError
from cluster.ownership import find_writer
from cluster.route import HTTP, Known, Unadoptable, read_route
from cluster.subsets import colors_of
from release.clock import Clock, utc_now
from release.model import Color
from release.names import FIELD_MANAGER, name_of_test_entry
from release.observation import ColorObservation, Observation

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
    destination_rule: Ref | None = None,
    context: str | None = None,
    clock: Clock = utc_now,
) -> Observation:
    """Read both colors and the route. ``problem`` says what could not be read or understood.

    The route comes last: what it tells of a switch is never older than what is told of the pods.
    """
    views: dict[Color, DeploymentView | None] = {}
    try:
        for color, ref in deployments.items():
            views[color] = read_deployment(cluster, ref)
        rule = objects.find(cluster, destination_rule) if destination_rule else None
        standing = objects.find(cluster, virtual_service)
    except ClusterError as error:
        return _unread(app, views, f"{error.document.title}: {error.message}", clock)
    present = [color for color, view in views.items() if view]
    route = read_route(standing, present, test_name=name_of_test_entry(app))
    seen = replace(
        _observation(app, views, route, clock),
        has_route=standing is not None,
        route_writer=find_writer(standing, HTTP) if standing else None,
        subsets=colors_of(rule) if rule else (() if destination_rule else None),
        subsets_writer=find_writer(rule, ("spec", "subsets")) if rule else None,
        forth=_command(route, virtual_service, context) if isinstance(route, Known) else "",
    )
    return _name_writer(seen) if seen.problem else seen


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
        default=known.default_color if known else None,
        fingerprint=known.fingerprint if known else None,
    )


def _name_writer(seen: Observation) -> Observation:
    """Who made the route what can't be understood."""
    writer = seen.route_writer
    if writer is None or writer.manager == FIELD_MANAGER:
        return seen
    return replace(seen, problem=f"{seen.problem} The route was last written by {writer}.")


def _command(route: Known, ref: Ref, context: str | None) -> str:
    """What moves users to the other color in an emergency, if nobody else writes before."""
    path = patch.pointer(*HTTP, route.default_index, "route", 0, "destination", "subset")
    made = [*patch.test(path, str(route.default_color)), *patch.replace(path, str(route.default_color.other))]
    return command_for(made, ref, context=context)


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
        passed_route=seen.passed_route,
    )
