"""Deletion that takes its time: owners that wait for what they own, and what is left when an owner is gone.

Pods end on their node; everything else ends here.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from sandbox.controllers.ownership import (
    DEPENDENTS,
    FOREGROUND,
    ORPHAN,
    OWNERS,
    REPLICASETS,
    is_deleting,
    request_deletion,
)
from sandbox.controllers.queue import Key
from sandbox.store import Event, EventType, Object, Store


class GarbageCollector:
    """Deletes what nobody owns any more, and finishes deletions in the foreground from the bottom up."""

    name = "garbage"

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def concerned(self, event: Event) -> Iterable[Key]:
        """An owner that goes or is gone, and the owners of what is gone."""
        metadata = event.object["metadata"]
        namespace = metadata.get("namespace", "")
        is_gone = event.type is EventType.DELETED
        if event.resource in OWNERS.values() and (is_gone or is_deleting(event.object)):
            yield Key(event.resource, namespace, metadata["name"])
        for reference in metadata.get("ownerReferences") or ():
            if reference["kind"] in OWNERS and (is_gone or event.type is EventType.ADDED):
                yield Key(OWNERS[reference["kind"]], namespace, reference["name"])

    def reconcile(self, key: Key) -> None:
        """Take the next step of a deletion."""
        owner = self._store.find(*key)
        for resource, dependent in self._find_dependents(key):
            if owner is None or not _is_owned(dependent, owner):
                request_deletion(self._store, resource, dependent, now=self._clock())
        if owner is not None and is_deleting(owner):
            self._finish(key, owner)

    def _find_dependents(self, key: Key) -> list[tuple[str, Object]]:
        """Everything in the namespace that names this owner, be it this one or one of that name before."""
        kind = next(kind for kind, resource in OWNERS.items() if resource == key.resource)
        return [
            (resource, obj)
            for resource in DEPENDENTS
            for obj in self._store.list(resource, key.namespace)
            if any(
                reference["kind"] == kind and reference["name"] == key.name
                for reference in obj["metadata"].get("ownerReferences") or ()
            )
        ]

    def _finish(self, key: Key, owner: Object) -> None:
        finalizers = owner["metadata"].get("finalizers") or []
        own = [
            (resource, dependent)
            for resource, dependent in self._find_dependents(key)
            if _is_owned(dependent, owner)
        ]
        if ORPHAN in finalizers:
            for resource, dependent in own:
                self._release(resource, dependent, owner)
        elif FOREGROUND in finalizers and own:
            for resource, dependent in own:
                self._delete_in_foreground(resource, dependent)
            return
        left = [finalizer for finalizer in finalizers if finalizer not in (FOREGROUND, ORPHAN)]
        owner["metadata"]["finalizers"] = left
        if left:
            self._store.update(key.resource, owner)
        else:
            self._store.delete(*key)

    def _delete_in_foreground(self, resource: str, dependent: Object) -> None:
        has_dependents = resource == REPLICASETS
        now = self._clock()
        request_deletion(self._store, resource, dependent, now=now, foreground=has_dependents)

    def _release(self, resource: str, dependent: Object, owner: Object) -> None:
        references = dependent["metadata"]["ownerReferences"]
        dependent["metadata"]["ownerReferences"] = [
            reference for reference in references if reference["uid"] != owner["metadata"]["uid"]
        ]
        self._store.update(resource, dependent)


def _is_owned(obj: Object, owner: Object) -> bool:
    references = obj["metadata"].get("ownerReferences") or ()
    return any(reference["uid"] == owner["metadata"]["uid"] for reference in references)
