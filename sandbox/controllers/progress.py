"""A Deployment's status: counts of pods and what the conditions say of them. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sandbox.controllers.ownership import find_condition
from sandbox.controllers.scaling import Bounds
from sandbox.store import Object, format_time

_COMPLETE = "NewReplicaSetAvailable"
_TIMED_OUT = "ProgressDeadlineExceeded"


def count_status(deployment: Object, owned: Sequence[Object], current: Object | None) -> Object:
    """The status without its conditions; counts that are zero are left out, as Kubernetes does."""
    wanted = sum(replica_set["spec"]["replicas"] for replica_set in owned)
    available = _total(owned, "availableReplicas")
    counts = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": _total(owned, "replicas"),
        "updatedReplicas": _total([current] if current else [], "replicas"),
        "readyReplicas": _total(owned, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }
    status: Object = {field: count for field, count in counts.items() if count}
    status["terminatingReplicas"] = _total(owned, "terminatingReplicas")
    if collisions := (deployment.get("status") or {}).get("collisionCount"):
        status["collisionCount"] = collisions
    return status


def _total(replica_sets: Sequence[Object], field: str) -> int:
    return sum((replica_set.get("status") or {}).get(field, 0) for replica_set in replica_sets)


def build_status(
    deployment: Object, owned: Sequence[Object], current: Object | None, *, now: datetime
) -> Object:
    """The status of a Deployment. `current`: the ReplicaSet of its template, if there is one yet."""
    status = count_status(deployment, owned, current)
    before = (deployment.get("status") or {}).get("conditions") or []
    conditions = set_condition(before, _availability(deployment, status), now=now)
    progress = _progress(deployment, status, current, now=now)
    if progress is not None:
        has_moved = progress["reason"] == "ReplicaSetUpdated"
        conditions = set_condition(conditions, progress, now=now, is_renewed=has_moved)
    status["conditions"] = _copy_failure(conditions, owned, now=now)
    return status


def set_condition(
    conditions: Sequence[Object], condition: Object, *, now: datetime, is_renewed: bool = False
) -> list[Object]:
    """The conditions with one replaced. The same status and reason again is no news, unless `is_renewed`."""
    old = next((known for known in conditions if known["type"] == condition["type"]), None)
    is_same_status = old is not None and old["status"] == condition["status"]
    if old and is_same_status and old["reason"] == condition["reason"] and not is_renewed:
        return list(conditions)
    moment = format_time(now)
    times = {"lastUpdateTime": moment, "lastTransitionTime": moment}
    if old and is_same_status:
        times["lastTransitionTime"] = old["lastTransitionTime"]
    fresh = {
        "type": condition["type"],
        "status": condition["status"],
        **times,
        "reason": condition["reason"],
        "message": condition["message"],
    }
    return [*(known for known in conditions if known["type"] != condition["type"]), fresh]


def announce(verb: str, replica_set: Object) -> Object:
    """The condition that says which ReplicaSet a rollout goes to; `verb`: Created or Found."""
    reason = "NewReplicaSetCreated" if verb == "Created" else "FoundNewReplicaSet"
    return _progressing(reason, f'{verb} new replica set "{replica_set["metadata"]["name"]}"')


def find_deadline(deployment: Object) -> datetime | None:
    """When the rollout will count as stuck unless it moves; None when it is complete, or stuck already."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    condition = find_condition(deployment, "Progressing")
    if not seconds or condition is None or condition["reason"] in (_COMPLETE, _TIMED_OUT):
        return None
    return datetime.fromisoformat(condition["lastUpdateTime"]) + timedelta(seconds=seconds)


def is_complete(deployment: Object, status: Object) -> bool:
    """Whether all pods are of the current template and available."""
    replicas = deployment["spec"].get("replicas", 1)
    fields = ("replicas", "updatedReplicas", "availableReplicas")
    return all(status.get(field, 0) == replicas for field in fields)


def _availability(deployment: Object, status: Object) -> Object:
    is_enough = status.get("availableReplicas", 0) >= Bounds.of(deployment).least_available
    if is_enough:
        reason, message = "MinimumReplicasAvailable", "Deployment has minimum availability."
    else:
        reason, message = (
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    return {
        "type": "Available",
        "status": "True" if is_enough else "False",
        "reason": reason,
        "message": message,
    }


def _progress(deployment: Object, status: Object, current: Object | None, *, now: datetime) -> Object | None:
    """What there is to say of the rollout; None when nothing is new.

    A rollout that was complete stays so while only its old pods come and go or it is scaled.
    """
    known = find_condition(deployment, "Progressing")
    is_settled = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    if is_settled and known and known["reason"] == _COMPLETE:
        return None
    kind, named = ("ReplicaSet", current) if current else ("Deployment", deployment)
    what = f'{kind} "{named["metadata"]["name"]}"'
    if is_complete(deployment, status):
        return _progressing(_COMPLETE, f"{what} has successfully progressed.")
    if _has_moved(deployment.get("status") or {}, status):
        return _progressing("ReplicaSetUpdated", f"{what} is progressing.")
    deadline = find_deadline(deployment)
    if deadline is not None and deadline < now:
        return _progressing(_TIMED_OUT, f"{what} has timed out progressing.") | {"status": "False"}
    return None


def _has_moved(before: Object, after: Object) -> bool:
    """Whether there are more new pods, fewer old ones, or more that are ready or available."""

    def old_pods(status: Object) -> int:
        return int(status.get("replicas", 0) - status.get("updatedReplicas", 0))

    fields = ("updatedReplicas", "readyReplicas", "availableReplicas")
    is_larger = any(after.get(field, 0) > before.get(field, 0) for field in fields)
    return is_larger or old_pods(after) < old_pods(before)


def _progressing(reason: str, message: str) -> Object:
    return {"type": "Progressing", "status": "True", "reason": reason, "message": message}


def _copy_failure(conditions: list[Object], owned: Sequence[Object], *, now: datetime) -> list[Object]:
    """A ReplicaSet that may not create pods shows on its Deployment, as long as it stands."""
    failures = (find_condition(replica_set, "ReplicaFailure") for replica_set in owned)
    failure = next((found for found in failures if found is not None), None)
    if failure is not None:
        return set_condition(conditions, failure, now=now)
    return [condition for condition in conditions if condition["type"] != "ReplicaFailure"]
