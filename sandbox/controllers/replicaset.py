"""ReplicaSets: as many pods of a template as asked for, within the namespace's quota."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sandbox.controllers.ownership import (
    PODS,
    QUOTAS,
    REPLICASETS,
    find_condition,
    find_maker,
    is_active,
    is_deleting,
    is_ready,
    pods_of,
    request_deletion,
)
from sandbox.controllers.queue import Key, Queue
from sandbox.controllers.quota import find_refusal
from sandbox.controllers.template import build_pod
from sandbox.recorder import Recorder
from sandbox.store import Event, EventType, Object, Store, format_time


class ReplicaSetController:
    """Creates and deletes pods."""

    name = "replicaset"

    def __init__(self, store: Store, queue: Queue, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._recorder = Recorder(store, "replicaset-controller", clock=clock)

    def concerned(self, event: Event) -> Iterable[Key]:
        """The ReplicaSet itself, that of a pod, and those that a quota held back when there may be room."""
        if maker := find_maker(event, REPLICASETS, kind="ReplicaSet"):
            yield maker
        namespace = event.object["metadata"].get("namespace", "")
        if event.resource == QUOTAS or (event.resource == PODS and event.type is EventType.DELETED):
            for held_back in self._store.list(REPLICASETS, namespace):
                if find_condition(held_back, "ReplicaFailure"):
                    yield Key(REPLICASETS, namespace, held_back["metadata"]["name"])

    def reconcile(self, key: Key) -> None:
        """Bring the number of pods to what is asked for, then report what is there."""
        replica_set = self._store.find(*key)
        if replica_set is None:
            return
        refusal: str | None = None
        if not is_deleting(replica_set):
            active = [pod for pod in pods_of(self._store, replica_set) if is_active(pod)]
            missing = replica_set["spec"]["replicas"] - len(active)
            refusal = self._create_pods(replica_set, missing)
            self._delete_pods(replica_set, active, -missing)
        self._report(replica_set, refusal)

    def _create_pods(self, replica_set: Object, missing: int) -> str | None:
        """Create pods until there are enough; why that was refused."""
        for _ in range(missing):
            pod = build_pod(replica_set, api_version="apps/v1", kind="ReplicaSet")
            name = pod["metadata"]["name"]
            if refusal := find_refusal(self._store, pod):
                message = f"Error creating: {refusal}"
                self._recorder.record(REPLICASETS, replica_set, "FailedCreate", message, warning=True)
                return refusal
            self._store.create(PODS, pod)
            self._recorder.record(REPLICASETS, replica_set, "SuccessfulCreate", f"Created pod: {name}")
        return None

    def _delete_pods(self, replica_set: Object, active: Sequence[Object], surplus: int) -> None:
        """Delete what is too much: first what serves least, then what is youngest."""
        for pod in sorted(active, key=_usefulness)[: max(0, surplus)]:
            request_deletion(self._store, PODS, pod, now=self._clock())
            message = f"Deleted pod: {pod['metadata']['name']}"
            self._recorder.record(REPLICASETS, replica_set, "SuccessfulDelete", message)

    def _report(self, replica_set: Object, refusal: str | None) -> None:
        pods = pods_of(self._store, replica_set)
        active = [pod for pod in pods if is_active(pod)]
        ready = [pod for pod in active if is_ready(pod)]
        counts = {
            "fullyLabeledReplicas": len(active),
            "readyReplicas": len(ready),
            "availableReplicas": self._count_available(replica_set, ready),
        }
        status: Object = {"replicas": len(active)}
        status |= {field: count for field, count in counts.items() if count}
        status["terminatingReplicas"] = sum(map(is_deleting, pods))
        status["observedGeneration"] = replica_set["metadata"]["generation"]
        if refusal:
            status["conditions"] = [self._failure(replica_set, refusal)]
        replica_set["status"] = status
        self._store.update(REPLICASETS, replica_set)

    def _count_available(self, replica_set: Object, ready: Sequence[Object]) -> int:
        """How many have been ready for minReadySeconds; looks again when the next one will have."""
        needed = timedelta(seconds=replica_set["spec"].get("minReadySeconds") or 0)
        if not needed:
            return len(ready)
        now = self._clock()
        rests = [_ready_since(pod) + needed - now for pod in ready]
        waiting = [rest.total_seconds() for rest in rests if rest > timedelta()]
        if waiting:
            metadata = replica_set["metadata"]
            key = Key(REPLICASETS, metadata["namespace"], metadata["name"])
            self._queue.add_later(self.name, key, min(waiting))
        return len(ready) - len(waiting)

    def _failure(self, replica_set: Object, refusal: str) -> Object:
        known = find_condition(replica_set, "ReplicaFailure")
        if known is not None:
            return known
        return {
            "type": "ReplicaFailure",
            "status": "True",
            "lastTransitionTime": format_time(self._clock()),
            "reason": "FailedCreate",
            "message": refusal,
        }


def _ready_since(pod: Object) -> datetime:
    condition = find_condition(pod, "Ready")
    return datetime.fromisoformat((condition or {})["lastTransitionTime"])


def _usefulness(pod: Object) -> tuple[bool, bool, int]:
    """Ascending: pods on no node, pods that aren't ready, then the youngest."""
    age = -datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp()
    return bool(pod["spec"].get("nodeName")), is_ready(pod), int(age)
