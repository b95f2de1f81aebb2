"""The patches that a client sends: JSON patch, merge patch and strategic merge patch.

Each takes an object and gives a new one; nothing here knows ownership, defaults or the store.
"""

from collections.abc import Sequence

import jsonpatch
from jsonpointer import JsonPointerException

from sandbox.api.errors import bad_request, rejected_patch
from sandbox.api.types import ANYTHING, ListType, Type, find_field
from sandbox.store import Json, Object, clone

_ORDER = "$setElementOrder/"
_REMOVE = "$deleteFromPrimitiveList/"
_RETAIN = "$retainKeys"
_DIRECTIVE = "$patch"


def apply_json_patch(obj: Object, operations: Json) -> Object:
    """The object after an RFC 6902 patch.

    Raises:
        ApiError: 422 where an operation cannot be done or a `test` fails, 400 where it is no patch.
    """
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    try:
        patched = jsonpatch.JsonPatch(operations).apply(clone(obj))
    except jsonpatch.InvalidJsonPatch as error:
        raise bad_request(f"invalid JSON patch: {error}") from error
    except (jsonpatch.JsonPatchException, JsonPointerException) as error:
        raise rejected_patch() from error
    if not isinstance(patched, dict):
        raise rejected_patch()
    return patched


def apply_merge_patch(value: Json, patch: Json) -> Json:
    """The value after an RFC 7386 patch: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return clone(patch)
    merged = dict(value) if isinstance(value, dict) else {}
    for name, item in patch.items():
        if item is None:
            merged.pop(name, None)
        else:
            merged[name] = apply_merge_patch(merged.get(name), item)
    return merged


def apply_strategic_patch(of: Type, value: Json, patch: Json) -> Json:
    """The value after a strategic merge patch: as a merge patch, but lists with a merge key meet by that key.

    Knows the directives that kubectl sends: `$patch` (delete, replace), `$retainKeys`, `$setElementOrder` and
    `$deleteFromPrimitiveList`.
    """
    if not isinstance(patch, dict):
        return clone(patch)
    if patch.get(_DIRECTIVE) == "replace":
        return {name: clone(item) for name, item in patch.items() if name != _DIRECTIVE}
    merged = dict(value) if isinstance(value, dict) else {}
    if _RETAIN in patch:
        merged = {name: item for name, item in merged.items() if name in patch[_RETAIN]}
    for name, item in patch.items():
        if name.startswith(_REMOVE):
            target = name.removeprefix(_REMOVE)
            merged[target] = [entry for entry in merged.get(target) or [] if entry not in item]
        elif not name.startswith("$"):
            _patch_field(find_field(of, name) or ANYTHING, merged, name, item)
    for name, order in patch.items():
        if name.startswith(_ORDER):
            _sort_field(find_field(of, name.removeprefix(_ORDER)), merged, name.removeprefix(_ORDER), order)
    return merged


def _patch_field(of: Type, merged: Object, name: str, item: Json) -> None:
    if item is None or (isinstance(item, dict) and item.get(_DIRECTIVE) == "delete"):
        merged.pop(name, None)
    elif isinstance(of, ListType) and isinstance(item, list) and not of.atomic:
        merged[name] = _patch_list(of, merged.get(name) or [], item)
    else:
        merged[name] = apply_strategic_patch(of, merged.get(name), item)


def _patch_list(of: ListType, entries: Sequence[Json], patch: Sequence[Json]) -> list[Json]:
    if not of.keys:
        return [*entries, *(entry for entry in patch if entry not in entries)]
    if any(entry == {_DIRECTIVE: "replace"} for entry in patch):
        return [clone(entry) for entry in patch if entry != {_DIRECTIVE: "replace"}]
    key = of.keys[0]
    merged = list(entries)
    for change in patch:
        if key not in change:
            raise bad_request(f"map: {change} does not contain declared merge key: {key}")
        place = next((i for i, entry in enumerate(merged) if entry.get(key) == change[key]), None)
        if change.get(_DIRECTIVE) == "delete":
            merged = [entry for entry in merged if entry.get(key) != change[key]]
        elif place is None:
            merged.append(apply_strategic_patch(of.entries, {}, change))
        else:
            merged[place] = apply_strategic_patch(of.entries, merged[place], change)
    return merged


def _sort_field(of: Type | None, merged: Object, name: str, order: Sequence[Json]) -> None:
    """Bring a list into the order that the client names; entries that it does not name go to the end."""
    if not isinstance(of, ListType) or name not in merged:
        return
    key = of.keys[0] if of.keys else None
    wanted = [entry[key] if key and isinstance(entry, dict) else entry for entry in order]

    def rank(entry: Json) -> int:
        named = entry.get(key) if key else entry
        return wanted.index(named) if named in wanted else len(wanted)

    merged[name] = sorted(merged[name], key=rank)
