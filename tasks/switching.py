"""The switch: one compare-and-swap on the route's default entry, then its proof.

Stages and direct rollbacks make it alike; what our records know is the stages' business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from cluster.deployments import DeploymentView
from cluster.istio import change_route, set_subsets
from cluster.route import Known, notes_of, set_default
from cluster.waiting import Deadline
from release.model import JobKind, State
from release.observation import Switch
from release.problems import Problem
from tasks.ahead import begin_first_look, begin_second_look
from tasks.capacity import raise_capacity
from tasks.checks import find_failure, find_outage
from tasks.routing import get_known_route, glance, understand_route
from tasks.step import Act
from tasks.targets import targets_of

if TYPE_CHECKING:
    from cluster.kinds import Object
    from cluster.patch import Patch
    from release.model import Release
    from tasks.step import Step


AnAct = TypeVar("AnAct", bound=Act)

Check = Callable[[AnAct, Known], DeploymentView]
"""What refuses a switch, or else tells the Deployment that users are moved to."""

SPREADING: Final = 3.0
"""Seconds that a new subset is given to reach every proxy before a route names it."""

PROOFS: Final = 6
PROOF_INTERVAL: Final = 0.2
"""Good answers in a row that prove a switch, and the seconds between two."""


def move_users(act: AnAct, *, check: Check[AnAct], seen: AnAct | None = None) -> None:
    """Switch to the act's release, unless a worker that was lost has done so; ``check`` refuses.

    It is asked twice: about a moment before anything is done (``seen``, if one was just looked at), then
    about the one of the switch itself.
    """
    now = seen or act.at_once()
    if not seen:
        begin_first_look(now)
    route = get_known_route(now)
    if is_there(act, route):
        act.tell("the route names this release already: the worker before was lost after its switch")
        return
    standing = check(now, route)
    room = raise_capacity(act, live=route.live, now=now)
    then = act.at_once() if room.was_awaited else now
    stand_subsets(then)
    took = switch(act, previous=find_left(then, route), standing=standing, recheck=check)
    act.tell(f"{room}\nswitched: the default route names {act.color} ({took * 1000:.0f} ms)")


def find_left(act: Act, route: Known) -> str | None:
    """The release that users are moved away from, for the route to keep as the way back.

    The route's own note is that of our last switch; if somebody else moved users since, it names another.
    """
    found = glance(act, act.color.other) if route.live is act.color.other else None
    if found and found.tag:
        return found.release
    return None if route.live_release == act.get_release().id else route.live_release


def is_there(act: Act, route: Known) -> bool:
    """Whether users are on the act's release already."""
    return route.live is act.color and route.live_release == act.get_release().id


def stand_subsets(act: Act) -> None:
    """Make sure that the subset which the route is about to name exists: without it users get 503.

    It has stood since the deploy, unless somebody applied a DestinationRule of one subset since.
    """
    targets = targets_of(act)
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": targets.destination_rule.name, "namespace": act.app.namespace},
        "spec": {"host": targets.service.name},
    }
    outcome = set_subsets(act.cluster, rule, turn=act.turn, deadline=act.patience())
    if outcome.changed:
        act.tell(f"{targets.destination_rule} had lost a subset; added, and waited for it to spread")
        act.turn.pause(SPREADING)


def switch(act: AnAct, *, previous: str | None, standing: DeploymentView, recheck: Check[AnAct]) -> float:
    """Move the default entry to the act's color and record, in the same write, who is live, who was, and why.

    ``recheck`` is asked again about the route in each try: after a lost race everything may be different.
    ``standing``: what it found the first time. How many seconds it took.
    """
    made = Switch(act.job.kind, act.job.actor, act.job.reason, act.clock())
    notes = notes_of(live=act.get_release().id, previous=previous or "", switch=made)

    def build(virtual_service: Object) -> Patch | None:
        now = act.at_once()  # the route was read before: who changes pods and then the route is noticed
        begin_second_look(now, standing)
        route = understand_route(now, virtual_service)
        if isinstance(route, Known):
            if is_there(act, route):
                return None  # somebody else was faster, or the answer to our own write was lost
            recheck(now, route)
        return set_default(virtual_service, act.color, notes)

    began = time.monotonic()
    deadline = Deadline.after(act.app.deadlines.switch, clock=act.clock)
    change_route(act.cluster, targets_of(act).virtual_service, build, turn=act.turn, deadline=deadline)
    return time.monotonic() - began


def prove(step: Act, *, judge: Callable[[Act], str | None]) -> None:
    """Read the route back and ask through the gateway as a user would, until it is right for a while.

    A gateway follows a changed route some time later, so one good answer proves nothing.

    Raises:
        Problem: either shows something else; users may be affected, and the way back is said.
    """
    read_back(step)
    deadline = time.monotonic() + step.app.deadlines.switch
    in_a_row = 0
    while in_a_row < PROOFS:
        failure = judge(step)
        in_a_row = 0 if failure else in_a_row + 1
        if failure and time.monotonic() > deadline:
            raise _unproved(step, f"through the gateway: {failure}")
        step.turn.pause(PROOF_INTERVAL)
    step.tell(f"proved: {PROOFS} requests in a row were answered as they should be")


def read_back(act: Act) -> None:
    """Whether the route names the act's color still.

    Raises:
        Problem: it does not.
    """
    route = get_known_route(act)
    if route.default_color is not act.color:
        raise _unproved(act, f"the route names {route.default_color} again: somebody else changed it")


def find_wrong_answer(step: Act) -> str | None:
    """What is wrong with what users get, by the first smoke test that only reads; after a promote.

    A writing one would be sent to users' data. Where there is none, an answer that no gateway made will do.
    """
    check = next((one for one in step.app.smoke.requests if one.method in {"GET", "HEAD"}), None)
    if check is None:
        return find_gateway_error(step)
    failure = find_failure(check, step.app.gateway, cookie=None)
    return f"{check.method} {check.path}: {failure}" if failure else None


def find_gateway_error(step: Act) -> str | None:
    """Whether users get no answer of the app; after a rollback, as today's tests are not for that version."""
    return find_outage(step.app.gateway)


def live_releases(step: Step) -> list[Release]:
    """Releases of the app that our records call live, other than the step's own."""
    releases = step.releases_on_a_color()
    return [one for one in releases if one.state is State.LIVE and one.id != step.job.release_id]


def _unproved(step: Act, found: str) -> Problem:
    back = f"verdigris rollback {step.name}"
    if step.job.kind is JobKind.ROLLBACK:
        back = f"verdigris promote {step.name} --release <the release that was rolled back>"
    return Problem(
        "switch-not-proved",
        "The switch was made, but users may not get the right answers",
        detail=f"{step.name} {step.job.tag} on {step.color}: {found}",
        next_step=f"look at the app now; to go back: {back}",
    )
