"""A rollback without Redis and the service: read from the cluster, made by the same code as the stage.

It stands in no queue. So it takes the objects that it relies on, by a number of its own, before it looks at
them for the last time: a worker that decided before that can't write to them any more (ADR 8).
"""

from __future__ import annotations

import socket
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cluster.apply import stamp_fence, take_stamp_off
from cluster.fence import directs_of
from cluster.objects import find
from cluster.waiting import Deadline, retry_unavailable
from release.model import Color, Job, JobKind, JobState, Release, Stage, StageRun, StageState, State
from release.names import DIRECT
from release.problems import Problem
from tasks.by_hand import commands
from tasks.capacity import find_owner
from tasks.prober import probing
from tasks.rollback import check_stands_by, switch_back
from tasks.routing import find_route, get_known_route, read_color
from tasks.step import Act
from tasks.switching import find_gateway_error, prove, read_back
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluster.connection import Cluster
    from cluster.deployments import DeploymentView
    from cluster.kinds import Ref
    from cluster.route import Known
    from release.clock import Clock
    from release.config import App
    from release.model import Actor

ASKING: Final = 2.0
"""Seconds to find out whether the gateway can be asked from here at all."""

GIVING_UP: Final = 10.0
"""Seconds to undo what a rollback that was not made has left."""

PORTS: Final = {"http": 80, "https": 443}


@dataclass
class DirectTurn:
    """The turn of somebody who stands in no queue; ``directs`` is its number."""

    tell: Callable[[str], None]
    directs: int = 0
    fence: int = 0

    def check(self) -> None:
        """Nobody to ask: each write is bound to what was read, and what was taken is refused to others."""

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def log(self, text: str) -> None:
        """Say what is done."""
        self.tell(text)


@dataclass(frozen=True)
class WayBack:
    """Where a direct rollback leads, and from where. ``by_hand``: the command that does the same, if any."""

    act: Act
    left: DeploymentView | None
    standby: DeploymentView
    by_hand: str


def find_way_back(
    name: str,
    app: App,
    cluster: Cluster,
    *,
    actor: Actor,
    reason: str,
    tell: Callable[[str], None],
    clock: Clock,
) -> WayBack:
    """Read from the cluster what a rollback would do; nothing is written.

    Raises:
        Problem: there is no way back, or the cluster can't be read.
    """
    turn = DirectTurn(tell)
    act = Act(app, _job(name, actor, reason, clock), None, turn, cluster, clock)
    route = get_known_route(act)
    turn.directs = route.directs + 1
    act = replace(act, job=replace(act.job, color=_find_target(act, route)))
    check_goes_back(act, route)
    act = _with_release(act, route.previous_release or "")
    standby, left = check_stands_by(act), read_color(act, act.color.other)
    return WayBack(act, left, standby, _find_command(act, route))


def check_goes_back(act: Act, route: Known) -> None:
    """Refuse where the route does not tell of an earlier release, or users are on it already.

    Raises:
        Problem: saying what the route tells.
    """
    if not route.previous_release:
        raise _nothing(act, "the route records no release before the one that is live")
    live = read_color(act, act.color.other)
    if live and live.release == route.previous_release:
        raise _nothing(act, f"users are on {live.color} already, which runs {live.tag} ({live.release})")
    is_back = route.switch.kind is JobKind.ROLLBACK if route.switch else _is_newer(route)
    if is_back:
        raise _nothing(act, f"users were moved back already, {route.switch or 'by a rollback'}")


def roll_back(way: WayBack) -> bool:
    """Move every user back; False where the gateway can't be asked from here, so that it was only read back.

    Raises:
        Problem: nothing was switched; or, with ``switch-not-proved``, users may not get what they should.
    """
    act = way.act
    is_reachable = can_reach(act.app.gateway.address)
    proof = partial(prove, act, judge=find_gateway_error) if is_reachable else partial(read_back, act)
    taken, made = taken_by(act), [False]

    def note_switch() -> None:
        made[0] = True

    try:
        stamp_fence(act.cluster, taken, turn=act.turn, deadline=act.patience())
        with probing(act, keep=lambda _: None) if is_reachable else nullcontext():
            switch_back(act, switched=note_switch, proof=proof)
    finally:
        if not made[0]:
            give_up(act, taken)
    return is_reachable


