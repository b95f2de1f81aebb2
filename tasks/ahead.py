"""What a switch is decided by, read together instead of one after the other.

Nothing of what is looked at changes by it, nor when: each look begins its own reads, and whoever decides
still asks for each of them (``cluster/moment.py``). What is begun in vain is forgotten. What is asked for
first of all is not begun here: whoever looks is about to do so.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cluster.autoscaler import find_autoscaler
from cluster.deployments import read_deployment, read_replica_sets
from cluster.moment import Moment
from cluster.objects import find, list_objects
from release.model import Color, JobKind
from tasks.inputs import refs_noted
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cluster.deployments import DeploymentView
    from tasks.step import Act


def begin_look(now: Act) -> None:
    """Both colors, of which one asks after the route."""
    targets = targets_of(now)
    _begin(now, *(partial(find, ref=targets.deployment(color)) for color in Color))


def begin_test_look(now: Act) -> None:
    """The route and the other color, of which one asks after what is tested."""
    targets = targets_of(now)
    others = targets.virtual_service, targets.deployment(now.color.other)
    _begin(now, *(partial(find, ref=ref) for ref in others))


def begin_look_around(now: Act, kinds: Iterable[str]) -> None:
    """All objects of these kinds in the app's namespace."""
    namespace = now.app.namespace
    _begin(now, *(partial(list_objects, kind=kind, namespace=namespace) for kind in kinds))


def begin_first_look(now: Act) -> None:
    """Before a switch, also what was tested, the room there, and the subsets."""
    targets = targets_of(now)
    _begin(
        now,
        partial(_read_color, act=now),
        partial(find, ref=targets.deployment(now.color.other)),
        partial(find_autoscaler, deployment=targets.deployment(now.color)),
        partial(find, ref=targets.destination_rule),
    )


def begin_second_look(now: Act, known: DeploymentView) -> None:
    """What one asks for after the first color. ``known``: what was seen first, which tells where it is."""
    _, second = Color
    _begin(now, partial(find, ref=targets_of(now).deployment(second)), *_reads_of_what_passed(now, known))


def _read_color(cluster: Moment, act: Act) -> None:
    """The Deployment first: only it tells what else was tested."""
    found = read_deployment(cluster, targets_of(act).deployment(act.color), with_template=False)
    if found:
        cluster.ahead(*_reads_of_what_passed(act, found))


def _reads_of_what_passed(act: Act, found: DeploymentView) -> list[Callable[[Moment], object]]:
    """The template's ReplicaSet and the values that pods start with. A rollback asks for neither."""
    if act.job.kind is JobKind.ROLLBACK:
        return []
    inputs = refs_noted(found.passed_inputs, act.app.namespace)
    return [partial(read_replica_sets, found=found), *(partial(find, ref=ref) for ref in inputs)]


def _begin(now: Act, *reads: Callable[[Moment], object]) -> None:
    if isinstance(now.cluster, Moment):
        now.cluster.ahead(*reads)
