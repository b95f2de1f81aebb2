"""A color whose replicas an autoscaler owns: raising its minimum for a switch, and putting it back.

The original minimum stays on the autoscaler as an annotation, written in the same patch, so that whoever
takes over can put it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import objects, patch
from cluster.change import change
from cluster.errors import NotFound
from cluster.kinds import Ref
from release.names import ORIGINAL_MINIMUM
from release.problems import Problem

if TYPE_CHECKING:
    from cluster.connection import Cluster
    from cluster.kinds import Object
    from cluster.patch import Patch
    from cluster.waiting import Deadline
    from release.turn import Turn

KIND = "HorizontalPodAutoscaler"


def find_autoscaler(cluster: Cluster, deployment: Ref) -> Ref | None:
    """The autoscaler that targets a Deployment; None where there is none, or the cluster has no such kind."""
    try:
        autoscalers, _ = objects.list_objects(cluster, KIND, deployment.namespace)
    except NotFound:
        return None
    for autoscaler in autoscalers:
        target = autoscaler["spec"]["scaleTargetRef"]
        if (target.get("kind"), target.get("name")) == (deployment.kind, deployment.name):
            return Ref(KIND, deployment.namespace, autoscaler["metadata"]["name"])
    return None


def raise_minimum(
    cluster: Cluster, ref: Ref, replicas: int, *, turn: Turn, deadline: Deadline | None = None
) -> Object:
    """Make the autoscaler keep at least so many replicas; it never lowers a minimum.

    Raises:
        Problem: ``autoscaler-limit``: its maximum is below that.
        LostTurn: somebody else has the turn.
    """
    return change(cluster, ref, lambda obj: raised(obj, replicas), turn=turn, deadline=deadline)


def restore_minimum(cluster: Cluster, ref: Ref, *, turn: Turn, deadline: Deadline | None = None) -> None:
    """Put the minimum back that ``raise_minimum`` found; nothing where it raised none."""
    try:
        change(cluster, ref, restored, turn=turn, deadline=deadline)
    except NotFound:
        return


def raised(autoscaler: Object, replicas: int) -> Patch | None:
    """The patch that raises the minimum; None where it is high enough."""
    minimum = autoscaler["spec"].get("minReplicas", 1)
    if minimum >= replicas:
        return None
    maximum = autoscaler["spec"]["maxReplicas"]
    if maximum < replicas:
        raise _limited(autoscaler, maximum, replicas)
    original = objects.annotations_of(autoscaler).get(ORIGINAL_MINIMUM, str(minimum))
    return [
        *patch.at_version(autoscaler),
        *patch.add("/spec/minReplicas", replicas),
        *patch.set_annotations(autoscaler, {ORIGINAL_MINIMUM: original}),
    ]


def restored(autoscaler: Object) -> Patch | None:
    """The patch that puts the minimum back; None where none was kept."""
    original = objects.annotations_of(autoscaler).get(ORIGINAL_MINIMUM, "")
    if not (original.isascii() and original.isdigit()):
        return None
    return [
        *patch.at_version(autoscaler),
        *patch.add("/spec/minReplicas", int(original)),
        *patch.set_annotations(autoscaler, {ORIGINAL_MINIMUM: None}),
    ]


def _limited(autoscaler: Object, maximum: int, replicas: int) -> Problem:
    metadata = autoscaler["metadata"]
    return Problem(
        "autoscaler-limit",
        "The autoscaler allows fewer replicas than the live color has",
        detail=(
            f"{KIND} {metadata['namespace']}/{metadata['name']} allows {maximum} replicas, "
            f"the live color has {replicas}"
        ),
        next_step="Raise its maxReplicas, then promote again: switching to fewer pods would overload them.",
    )