def taken_by(act: Act) -> list[Ref]:
    """What must stay as it is for the switch to be right: the pods that users get, and how they are found."""
    targets, autoscaler = targets_of(act), find_owner(act)
    return [targets.destination_rule, targets.deployment(act.color), *([autoscaler] if autoscaler else [])]


def give_up(act: Act, taken: Sequence[Ref]) -> None:
    """Undo what was taken for a switch that was not made; what can't be undone is said, never raised."""
    deadline = Deadline.after(GIVING_UP, clock=act.clock)
    route = targets_of(act).virtual_service
    try:
        standing = retry_unavailable(partial(find, act.cluster, route), deadline=deadline, turn=act.turn)
        if directs_of(standing) >= act.turn.directs:
            return  # it was made, only its answer was lost
        for ref in taken:
            take_stamp_off(act.cluster, ref, turn=act.turn, deadline=deadline)
    except Problem as problem:
        undo = "; ".join(
            f"kubectl -n {ref.namespace} annotate {ref.kind} {ref.name} {DIRECT}-" for ref in taken
        )
        act.tell(
            f"what was taken from workers may still be ({problem.document.detail}); give it back: {undo}"
        )


def can_reach(address: str) -> bool:
    """Whether the gateway's port takes connections from here: it may be open to the cluster only."""
    parts = urlsplit(address)
    port = parts.port or PORTS.get(parts.scheme, 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=ASKING):
            return True
    except OSError:
        return False


def _find_target(act: Act, route: Known) -> Color:
    """The color that users are not on.

    Raises:
        Problem: they are on none.
    """
    if route.live is not None:
        return route.live.other
    raise Problem(
        "nothing-live",
        "It can't be told which color is live",
        detail=f"{act.name}: the default route names {route.default_color}, whose Deployment does not exist",
        next_step=f"see what runs: `kubectl -n {act.app.namespace} get deployments`",
    )


def _with_release(act: Act, release_id: str) -> Act:
    """The act on a release as the cluster tells of it; by its id alone where it does not run."""
    found, now = read_color(act, act.color), act.clock()
    is_there = found is not None and found.release == release_id
    tag = (found.tag if found and is_there else None) or release_id
    release = Release(
        id=release_id,
        app=act.name,
        tag=tag,
        color=act.color,
        commit=(found.commit if found and is_there else None) or "",
        state=State.STANDBY,
        actor=act.job.actor,
        created_at=now,
        updated_at=now,
    )
    return replace(act, release=release, job=replace(act.job, release_id=release_id, tag=tag))


def _job(name: str, actor: Actor, reason: str, clock: Clock) -> Job:
    """The job that a queue would have; its color is known when the route is read."""
    return Job(
        id="direct",
        app=name,
        kind=JobKind.ROLLBACK,
        queue="",
        state=JobState.RUNNING,
        color=Color.BLUE,
        release_id=None,
        tag="",
        stages=(StageRun(Stage.ROLLBACK, StageState.RUNNING),),
        stage_index=0,
        fence=0,
        attempt=1,
        actor=actor,
        reason=reason,
        created_at=clock(),
    )


def _find_command(act: Act, route: Known) -> str:
    """The command that is recorded on the release that users are on; empty where it would be refused now."""
    standing = find_route(act)
    if standing is None or not route.live_release:
        return ""
    live = _with_release(replace(act, job=replace(act.job, color=act.color.other)), route.live_release)
    return commands(live, standing, route)[1]


def _is_newer(route: Known) -> bool:
    """Whether what was live before is the newer one: then users were moved back. Ids sort by time."""
    return bool(route.live_release and route.previous_release and route.previous_release > route.live_release)


def _nothing(act: Act, found: str) -> Problem:
    return Problem(
        "nothing-on-standby",
        "Nothing to roll back to",
        detail=f"{act.name}: {found}",
        next_step=(
            "see what runs (`kubectl get deployments -L color,workflow`); another release is deployed with "
            "`verdigris redeploy <release>` once the service is there"
        ),
    )
