"""The `scale` subresource: the replica count of a Deployment or ReplicaSet as an object of its own."""

from sandbox.api.errors import bad_request
from sandbox.api.selectors import format_selector
from sandbox.api.writes import Write, change
from sandbox.store import Conflict, Object, Store, clone


def make_scale(obj: Object) -> Object:
    """The Scale that shows an object's replicas."""
    metadata = obj["metadata"]
    shown = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status = {
        "replicas": obj.get("status", {}).get("replicas", 0),
        "selector": format_selector(obj["spec"]["selector"]),
    }
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in shown if name in metadata},
        "spec": {"replicas": obj["spec"]["replicas"]} if obj["spec"]["replicas"] else {},
        "status": status,
    }


def write_scale(store: Store, write: Write, scale: Object) -> Object:
    """Set an object's replicas to those of a Scale; returns the Scale afterwards.

    Raises:
        ApiError: the count is no whole number of at least 0.
        Conflict: the Scale carries a resourceVersion that is stale.
    """
    target = write.target
    old = store.get(target.resource.key, target.namespace, target.name)
    wanted = (scale.get("metadata") or {}).get("resourceVersion")
    if wanted and wanted != old["metadata"]["resourceVersion"]:
        raise Conflict(target.resource.key, target.name)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32")
    new = clone(old)
    new["spec"]["replicas"] = replicas
    return make_scale(change(store, write, old, new))
