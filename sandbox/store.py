"""The sandbox's etcd: every object of the stand-in cluster, its revisions and its recent history.

Objects are plain Kubernetes JSON. Defaults, validation, finalizers and grace periods stay out: they belong to
the API server and the controllers. Everything runs in one event loop, so there are no locks.
"""

import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Json = Any  # any JSON value
Object = dict[str, Json]
Key = tuple[str, str]

# Kinds whose metadata.generation counts changes of their spec, as their strategies in a real API server do.
WITH_GENERATION = frozenset(
    {
        "deployments.apps",
        "replicasets.apps",
        "jobs.batch",
        "pods",
        "endpointslices.discovery.k8s.io",
        "gateways.networking.istio.io",
        "virtualservices.networking.istio.io",
        "destinationrules.networking.istio.io",
    }
)


class EventType(StrEnum):
    """What happened to an object, in the words of the watch protocol."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True)
class Event:
    """One write. Listeners share the objects: treat them as read-only. `previous` is None for ADDED."""

    type: EventType
    resource: str
    object: Object
    revision: int
    previous: Object | None = None


class StoreError(Exception):
    """A request that the store, or somebody in its name, refuses."""


class NotFound(StoreError):
    """There is no such object."""

    def __init__(self, resource: str, name: str) -> None:
        self.resource = resource
        self.name = name
        super().__init__(f'{resource} "{name}" not found')


class AlreadyExists(StoreError):
    """There is such an object already."""

    def __init__(self, resource: str, name: str) -> None:
        self.resource = resource
        self.name = name
        super().__init__(f'{resource} "{name}" already exists')


class Conflict(StoreError):
    """The write names a resourceVersion that is no longer the current one."""

    def __init__(self, resource: str, name: str) -> None:
        self.resource = resource
        self.name = name
        super().__init__(
            f'Operation cannot be fulfilled on {resource} "{name}": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )


class Expired(StoreError):
    """The history that was asked for is gone; list again."""

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {revision} ({oldest})")


class BadRequest(StoreError):
    """The request makes no sense for the object as it is."""


Listener = Callable[[Event], None]


def clone(value: Json) -> Json:
    """A deep copy of a JSON value; several times faster than copy.deepcopy, which has to expect anything."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def format_time(moment: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """All objects, keyed by resource ("pods", "deployments.apps"), namespace and name; copies in and out."""

    def __init__(
        self, *, history: int = 5000, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """`history`: how many of the last writes a watch can be resumed over."""
        self._objects: dict[str, dict[Key, Object]] = defaultdict(dict)
        self._history: deque[Event] = deque(maxlen=history)
        self._listeners: list[Listener] = []
        self._revision = 1
        self._clock = clock

    @property
    def revision(self) -> int:
        """The number of the last write; one counter for all resources."""
        return self._revision

    @property
    def oldest_revision(self) -> int:
        """The lowest revision from which the history is complete."""
        full = len(self._history) == self._history.maxlen
        return self._history[0].revision - 1 if full and self._history else 1

    def get(self, resource: str, namespace: str, name: str) -> Object:
        """The object. `namespace` is "" for kinds that live in none.

        Raises:
            NotFound: there is none of that name.
        """
        found = self.find(resource, namespace, name)
        if found is None:
            raise NotFound(resource, name)
        return found

    def find(self, resource: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        found = self._objects[resource].get((namespace, name))
        return None if found is None else _copy(found)

    def list(self, resource: str, namespace: str | None = None) -> list[Object]:
        """All objects of a kind in a namespace, or everywhere (None), ordered by namespace and name."""
        items = sorted(self._objects[resource].items(), key=lambda item: item[0])
        return [_copy(obj) for key, obj in items if namespace is None or key[0] == namespace]

    def create(self, resource: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Add an object; uid, resourceVersion, creationTimestamp and generation are filled in here.

        A dry run checks and fills in the same, but writes nothing and so gives no resourceVersion.

        Raises:
            AlreadyExists: there is one of that name.
        """
        fresh = _copy(obj)
        key = _key(fresh)
        if key in self._objects[resource]:
            raise AlreadyExists(resource, key[1])
        metadata = fresh["metadata"]
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = format_time(self._clock())
        metadata.pop("generation", None)
        if resource in WITH_GENERATION:
            metadata["generation"] = 1
        if dry_run:
            metadata.pop("resourceVersion", None)
            return fresh
        return self._write(EventType.ADDED, resource, fresh, previous=None)

    def update(
        self, resource: str, obj: Object, *, check_version: bool = True, dry_run: bool = False
    ) -> Object:
        """Replace an object. A write that changes nothing keeps the resourceVersion and tells nobody.

        An object without metadata.resourceVersion is written unconditionally, as in Kubernetes. A dry run
        checks and returns the same, but writes nothing.

        Raises:
            NotFound: there is none of that name.
            Conflict: metadata.resourceVersion is not the current one.
        """
        fresh = _copy(obj)
        key = _key(fresh)
        current = self._objects[resource].get(key)
        if current is None:
            raise NotFound(resource, key[1])
        wanted = fresh["metadata"].get("resourceVersion")
        if check_version and wanted and wanted != current["metadata"]["resourceVersion"]:
            raise Conflict(resource, key[1])
        _keep_identity(resource, fresh, current)
        if _without_times(fresh) == _without_times(current):
            return _copy(current)
        if dry_run:
            return fresh
        return self._write(EventType.MODIFIED, resource, fresh, previous=current)

    def delete(self, resource: str, namespace: str, name: str) -> Object:
        """Remove an object at once and return its last state.

        Raises:
            NotFound: there is none of that name.
        """
        current = self._objects[resource].pop((namespace, name), None)
        if current is None:
            raise NotFound(resource, name)
        return self._write(EventType.DELETED, resource, _copy(current), previous=current)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after every write, in the order of writes. Returns the call that ends it."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def events_since(self, resource: str, revision: int) -> Sequence[Event]:
        """The writes to a resource after `revision`, oldest first.

        Raises:
            Expired: the history does not reach back that far, or the revision is of another store.
        """
        if not self.oldest_revision <= revision <= self._revision:
            raise Expired(revision, self.oldest_revision)
        return [event for event in self._history if event.resource == resource and event.revision > revision]

    def _write(self, kind: EventType, resource: str, fresh: Object, *, previous: Object | None) -> Object:
        self._revision += 1
        fresh["metadata"]["resourceVersion"] = str(self._revision)
        if kind is not EventType.DELETED:
            self._objects[resource][_key(fresh)] = fresh
        event = Event(kind, resource, fresh, self._revision, previous)
        self._history.append(event)
        for listener in tuple(self._listeners):
            listener(event)
        return _copy(fresh)


def _copy(obj: Object) -> Object:
    copied: Object = clone(obj)
    return copied


def _key(obj: Object) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _keep_identity(resource: str, fresh: Object, current: Object) -> None:
    """Carry over what no writer decides: uid, creation time, resourceVersion; count the generation."""
    metadata, old = fresh["metadata"], current["metadata"]
    for field in ("uid", "creationTimestamp", "resourceVersion"):
        metadata[field] = old[field]
    if resource in WITH_GENERATION:
        changed = fresh.get("spec") != current.get("spec")
        marked = "deletionTimestamp" in metadata and "deletionTimestamp" not in old
        metadata["generation"] = old.get("generation", 1) + (changed or marked)


def _without_times(obj: Object) -> Object:
    """The object without the times of its managed fields, which alone make no write."""
    metadata = obj["metadata"]
    if "managedFields" not in metadata:
        return obj
    entries = [
        {key: value for key, value in entry.items() if key != "time"} for entry in metadata["managedFields"]
    ]
    return {**obj, "metadata": {**metadata, "managedFields": entries}}
