"""Room for every user before a switch: as many available pods as the live color has."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster.autoscaler import find_autoscaler, raise_minimum, restore_minimum
from cluster.deployments import scale
from cluster.waiting import Deadline
from release.problems import Problem
from release.turn import LostTurn
from tasks.routing import glance
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.kinds import Ref
    from release.model import Color
    from tasks.step import Act

INTERVAL: Final = 0.25


@dataclass(frozen=True, slots=True)
class Room:
    """How many pods there are, of how many. ``was_awaited``: since ``now`` some time has gone by."""

    color: Color
    available: int
    wanted: int
    was_awaited: bool

    def __str__(self) -> str:
        """For the log."""
        return f"{self.color}: {self.available} pods available, {self.wanted} needed"


def raise_capacity(step: Act, *, live: Color | None, now: Act) -> Room:
    """Raise the step's color to the live color's replicas and wait until all of its own are available.

    ``now``: the step at the moment at which it was decided to switch.

    Raises:
        Problem: they did not become available in time; nothing was switched.
    """
    colors = {step.color} | ({live} if live else set())
    wanted = max([1, *(found.replicas for color in colors if (found := glance(now, color)))])
    ask_for(now, wanted)
    deadline = Deadline.after(step.app.deadlines.rollout, clock=step.clock)
    available = count_available(now)
    was_awaited = available < wanted
    while available < wanted:
        if deadline.is_over:
            raise too_few(step, available, wanted)
        step.turn.pause(INTERVAL)
        available = count_available(step)
    return Room(step.color, available, wanted, was_awaited)


def ask_for(step: Act, wanted: int) -> None:
    """Raise whoever owns the number of replicas: an autoscaler's minimum, else the Deployment."""
    reference = targets_of(step).deployment(step.color)
    autoscaler = find_owner(step)
    if autoscaler:
        raise_minimum(step.cluster, autoscaler, wanted, turn=step.turn, deadline=step.patience())
        step.tell(f"{autoscaler}: at least {wanted} replicas until the switch is proved")
        return
    found = glance(step, step.color)
    if found and found.replicas < wanted:
        scale(step.cluster, reference, wanted, turn=step.turn, deadline=step.patience())
        step.tell(f"{reference}: scaled from {found.replicas} to {wanted} replicas, as the live color has")


@contextmanager
def room_for_users(step: Act) -> Iterator[None]:
    """However a switch ends, an autoscaler whose minimum was raised for it does its own counting after it.

    Not where the turn was lost: whoever has it now gives the minimum back.
    """
    try:
        yield
    except LostTurn:
        raise
    except BaseException:
        give_back(step)
        raise
    if find_owner(step):
        step.tell(f"the autoscaler keeps its raised minimum for {step.app.drain:g} s more, while users move")
        step.turn.pause(step.app.drain)
    give_back(step)


def give_back(step: Act) -> None:
    """Let an autoscaler whose minimum was raised do its own counting again."""
    autoscaler = find_owner(step)
    if autoscaler:
        restore_minimum(step.cluster, autoscaler, turn=step.turn, deadline=step.patience())


def find_owner(step: Act) -> Ref | None:
    """The autoscaler of the step's color, if it has one."""
    return step.ask(lambda: find_autoscaler(step.cluster, targets_of(step).deployment(step.color)))


def count_available(step: Act) -> int:
    """Pods of the step's color that take requests now."""
    found = glance(step, step.color)
    return found.available if found else 0


def too_few(step: Act, available: int, wanted: int) -> Problem:
    """Switching to fewer pods than users need would be an outage under load."""
    return Problem(
        "too-few-pods",
        "Too few pods for every user",
        detail=f"{step.name}: {step.color} has {available} available pods, {wanted} are needed",
        next_step="nothing was switched; see why the pods don't come up, then ask again",
    )
