"""The Deployment of a color: what runs there, how many, and taking it away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster import objects, patch
from cluster.change import change, retry_stale
from cluster.errors import NotFound
from cluster.feed import Feed
from cluster.fence import check_not_taken
from cluster.kinds import Ref
from cluster.picture import as_selector, find_replica_set
from cluster.waiting import Deadline, retry_unavailable
from cluster.watching import Selection
from release import names
from release.model import Color
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.connection import Cluster
    from cluster.kinds import Object
    from cluster.patch import Patch
    from release.turn import Turn

LONGEST_SILENCE: Final = 0.25


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """What a decision needs of a Deployment, read afresh.

    ``release`` is the ``workflow`` label. ``template_hash`` is the current ReplicaSet's; None where the
    controller has not come to the newest spec, or where it was not asked for. ``passed_template`` is the hash
    that passed its tests.
    """

    ref: Ref
    color: Color | None
    release: str | None
    tag: str | None
    commit: str | None
    passed_template: str | None
    passed_route: str | None
    passed_inputs: str | None
    replicas: int
    available: int
    template_hash: str | None
    resource_version: str
    selector: Mapping[str, str]

    @property
    def has_passed(self) -> bool:
        """Whether what runs now is what was tested. Not by ``generation``: scaling moves that."""
        return self.template_hash is not None and self.template_hash == self.passed_template

    @property
    def is_available(self) -> bool:
        """Whether every replica that is wanted takes requests."""
        return self.replicas > 0 and self.available >= self.replicas


def read_deployment(cluster: Cluster, ref: Ref, *, with_template: bool = True) -> DeploymentView | None:
    """The Deployment as it is now; None where there is none. Its template's hash takes another request."""
    deployment = objects.find(cluster, ref)
    if deployment is None:
        return None
    bare = view(deployment, [])
    return view(deployment, read_replica_sets(cluster, bare)) if with_template else bare


def read_replica_sets(cluster: Cluster, found: DeploymentView) -> list[Object]:
    """Those that a Deployment's selector chooses: its own are among them."""
    labels = as_selector(found.selector)
    return objects.list_objects(cluster, "ReplicaSet", found.ref.namespace, labels=labels)[0]


def view(deployment: Object, replica_sets: list[Object]) -> DeploymentView:
    """The same from objects that were read already."""
    metadata, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
    labels, annotations = objects.labels_of(deployment), objects.annotations_of(deployment)
    observed = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    current = find_replica_set(deployment, replica_sets) if observed else None
    color = labels.get(names.COLOR_LABEL)
    return DeploymentView(
        ref=Ref("Deployment", metadata["namespace"], metadata["name"]),
        color=Color(color) if color in set(Color) else None,
        release=labels.get(names.WORKFLOW_LABEL),
        tag=annotations.get(names.TAG),
        commit=annotations.get(names.COMMIT),
        passed_template=annotations.get(names.PASSED_TEMPLATE),
        passed_route=annotations.get(names.PASSED_ROUTE),
        passed_inputs=annotations.get(names.PASSED_INPUTS),
        replicas=spec.get("replicas", 1),
        available=status.get("availableReplicas", 0),
        template_hash=objects.labels_of(current).get(names.TEMPLATE_HASH_LABEL) if current else None,
        resource_version=objects.version_of(deployment),
        selector=spec["selector"].get("matchLabels") or {},
    )


def scale(
    cluster: Cluster, ref: Ref, replicas: int, *, turn: Turn, deadline: Deadline | None = None
) -> Object:
    """Set the number of replicas. Where an autoscaler owns it, use ``autoscaler``: it would undo this.

    Raises:
        NotFound: there is no such Deployment.
        LostTurn: somebody else has the turn.
    """

    def build(deployment: Object) -> Patch | None:
        if deployment["spec"].get("replicas", 1) == replicas:
            return None
        return [*patch.at_version(deployment), *patch.add("/spec/replicas", replicas)]

    return change(cluster, ref, build, turn=turn, deadline=deadline)


def delete_deployment(cluster: Cluster, name: str, namespace: str, *, turn: Turn, deadline: Deadline) -> None:
    """Delete a Deployment as it was read, and wait until its pods and itself are gone.

    Gone already is success.

    Raises:
        Problem: ``delete-deadline``: something holds it back.
        LostTurn, CancelRequested: the turn ended.
    """
    ref = Ref("Deployment", namespace, name)
    uid = retry_stale(lambda: _delete_once(cluster, ref, turn), deadline=deadline, turn=turn)
    if uid:
        _wait_until_gone(cluster, ref, uid, turn, deadline)


def _delete_once(cluster: Cluster, ref: Ref, turn: Turn) -> str | None:
    """Ask for the deletion; the uid to wait for, None where nothing is there."""
    deployment = objects.find(cluster, ref)
    if deployment is None:
        return None
    if "deletionTimestamp" not in deployment["metadata"]:
        turn.check()
        check_not_taken(deployment, ref, turn)
        try:
            objects.delete(cluster, ref, resource_version=objects.version_of(deployment))
        except NotFound:
            return None
    return str(deployment["metadata"]["uid"])


def _wait_until_gone(cluster: Cluster, ref: Ref, uid: str, turn: Turn, deadline: Deadline) -> None:
    chosen = Selection(ref.kind, ref.namespace, fields=f"metadata.name={ref.name}")
    with Feed(cluster, chosen) as feed:
        while not deadline.is_over:
            turn.pause(0)
            feed.check()
            seen = feed.find_objects(ref.kind)
            if seen is not None and all(item["metadata"]["uid"] != uid for item in seen):
                return
            feed.wait(LONGEST_SILENCE)
    retry_unavailable(lambda: objects.find(cluster, ref), deadline=deadline, turn=turn)
    raise Problem(
        "delete-deadline",
        "A Deployment is not gone in time",
        detail=f"{ref}: deletion was asked for, it or its pods still exist after {deadline.seconds:g} s",
        next_step="See which of its pods or finalizers hold it back (`kubectl get pods`), then retry.",
    )
