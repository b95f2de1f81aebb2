"""A ConfigMap as a small notebook of ours: named texts that outlive Redis, the workers and every Deployment.

What the texts mean is their writer's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import objects
from cluster.change import change, retry_stale
from cluster.errors import AlreadyExists, Conflict, NotFound
from cluster.fence import stamped
from cluster.patch import Patch, add, at_version, pointer, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cluster.connection import Cluster
    from cluster.kinds import Object, Ref
    from cluster.waiting import Deadline
    from release.turn import Turn


def read_entries(cluster: Cluster, ref: Ref) -> dict[str, str]:
    """The texts by name; none where there is no such ConfigMap."""
    found = objects.find(cluster, ref)
    return dict(found.get("data") or {}) if found else {}


def set_entry(
    cluster: Cluster,
    ref: Ref,
    name: str,
    text: str,
    *,
    outdated: Callable[[Mapping[str, str]], Iterable[str]],
    turn: Turn,
    deadline: Deadline,
) -> None:
    """Write one text, and drop those that ``outdated`` names of what stands there.

    Raises:
        LostTurn: somebody else has the turn.
        ClusterError: the cluster refuses it.
    """

    def build(standing: Object) -> Patch | None:
        data = standing.get("data")
        if data is None:
            return [*at_version(standing), *add("/data", {name: text})]
        dropped = [gone for gone in outdated(data) if gone in data and gone != name]
        removals = [operation for gone in dropped for operation in remove(f"/data{pointer(gone)}")]
        if data.get(name) == text and not removals:
            return None
        return [*at_version(standing), *add(f"/data{pointer(name)}", text), *removals]

    def attempt() -> None:
        try:
            change(cluster, ref, build, turn=turn, deadline=deadline)
        except NotFound:
            _create(cluster, ref, {name: text}, turn)

    retry_stale(attempt, deadline=deadline, turn=turn)


def _create(cluster: Cluster, ref: Ref, data: dict[str, str], turn: Turn) -> None:
    turn.check()
    metadata = {"name": ref.name, "namespace": ref.namespace}
    obj: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    try:
        objects.create(cluster, stamped(obj, turn))
    except AlreadyExists as exists:
        # Somebody was faster, or it was us and the answer got lost: read again, as after any stale write.
        raise Conflict(exists.message, status=exists.status, reason=exists.reason) from exists
