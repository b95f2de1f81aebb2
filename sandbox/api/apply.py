"""Server-side apply: merging what a manager declares into the object, with ownership, conflicts and pruning.

Versions of a kind share their fields here, so nothing is converted. Checking that the declaration fits its
kind's types comes before (`decoding`), defaults and validation come after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sandbox.api.errors import ApiError, Cause
from sandbox.api.fields import FieldSet, Path, format_path, is_below, list_fields, remove_field
from sandbox.api.managed import Entry, Writer, compare_states, own, read_entries, write_entries
from sandbox.api.resources import Resource
from sandbox.api.types import ANYTHING, ListType, StructRef, Type, find_field, get_entry_key, is_atomic
from sandbox.store import Json, Object, clone

BEFORE_FIRST_APPLY = "before-first-apply"


def apply(
    resource: Resource, live: Object | None, declared: Object, writer: Writer, *, force: bool
) -> Object:
    """The object after a manager has applied its declaration; the live object itself where nothing changes.

    The declared fields become the manager's; those that it declared before and no longer does are removed
    unless another manager owns them. `force` takes fields from others instead of refusing.

    Raises:
        ApiError: 409, another manager owns a field that the declaration would change.
    """
    kind = StructRef(resource.kind)
    body = _without_server_fields(resource, declared)
    fields = own(list_fields(kind, body))
    entries = _read_entries(resource, live)
    mine = next((entry for entry in entries if entry.is_of(writer)), None)
    others = [entry for entry in entries if entry is not mine]
    merged: Object = merge(kind, live or {"metadata": {}}, body)
    if mine:
        _prune(kind, merged, before=mine.fields, now=fields, others=others)
    others = _settle(resource, live, merged, others, force=force)
    if live and merged == live and mine and mine.fields == fields:
        return clone_object(live)
    entry = Entry(writer.manager, "Apply", writer.api_version, writer.time, writer.subresource, fields)
    write_entries(merged, [*others, entry])
    return merged


def merge(of: Type, left: Json, right: Json) -> Json:
    """The left value with everything that the right one says; entries of merging lists meet by their keys."""
    if is_atomic(of) or left is None:
        return clone(right)
    if isinstance(of, ListType) and isinstance(left, list) and isinstance(right, list):
        return _merge_lists(of, left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        merged = clone(left)
        for name, value in right.items():
            merged[name] = merge(find_field(of, name) or ANYTHING, merged.get(name), value)
        return merged
    return clone(right)


def clone_object(obj: Object) -> Object:
    """A deep copy of an object."""
    copied: Object = clone(obj)
    return copied


def _merge_lists(of: ListType, left: Sequence[Json], right: Sequence[Json]) -> list[Json]:
    """The right entries in their order; an entry that only the left has stays ahead of its successor."""
    wanted = {get_entry_key(of, entry): entry for entry in right}
    known = {get_entry_key(of, entry): entry for entry in left}
    waiting = [key for key in known if key not in wanted]
    order = list(known)
    merged: list[Json] = []
    for key, entry in wanted.items():
        if key in known:
            ahead = [k for k in waiting if order.index(k) < order.index(key)]
            merged.extend(clone(known[k]) for k in ahead)
            waiting = [k for k in waiting if k not in ahead]
        merged.append(merge(of.entries, known.get(key), entry))
    return merged + [clone(known[key]) for key in waiting]


def _without_server_fields(resource: Resource, declared: Object) -> Object:
    """The declaration without what applying cannot set: the status, and the server's part of the metadata."""
    body = clone_object(declared)
    for name in ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"):
        body["metadata"].pop(name, None)
    if resource.has_subresource("status"):
        body.pop("status", None)
    return body


def _read_entries(resource: Resource, live: Object | None) -> list[Entry]:
    """The entries of the live object. What was there before anybody was tracked gets a manager of its own."""
    if live is None:
        return []
    entries = read_entries(live)
    if entries:
        return entries
    found = own(list_fields(StructRef(resource.kind), live), also_not=[("f:status",)])
    return [Entry(BEFORE_FIRST_APPLY, "Update", live["apiVersion"], None, "", found)]


def _prune(of: Type, merged: Object, *, before: FieldSet, now: FieldSet, others: Iterable[Entry]) -> None:
    """Remove what the manager declared before and does not declare now, in place.

    A struct goes whole when nothing in it is declared any more, with the defaults in it that nobody owns.
    What still holds a declared field stays, even if the manager owned it by name (as other writes do).
    """
    kept = [path for entry in others for path in entry.fields]
    holding = {path[:depth] for path in now for depth in range(1, len(path) + 1)}
    gone = _with_structs(of, before) - holding
    for path in sorted(gone, key=len):
        if not any(is_below(other, path) for other in kept):
            remove_field(of, merged, path)


def _with_structs(of: Type, fields: FieldSet) -> FieldSet:
    found = set(fields)
    for path in fields:
        found.update(path[:depth] for depth in range(1, len(path)) if _is_struct(of, path[:depth]))
    return frozenset(found - {("f:metadata",)})


def _is_struct(of: Type, path: Path) -> bool:
    if not path[-1].startswith("f:"):
        return False
    current: Type = of
    for step in path:
        if isinstance(current, ListType):
            current = current.entries
        else:
            current = find_field(current, step.removeprefix("f:")) or ANYTHING
    return isinstance(current, StructRef)


def _settle(
    resource: Resource, live: Object | None, merged: Object, others: list[Entry], *, force: bool
) -> list[Entry]:
    """The other managers' entries without what they lose; a conflict where they would lose it by surprise."""
    if live is None:
        return others
    changes = compare_states(resource, live, merged)
    conflicts = [(entry, entry.fields & changes.written) for entry in others]
    if not force and any(fields for _, fields in conflicts):
        raise _conflict([(entry, path) for entry, fields in conflicts for path in sorted(fields)])
    lost = changes.written | changes.removed
    return [replace(entry, fields=entry.fields - lost) for entry in others]


def _conflict(found: list[tuple[Entry, Path]]) -> ApiError:
    causes = [
        Cause("FieldManagerConflict", f"conflict with {_name(entry)}", format_path(path)).as_json()
        for entry, path in found
    ]
    count = "1 conflict" if len(found) == 1 else f"{len(found)} conflicts"
    return ApiError(409, "Conflict", f"Apply failed with {count}: {_list(found)}", details={"causes": causes})


def _list(found: list[tuple[Entry, Path]]) -> str:
    if len(found) == 1:
        entry, path = found[0]
        return f"conflict with {_name(entry)}: {format_path(path)}"
    by_manager: dict[str, list[str]] = {}
    for entry, path in found:
        by_manager.setdefault(_name(entry), []).append(f"- {format_path(path)}")
    return "\n".join(
        "\n".join([f"conflicts with {name}:", *lines]) for name, lines in sorted(by_manager.items())
    )


def _name(entry: Entry) -> str:
    name = f'"{entry.manager}"'
    if entry.subresource:
        name += f' with subresource "{entry.subresource}"'
    return f"{name} using {entry.api_version}" if entry.operation == "Update" else name
