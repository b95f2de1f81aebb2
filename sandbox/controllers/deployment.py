"""Deployments: a ReplicaSet for each template, sized as the strategy allows, and the rollout's status."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sandbox.controllers.ownership import (
    DEPLOYMENTS,
    PODS,
    REPLICASETS,
    find_condition,
    find_controller,
    is_controlled_by,
    is_deleting,
    is_finished,
    reference,
)
from sandbox.controllers.progress import announce, build_status, find_deadline, is_complete, set_condition
from sandbox.controllers.queue import Key, Queue
from sandbox.controllers.scaling import Bounds, Counts, grow, shrink
from sandbox.controllers.template import HASH_LABEL, hash_template, is_same_template
from sandbox.recorder import Recorder
from sandbox.store import Event, EventType, Object, Store, clone

_PREFIX = "deployment.kubernetes.io/"
_REVISION = f"{_PREFIX}revision"
_NOT_INHERITED = ("kubectl.kubernetes.io/last-applied-configuration",)


class DeploymentController:
    """Rolls Deployments out."""

    name = "deployment"

    def __init__(self, store: Store, queue: Queue, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._recorder = Recorder(store, "deployment-controller", clock=clock)

    def concerned(self, event: Event) -> Iterable[Key]:
        """The Deployment itself, that of a ReplicaSet, that of a pod that is gone: Recreate waits for it."""
        namespace = event.object["metadata"].get("namespace", "")
        if event.resource == DEPLOYMENTS:
            yield Key(DEPLOYMENTS, namespace, event.object["metadata"]["name"])
            return
        owner = find_controller(event.object)
        if event.resource == PODS and owner and event.type is EventType.DELETED:
            replica_set = self._store.find(REPLICASETS, namespace, owner["name"])
            owner = replica_set and find_controller(replica_set)
        elif event.resource != REPLICASETS:
            return
        if owner and owner["kind"] == "Deployment":
            yield Key(DEPLOYMENTS, namespace, owner["name"])

    def reconcile(self, key: Key) -> None:
        """The next steps of a rollout."""
        deployment = self._store.find(*key)
        if deployment is None:
            return
        current = self._find_current(deployment)
        if not is_deleting(deployment):
            current = self._roll(deployment, current)
            deployment = self._store.get(*key)
            self._forget_old(deployment, current)
        self._report(deployment, current)

    def _roll(self, deployment: Object, current: Object | None) -> Object | None:
        """Bring the ReplicaSets closer to the spec; the current one."""
        if deployment["spec"].get("paused"):
            if current is not None:
                self._scale(deployment, current, deployment["spec"].get("replicas", 1))
            return current
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            return self._recreate(deployment, current)
        return self._roll_gradually(deployment, current)

    def _recreate(self, deployment: Object, current: Object | None) -> Object | None:
        """Nothing of the new template before the last pod of the old ones is gone."""
        old = self._old(deployment, current)
        for replica_set in old:
            self._scale(deployment, replica_set, 0)
        if self._has_pods(deployment, old):
            return current
        replicas = deployment["spec"].get("replicas", 1)
        if current is None:
            return self._create(deployment, replicas)
        self._take_over(deployment, current)
        return self._scale(deployment, current, replicas)

    def _roll_gradually(self, deployment: Object, current: Object | None) -> Object:
        old = self._old(deployment, current)
        bounds, counts = Bounds.of(deployment), [_count(replica_set) for replica_set in old]
        if current is None:
            current = self._create(deployment, grow(bounds, Counts(0, 0), counts))
        else:
            self._take_over(deployment, current)
            current = self._scale(deployment, current, grow(bounds, _count(current), counts))
        for replica_set, size in zip(old, shrink(bounds, _count(current), counts), strict=True):
            self._scale(deployment, replica_set, size)
        return current

    def _owned(self, deployment: Object) -> list[Object]:
        """The Deployment's ReplicaSets, oldest first."""
        everything = self._store.list(REPLICASETS, deployment["metadata"]["namespace"])
        owned = (replica_set for replica_set in everything if is_controlled_by(replica_set, deployment))
        return sorted(owned, key=_revision)

    def _find_current(self, deployment: Object) -> Object | None:
        template = deployment["spec"]["template"]
        same = (found for found in self._owned(deployment) if is_same_template(found, template))
        return next(same, None)

    def _old(self, deployment: Object, current: Object | None) -> list[Object]:
        newest = current["metadata"]["uid"] if current else None
        return [found for found in self._owned(deployment) if found["metadata"]["uid"] != newest]

    def _has_pods(self, deployment: Object, replica_sets: Sequence[Object]) -> bool:
        pods = self._store.list(PODS, deployment["metadata"]["namespace"])
        return any(
            is_controlled_by(pod, replica_set) and not is_finished(pod)
            for replica_set in replica_sets
            for pod in pods
        )

    def _create(self, deployment: Object, replicas: int) -> Object:
        """Make the ReplicaSet of the template and say so in the status."""
        revision = 1 + max((_revision(found) for found in self._owned(deployment)), default=0)
        fresh = self._build(deployment, replicas, revision)
        namespace, name = fresh["metadata"]["namespace"], fresh["metadata"]["name"]
        while self._store.find(REPLICASETS, namespace, name):
            status = deployment["status"] = deployment.get("status") or {}
            status["collisionCount"] = status.get("collisionCount", 0) + 1
            fresh = self._build(deployment, replicas, revision)
            name = fresh["metadata"]["name"]
        created = self._store.create(REPLICASETS, fresh)
        if replicas:
            message = f"Scaled up replica set {name} from 0 to {replicas}"
            self._recorder.record(DEPLOYMENTS, deployment, "ScalingReplicaSet", message)
        self._announce(deployment, created, announce("Created", created))
        return created

    def _build(self, deployment: Object, replicas: int, revision: int) -> Object:
        metadata, template = deployment["metadata"], clone(deployment["spec"]["template"])
        collisions = (deployment.get("status") or {}).get("collisionCount", 0)
        label = {HASH_LABEL: hash_template(template, collisions=collisions)}
        labels = (template.setdefault("metadata", {}).get("labels") or {}) | label
        template["metadata"]["labels"] = labels
        selector = clone(deployment["spec"]["selector"])
        selector["matchLabels"] = (selector.get("matchLabels") or {}) | label
        return {
            "kind": "ReplicaSet",
            "apiVersion": "apps/v1",
            "metadata": {
                "name": f"{metadata['name']}-{label[HASH_LABEL]}",
                "namespace": metadata["namespace"],
                "labels": dict(labels),
                "annotations": _inherited(deployment)
                | _size_annotations(deployment)
                | {_REVISION: str(revision)},
                "ownerReferences": [reference(deployment, api_version="apps/v1", kind="Deployment")],
            },
            "spec": {
                "replicas": replicas,
                "selector": selector,
                "template": template,
                **{field: value for field, value in deployment["spec"].items() if field == "minReadySeconds"},
            },
            "status": {"replicas": 0},
        }

    def _take_over(self, deployment: Object, current: Object) -> None:
        """Make a ReplicaSet of before current again: it gets the next revision.

        As in a real cluster, Progressing keeps what it says: it may go on to name the rollout before.
        """
        newest = max((_revision(found) for found in self._old(deployment, current)), default=0)
        if newest > _revision(current):
            current["metadata"]["annotations"][_REVISION] = str(newest + 1)
            current.update(self._store.update(REPLICASETS, current))
        condition = find_condition(deployment, "Progressing") or announce("Found", current)
        self._announce(deployment, current, condition)

    def _announce(self, deployment: Object, current: Object, condition: Object) -> None:
        """Write revision and Progressing, before anything else is known of the rollout."""
        annotations = deployment["metadata"].get("annotations") or {}
        annotations[_REVISION] = current["metadata"]["annotations"][_REVISION]
        deployment["metadata"]["annotations"] = annotations
        status = deployment["status"] = deployment.get("status") or {}
        status["conditions"] = set_condition(status.get("conditions") or (), condition, now=self._clock())
        deployment.update(self._store.update(DEPLOYMENTS, deployment))

    def _scale(self, deployment: Object, replica_set: Object, replicas: int) -> Object:
        """Give a ReplicaSet its size; nothing is written when it has it."""
        before = replica_set["spec"]["replicas"]
        replica_set["spec"]["replicas"] = replicas
        replica_set["metadata"]["annotations"] |= _size_annotations(deployment)
        if replicas != before:
            direction = "up" if replicas > before else "down"
            name = replica_set["metadata"]["name"]
            message = f"Scaled {direction} replica set {name} from {before} to {replicas}"
            self._recorder.record(DEPLOYMENTS, deployment, "ScalingReplicaSet", message)
        return self._store.update(REPLICASETS, replica_set)

    def _report(self, deployment: Object, current: Object | None) -> None:
        """Write the status and look again when the rollout's deadline has passed."""
        now = self._clock()
        deployment["status"] = build_status(deployment, self._owned(deployment), current, now=now)
        self._store.update(DEPLOYMENTS, deployment)
        deadline = find_deadline(deployment)
        if deadline is not None and not is_deleting(deployment):
            metadata = deployment["metadata"]
            key = Key(DEPLOYMENTS, metadata["namespace"], metadata["name"])
            # Times have whole seconds: one more, so that the deadline has passed by any reading.
            self._queue.add_later(self.name, key, (deadline - now).total_seconds() + 1)

    def _forget_old(self, deployment: Object, current: Object | None) -> None:
        """Keep as many empty old ReplicaSets as the history may hold, once the rollout is complete."""
        if current is None or not is_complete(deployment, deployment.get("status") or {}):
            return
        empty = [found for found in self._old(deployment, current) if _is_empty(found)]
        surplus = len(empty) - deployment["spec"].get("revisionHistoryLimit", 10)
        for replica_set in empty[: max(0, surplus)]:
            metadata = replica_set["metadata"]
            self._store.delete(REPLICASETS, metadata["namespace"], metadata["name"])


def _revision(replica_set: Object) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(_REVISION, 0))


def _count(replica_set: Object) -> Counts:
    available = (replica_set.get("status") or {}).get("availableReplicas", 0)
    return Counts(replica_set["spec"]["replicas"], available)


def _is_empty(replica_set: Object) -> bool:
    status = replica_set.get("status") or {}
    has_pods = status.get("replicas", 0) or status.get("terminatingReplicas", 0)
    return not replica_set["spec"]["replicas"] and not has_pods and not is_deleting(replica_set)


def _inherited(deployment: Object) -> dict[str, str]:
    annotations = deployment["metadata"].get("annotations") or {}
    return {
        name: value
        for name, value in annotations.items()
        if name not in _NOT_INHERITED and not name.startswith(_PREFIX)
    }


def _size_annotations(deployment: Object) -> dict[str, str]:
    bounds = Bounds.of(deployment)
    return {
        f"{_PREFIX}desired-replicas": str(bounds.replicas),
        f"{_PREFIX}max-replicas": str(bounds.replicas + bounds.surge),
    }
