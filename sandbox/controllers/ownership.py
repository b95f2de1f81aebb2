"""Who owns what: owner references, and asking for the deletion of an object as an API client would."""

from datetime import datetime, timedelta

from sandbox.controllers.queue import Key
from sandbox.store import Event, Object, Store, format_time

DEPLOYMENTS = "deployments.apps"
REPLICASETS = "replicasets.apps"
JOBS = "jobs.batch"
PODS = "pods"
SERVICES = "services"
SLICES = "endpointslices.discovery.k8s.io"
QUOTAS = "resourcequotas"

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

# Resource by kind, of the owners that the sandbox knows.
OWNERS = {"Deployment": DEPLOYMENTS, "Job": JOBS, "ReplicaSet": REPLICASETS, "Service": SERVICES}
# Kinds that have owners.
DEPENDENTS = (REPLICASETS, PODS, SLICES)


def reference(owner: Object, *, api_version: str, kind: str) -> Object:
    """The reference by which a controller marks what it has made."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def find_controller(obj: Object) -> Object | None:
    """The reference to the one controller of an object."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((found for found in references if found.get("controller")), None)


def is_controlled_by(obj: Object, owner: Object) -> bool:
    """Whether `owner` made it. Names are not enough: one may have been deleted and made again."""
    found = find_controller(obj)
    return found is not None and found["uid"] == owner["metadata"]["uid"]


def is_deleting(obj: Object) -> bool:
    """Whether its deletion has been asked for."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def is_active(pod: Object) -> bool:
    """Whether a pod counts as a replica: neither over nor on its way out."""
    return not is_deleting(pod) and not is_finished(pod)


def is_finished(pod: Object) -> bool:
    """Whether all containers of a pod have ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def find_condition(obj: Object, kind: str) -> Object | None:
    """A condition of an object's status."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == kind), None)


def is_ready(pod: Object) -> bool:
    """Whether a pod takes requests."""
    condition = find_condition(pod, "Ready")
    return condition is not None and condition["status"] == "True"


def find_maker(event: Event, resource: str, *, kind: str) -> Key | None:
    """Whom an event concerns of those that make pods: the object itself, or the one that controls a pod."""
    metadata = event.object["metadata"]
    namespace = metadata.get("namespace", "")
    if event.resource == resource:
        return Key(resource, namespace, metadata["name"])
    owner = find_controller(event.object) if event.resource == PODS else None
    return Key(resource, namespace, owner["name"]) if owner and owner["kind"] == kind else None


def pods_of(store: Store, owner: Object) -> list[Object]:
    """The pods that an object controls."""
    pods = store.list(PODS, owner["metadata"]["namespace"])
    return [pod for pod in pods if is_controlled_by(pod, owner)]


def request_deletion(
    store: Store, resource: str, obj: Object, *, now: datetime, foreground: bool = False
) -> None:
    """Ask for an object's deletion. A pod on a node is left to the node, which ends its processes first."""
    metadata = obj["metadata"]
    if is_deleting(obj):
        return
    is_on_node = resource == PODS and bool(obj["spec"].get("nodeName"))
    if not is_on_node and not foreground and not metadata.get("finalizers"):
        store.delete(resource, metadata["namespace"], metadata["name"])
        return
    grace = int(obj["spec"].get("terminationGracePeriodSeconds", 30)) if is_on_node else 0
    metadata["deletionTimestamp"] = format_time(now + timedelta(seconds=grace))
    metadata["deletionGracePeriodSeconds"] = grace
    if foreground:
        metadata["finalizers"] = [*(metadata.get("finalizers") or ()), FOREGROUND]
    store.update(resource, obj)
