"""Who owns which field: the entries of `metadata.managedFields`, read, updated and written.

The rules are those of server-side apply: an Apply owns what it names; every other write owns what it changed,
and takes it from all others. Entries are sorted and timed as a real API server does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from sandbox.api.fields import Changes, FieldSet, compare, decode, encode, is_below
from sandbox.api.resources import Resource
from sandbox.api.types import StructRef
from sandbox.store import Object

Operation = Literal["Apply", "Update"]

# What nobody owns: identity, and what the server itself writes.
UNOWNED = (
    ("f:apiVersion",),
    ("f:kind",),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "uid",
            "generation",
            "managedFields",
            "resourceVersion",
        )
    ),
)

# What an object of a kind has before anybody sets a field: the structs that Go always writes. A create owns
# what it adds to this, which is why `f:template` has no "." of its own and `f:readinessProbe` has.
_POD: Object = {"metadata": {}, "spec": {"containers": None}}
BLANKS: dict[str, Object] = {
    "ConfigMap": {},
    "Deployment": {"spec": {"strategy": {}, "template": _POD}, "status": {}},
    "Event": {"involvedObject": {}, "source": {}},
    "HorizontalPodAutoscaler": {"spec": {}, "status": {}},
    "Job": {"spec": {"template": _POD}, "status": {}},
    "Namespace": {"spec": {}, "status": {}},
    "Pod": {"spec": {"containers": None}, "status": {}},
    "ReplicaSet": {"spec": {"template": _POD}, "status": {}},
    "ResourceQuota": {"spec": {}, "status": {}},
    "SelfSubjectAccessReview": {"spec": {}, "status": {}},
    "Service": {"spec": {}, "status": {"loadBalancer": {}}},
}


@dataclass(frozen=True)
class Writer:
    """Who writes, in what way, through which version and subresource of the API, and when (RFC 3339)."""

    manager: str
    operation: Operation
    api_version: str
    time: str
    subresource: str = ""


@dataclass(frozen=True)
class Entry:
    """One entry of managedFields."""

    manager: str
    operation: str
    api_version: str
    time: str | None
    subresource: str
    fields: FieldSet

    def is_of(self, writer: Writer) -> bool:
        """Whether the entry belongs to this writer. An applier keeps its entry when it changes versions."""
        if (self.manager, self.operation, self.subresource) != (
            writer.manager,
            writer.operation,
            writer.subresource,
        ):
            return False
        return self.operation == "Apply" or self.api_version == writer.api_version


def read_entries(obj: Object) -> list[Entry]:
    """The entries that an object carries."""
    return [
        Entry(
            manager=entry.get("manager", ""),
            operation=entry.get("operation", ""),
            api_version=entry.get("apiVersion", ""),
            time=entry.get("time"),
            subresource=entry.get("subresource", ""),
            fields=decode(entry.get("fieldsV1") or {}),
        )
        for entry in obj["metadata"].get("managedFields") or []
    ]


def write_entries(obj: Object, entries: Iterable[Entry]) -> None:
    """Put the entries into an object, in place; those that own nothing are left out."""
    kept = sorted((entry for entry in entries if entry.fields), key=_order)
    if kept:
        obj["metadata"]["managedFields"] = [_as_json(entry) for entry in kept]
    else:
        obj["metadata"].pop("managedFields", None)


def track_update(resource: Resource, old: Object | None, new: Object, writer: Writer) -> Object:
    """Give the writer what it changed between two states, in place, and return the new state.

    A write may bring managedFields of its own (as client-go's migration from client-side apply does): then
    those are the ground; a write without them keeps the old ones.
    """
    ground = read_entries(new) or (read_entries(old) if old else [])
    before = old if old is not None else _blank(resource, new)
    changes = compare_states(resource, before, new)
    write_entries(new, _hand_over(ground, changes, writer))
    return new


def compare_states(resource: Resource, old: Object, new: Object) -> Changes:
    """The differences between two states in fields that somebody can own."""
    found = compare(StructRef(resource.kind), old, new)
    return Changes(own(found.added), own(found.modified), own(found.removed))


def own(fields: FieldSet, *, also_not: Iterable[tuple[str, ...]] = ()) -> FieldSet:
    """The fields without those that nobody owns."""
    unowned = (*UNOWNED, *also_not)
    return frozenset(
        path
        for path in fields
        if path != ("f:metadata",) and not any(is_below(path, other) for other in unowned)
    )


def _hand_over(ground: list[Entry], changes: Changes, writer: Writer) -> list[Entry]:
    taken = changes.written | changes.removed
    mine = next((entry for entry in ground if entry.is_of(writer)), None)
    others = [replace(e, fields=e.fields - taken) for e in ground if e is not mine]
    before = mine.fields if mine else frozenset()
    fields = (before - changes.removed) | changes.written
    time = mine.time if mine and fields == before else writer.time
    return [
        *others,
        Entry(
            writer.manager,
            writer.operation,
            writer.api_version,
            None if writer.subresource == "scale" else time,
            writer.subresource,
            fields,
        ),
    ]


def _blank(resource: Resource, new: Object) -> Object:
    blank = BLANKS.get(resource.kind, {}) if not resource.custom else {}
    return {"metadata": {}, **{key: value for key, value in blank.items() if key in new}}


def _order(entry: Entry) -> tuple[str, str, str, str, str]:
    return entry.operation, entry.time or "", entry.manager, entry.api_version, entry.subresource


def _as_json(entry: Entry) -> Object:
    written: Object = {
        "manager": entry.manager,
        "operation": entry.operation,
        "apiVersion": entry.api_version,
    }
    if entry.time:
        written["time"] = entry.time
    written |= {"fieldsType": "FieldsV1", "fieldsV1": encode(entry.fields)}
    if entry.subresource:
        written["subresource"] = entry.subresource
    return written
