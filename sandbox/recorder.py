"""Kubernetes events: what `kubectl describe` and `kubectl get events` tell about an object.

Only the sandbox's own components write here. The store's change events are another thing.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from sandbox.store import Object, Store, format_time

_KINDS = {
    "deployments.apps": ("apps/v1", "Deployment"),
    "replicasets.apps": ("apps/v1", "ReplicaSet"),
    "jobs.batch": ("batch/v1", "Job"),
    "pods": ("v1", "Pod"),
}
# A real cluster forgets events after an hour; this one after so many.
_KEPT = 1000

_Same = tuple[str, str, str, str]


class Recorder:
    """Writes the events of one component. The same event again raises its count, as in a real cluster."""

    def __init__(
        self,
        store: Store,
        component: str,
        *,
        host: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._component = component
        self._host = host
        self._clock = clock
        self._written: OrderedDict[_Same, tuple[str, str]] = OrderedDict()

    def record(
        self,
        resource: str,
        obj: Object,
        reason: str,
        message: str,
        *,
        warning: bool = False,
        container: str = "",
    ) -> None:
        """Note that something happened to an object, or to a container of a pod."""
        field = f"spec.containers{{{container}}}" if container else ""
        same = (obj["metadata"]["uid"], field, reason, message)
        if not self._count_again(same):
            fresh = self._build(resource, obj, reason, message)
            fresh["type"] = "Warning" if warning else "Normal"
            if field:
                fresh["involvedObject"]["fieldPath"] = field
            self._store.create("events", fresh)
            self._remember(same, fresh)

    def _count_again(self, same: _Same) -> bool:
        known = self._store.find("events", *self._written[same]) if same in self._written else None
        if known is None:
            return False
        known["count"] += 1
        known["lastTimestamp"] = format_time(self._clock())
        self._store.update("events", known)
        return True

    def _build(self, resource: str, obj: Object, reason: str, message: str) -> Object:
        metadata, now = obj["metadata"], format_time(self._clock())
        api_version, kind = _KINDS[resource]
        names = {field: metadata[field] for field in ("namespace", "name", "uid", "resourceVersion")}
        source = {"component": self._component} | ({"host": self._host} if self._host else {})
        return {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {
                "name": f"{metadata['name']}.{time.time_ns():x}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": {"kind": kind, "apiVersion": api_version, **names},
            "reason": reason,
            "message": message,
            "source": source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }

    def _remember(self, same: _Same, fresh: Object) -> None:
        self._written[same] = (fresh["metadata"]["namespace"], fresh["metadata"]["name"])
        if len(self._written) > _KEPT:
            _, oldest = self._written.popitem(last=False)
            if self._store.find("events", *oldest):
                self._store.delete("events", *oldest)
