"""The switch: one compare-and-swap on the route's default entry, then its proof."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cluster.istio import change_route
from cluster.names import LIVE_RELEASE, PREVIOUS_RELEASE
from cluster.route import Known, set_default
from cluster.waiting import Deadline
from release.model import State
from release.problems import Problem
from tasks.capacity import raise_capacity
from tasks.checks import find_failure
from tasks.routing import get_known_route, understand_route
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.kinds import Object
    from cluster.patch import Patch
    from release.model import Release
    from tasks.step import Step


def move_users(step: Step, *, check: Callable[[Known], object]) -> None:
    """Switch to the step's release, unless a worker that was lost has done so; ``check`` refuses."""
    route = get_known_route(step)
    if route.live is step.color and route.live_release == step.get_release().id:
        step.tell("the route names this release already: the worker before was lost after its switch")
        return
    check(route)
    raise_capacity(step, live=route.live)
    switch(step, previous=route.live_release, recheck=check)


def switch(step: Step, *, previous: str | None, recheck: Callable[[Known], object]) -> None:
    """Move the default entry to the step's color and record, in the same write, who is live and who was.

    ``recheck`` is asked again about the route in each try: after a lost race everything may be different.
    """
    annotations = {LIVE_RELEASE: step.get_release().id, PREVIOUS_RELEASE: previous or ""}

    def build(standing: Object) -> Patch | None:
        route = understand_route(step, standing)
        if isinstance(route, Known):
            recheck(route)
        return set_default(standing, step.color, annotations)

    began = time.monotonic()
    deadline = Deadline.after(step.app.deadlines.switch, clock=step.around.clock)
    change_route(step.cluster, targets_of(step).virtual_service, build, turn=step.turn, deadline=deadline)
    step.tell(f"switched: the default route names {step.color} ({(time.monotonic() - began) * 1000:.0f} ms)")


def prove(step: Step) -> None:
    """Read the route back and ask through the gateway as a user would.

    Raises:
        Problem: either shows something else; users may be affected, and the way back is said.
    """
    route = get_known_route(step)
    if route.default_color is not step.color:
        raise _unproved(step, f"the route names {route.default_color} again: somebody else changed it")
    for check in step.app.smoke.requests[:1]:
        deadline = time.monotonic() + step.app.deadlines.switch
        while failure := find_failure(check, step.app.gateway, cookie=None):
            if time.monotonic() > deadline:
                raise _unproved(step, f"{check.method} {check.path} through the gateway: {failure}")
            step.turn.pause(0.2)
        step.tell(f"proved: {check.method} {check.path} without the cookie answers as the smoke test expects")


def live_releases(step: Step) -> list[Release]:
    """Releases of the app that our records call live, other than the step's own."""
    releases = step.releases_on_a_color()
    return [one for one in releases if one.state is State.LIVE and one.id != step.job.release_id]


def _unproved(step: Step, found: str) -> Problem:
    return Problem(
        "switch-not-proved",
        "The switch was made, but users may not get the right answers",
        detail=f"{step.name} {step.job.tag} on {step.color}: {found}",
        next_step=f"look at the app now; to go back: verdigris rollback {step.name}",
    )
