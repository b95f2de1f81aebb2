"""Deleting: preconditions, propagation, and who finishes it.

A pod on a node is only marked: the kubelet ends its processes and then removes it. An object with finalizers
is marked too; whoever put them there ends it. All else goes at once, and controllers collect what it owned.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.api.errors import describe, stale_precondition
from sandbox.api.resources import RESOURCES, Resource
from sandbox.api.targets import Target
from sandbox.store import Object, Store, format_time

FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
HAS_DEPENDENTS = frozenset({"Deployment", "Job", "ReplicaSet"})
RETURNS_OBJECT = frozenset({"Namespace", "Pod", "Service", "ServiceAccount", "ResourceQuota"})


@dataclass(frozen=True)
class DeleteOptions:
    """What a delete asks: the body's fields, or the query's."""

    propagation: str = ""
    grace_seconds: int | None = None
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


def delete(
    store: Store,
    target: Target,
    options: DeleteOptions,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Object:
    """Delete one object, or mark it; the answer is the object where it lives on, else a Status.

    Raises:
        NotFound: there is none.
        ApiError: 409, a precondition does not hold.
    """
    resource = target.resource
    obj = store.get(resource.key, target.namespace, target.name)
    _check_preconditions(resource, obj, options)
    if options.dry_run:
        return _answer(resource, obj)
    if obj["metadata"].get("deletionTimestamp") and options.grace_seconds != 0:
        return obj
    if _is_marked_only(resource, obj, options):
        return store.update(resource.key, _mark(resource, obj, options, clock()), check_version=False)
    if resource.kind == "Namespace":
        _empty_namespace(store, target.name)
    return _answer(resource, store.delete(resource.key, target.namespace, target.name))


def _check_preconditions(resource: Resource, obj: Object, options: DeleteOptions) -> None:
    metadata = obj["metadata"]
    name, version, uid = metadata["name"], metadata["resourceVersion"], metadata["uid"]
    if options.uid and options.uid != uid:
        raise stale_precondition(
            resource,
            name,
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({uid}). "
            "The object might have been deleted and then recreated",
        )
    if options.resource_version and options.resource_version != version:
        raise stale_precondition(
            resource,
            name,
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({version}). The object might have been modified",
        )


def _is_marked_only(resource: Resource, obj: Object, options: DeleteOptions) -> bool:
    if obj["metadata"].get("finalizers") or _find_finalizer(resource, options):
        return True
    is_on_node = resource.kind == "Pod" and bool(obj["spec"].get("nodeName"))
    return is_on_node and options.grace_seconds != 0


def _find_finalizer(resource: Resource, options: DeleteOptions) -> str | None:
    """What a propagation policy leaves for the garbage collector, for kinds that own others."""
    return FINALIZERS.get(options.propagation) if resource.kind in HAS_DEPENDENTS else None


def _mark(resource: Resource, obj: Object, options: DeleteOptions, now: datetime) -> Object:
    """The object as it is while it ends: a time of deletion and, where a policy asks for it, a finalizer."""
    metadata = obj["metadata"]
    grace = _grace(resource, obj, options)
    metadata["deletionTimestamp"] = format_time(now + timedelta(seconds=grace))
    metadata["deletionGracePeriodSeconds"] = grace
    finalizer = _find_finalizer(resource, options)
    if finalizer:
        metadata["finalizers"] = [*metadata.get("finalizers", []), finalizer]
    return obj


def _grace(resource: Resource, obj: Object, options: DeleteOptions) -> int:
    """Only pods have a grace period, in seconds: the one asked for, else their own."""
    if resource.kind != "Pod":
        return 0
    own: int = obj["spec"].get("terminationGracePeriodSeconds", 30)
    return own if options.grace_seconds is None else options.grace_seconds


def _empty_namespace(store: Store, namespace: str) -> None:
    for resource in RESOURCES:
        if resource.namespaced and resource.stored:
            for obj in store.list(resource.key, namespace):
                store.delete(resource.key, namespace, obj["metadata"]["name"])


def _answer(resource: Resource, obj: Object) -> Object:
    if resource.kind in RETURNS_OBJECT:
        return obj
    metadata = obj["metadata"]
    details = {**describe(resource, metadata["name"]), "uid": metadata["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
