"""The switch: one compare-and-swap on the route's default entry, then its proof."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cluster.istio import change_route, set_subsets
from cluster.route import Known, set_default
from cluster.waiting import Deadline
from release.model import JobKind, State
from release.names import LIVE_RELEASE, PREVIOUS_RELEASE
from release.problems import Problem
from tasks.capacity import raise_capacity
from tasks.checks import find_failure, find_outage
from tasks.routing import get_known_route, understand_route
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.kinds import Object
    from cluster.patch import Patch
    from release.model import Release
    from tasks.step import Step


SPREADING: Final = 3.0
"""Seconds that a new subset is given to reach every proxy before a route names it."""

PROOFS: Final = 6
PROOF_INTERVAL: Final = 0.2
"""Good answers in a row that prove a switch, and the seconds between two."""


def move_users(step: Step, *, check: Callable[[Known], object]) -> None:
    """Switch to the step's release, unless a worker that was lost has done so; ``check`` refuses."""
    route = get_known_route(step)
    if route.live is step.color and route.live_release == step.get_release().id:
        step.tell("the route names this release already: the worker before was lost after its switch")
        return
    check(route)
    stand_subsets(step)
    raise_capacity(step, live=route.live)
    switch(step, previous=route.live_release, recheck=check)


def stand_subsets(step: Step) -> None:
    """Make sure that the subset which the route is about to name exists: without it users get 503.

    It has stood since the deploy, unless somebody applied a DestinationRule of one subset since.
    """
    targets = targets_of(step)
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": targets.destination_rule.name, "namespace": step.app.namespace},
        "spec": {"host": targets.service.name},
    }
    outcome = set_subsets(step.cluster, rule, turn=step.turn, deadline=step.patience())
    if outcome.changed:
        step.tell(f"{targets.destination_rule} had lost a subset; added, and waited for it to spread")
        step.turn.pause(SPREADING)


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


def prove(step: Step, *, judge: Callable[[Step], str | None]) -> None:
    """Read the route back and ask through the gateway as a user would, until it is right for a while.

    A gateway follows a changed route some time later, so one good answer proves nothing.

    Raises:
        Problem: either shows something else; users may be affected, and the way back is said.
    """
    route = get_known_route(step)
    if route.default_color is not step.color:
        raise _unproved(step, f"the route names {route.default_color} again: somebody else changed it")
    deadline = time.monotonic() + step.app.deadlines.switch
    in_a_row = 0
    while in_a_row < PROOFS:
        failure = judge(step)
        in_a_row = 0 if failure else in_a_row + 1
        if failure and time.monotonic() > deadline:
            raise _unproved(step, f"through the gateway: {failure}")
        step.turn.pause(PROOF_INTERVAL)
    step.tell(f"proved: {PROOFS} requests in a row were answered as they should be")


def find_wrong_answer(step: Step) -> str | None:
    """What is wrong with what users get, by the first smoke test that only reads; after a promote.

    A writing one would be sent to users' data. Where there is none, an answer that no gateway made will do.
    """
    check = next((one for one in step.app.smoke.requests if one.method in {"GET", "HEAD"}), None)
    if check is None:
        return find_gateway_error(step)
    failure = find_failure(check, step.app.gateway, cookie=None)
    return f"{check.method} {check.path}: {failure}" if failure else None


def find_gateway_error(step: Step) -> str | None:
    """Whether users get no answer of the app; after a rollback, as today's tests are not for that version."""
    return find_outage(step.app.gateway)


def live_releases(step: Step) -> list[Release]:
    """Releases of the app that our records call live, other than the step's own."""
    releases = step.releases_on_a_color()
    return [one for one in releases if one.state is State.LIVE and one.id != step.job.release_id]


def _unproved(step: Step, found: str) -> Problem:
    back = f"verdigris rollback {step.name}"
    if step.job.kind is JobKind.ROLLBACK:
        back = f"verdigris promote {step.name} --release <the release that was rolled back>"
    return Problem(
        "switch-not-proved",
        "The switch was made, but users may not get the right answers",
        detail=f"{step.name} {step.job.tag} on {step.color}: {found}",
        next_step=f"look at the app now; to go back: {back}",
    )
