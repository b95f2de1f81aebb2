"""Sets of fields of an object: which there are, which differ, and how `fieldsV1` writes them.

A field is a path of steps as `fieldsV1` spells them: `f:spec`, `k:{"name":"app"}` for an entry of a list,
`v:"x"` for an entry of a set. Who owns a field is the business of `managed`.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sandbox.api.types import ANYTHING, ListType, Type, find_field, get_entry_key, is_atomic
from sandbox.store import Json, Object

Path = tuple[str, ...]
FieldSet = frozenset[Path]


@dataclass(frozen=True)
class Changes:
    """What differs between two states of an object, field by field."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    @property
    def written(self) -> FieldSet:
        """The fields that somebody gave a value."""
        return self.added | self.modified


def list_fields(of: Type, value: Json) -> FieldSet:
    """The fields that an applied configuration speaks of: its leaves, and entries of its merging lists."""
    return frozenset(_walk(of, value, (), with_parents=False))


def compare(of: Type, old: Json, new: Json) -> Changes:
    """The differences between two states; a new struct or map counts itself besides its leaves."""
    changes: dict[str, set[Path]] = {"added": set(), "modified": set(), "removed": set()}
    _compare(of, old, new, (), changes)
    return Changes(**{kind: frozenset(paths) for kind, paths in changes.items()})


def encode(fields: Iterable[Path]) -> Object:
    """The set as a `fieldsV1` object; a member that has members below it says so with `"."`."""
    root: Object = {}
    members = set(fields)
    for path in sorted(members, key=len):
        node = root
        for depth, step in enumerate(path, start=1):
            node = node.setdefault(step, {})
            if path[:depth] in members and depth < len(path):
                node.setdefault(".", {})
    return root


def decode(node: Object, prefix: Path = ()) -> FieldSet:
    """The set that a `fieldsV1` object writes."""
    found: set[Path] = set()
    for step, below in node.items():
        if step == ".":
            found.add(prefix)
        elif below:
            found |= decode(below, (*prefix, step))
        else:
            found.add((*prefix, step))
    return frozenset(found)


def format_path(path: Path) -> str:
    """The field as messages name it: `.spec.template.spec.containers[name="app"].image`."""
    return "".join(_format_step(step) for step in path)


def describe_entry(of: ListType, entry: Json) -> str:
    """The step that leads to an entry of a merging list."""
    key = get_entry_key(of, entry)
    if not of.keys:
        return f"v:{_dump(key[0])}"
    named = {name: value for name, value in zip(of.keys, key, strict=True) if value is not None}
    return f"k:{_dump(named)}"


def remove_field(of: Type, value: Json, path: Path) -> None:
    """Take one field out of an object, in place. A field that is not there is gone already."""
    step, rest = path[0], path[1:]
    if isinstance(of, ListType) and isinstance(value, list):
        for index, entry in enumerate(value):
            if describe_entry(of, entry) == step:
                if rest:
                    remove_field(of.entries, entry, rest)
                else:
                    del value[index]
                return
    elif isinstance(value, dict) and step.removeprefix("f:") in value:
        name = step.removeprefix("f:")
        if rest:
            remove_field(find_field(of, name) or ANYTHING, value[name], rest)
        else:
            del value[name]


def is_below(path: Path, parent: Path) -> bool:
    """Whether a field is another one or lies under it."""
    return path[: len(parent)] == parent


def _format_step(step: str) -> str:
    kind, _, rest = step.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind in {"v", "i"}:
        return f"[={rest}]" if kind == "v" else f"[{rest}]"
    keys = json.loads(rest)
    return "[" + ",".join(f"{name}={_dump(value)}" for name, value in keys.items()) + "]"


def _dump(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _children(of: Type, value: Json) -> Iterator[tuple[str, Type, Json]]:
    """The step, type and value of everything right below a value that merges."""
    if isinstance(of, ListType):
        for entry in value:
            yield describe_entry(of, entry), of.entries, entry
    else:
        for name, item in value.items():
            yield f"f:{name}", find_field(of, name) or ANYTHING, item


def _is_leaf(of: Type, value: Json) -> bool:
    if is_atomic(of) or not value:
        return True
    return not isinstance(value, list if isinstance(of, ListType) else dict)


def _walk(of: Type, value: Json, path: Path, *, with_parents: bool) -> Iterator[Path]:
    if _is_leaf(of, value):
        if path:
            yield path
        return
    is_entry = bool(path) and path[-1].startswith("k:")
    if path and (with_parents or is_entry):
        yield path
    for step, child_type, child in _children(of, value):
        yield from _walk(child_type, child, (*path, step), with_parents=with_parents)


def _compare(of: Type, old: Json, new: Json, path: Path, changes: dict[str, set[Path]]) -> None:
    if old == new:
        return
    if is_atomic(of) or not _are_containers(of, old, new):
        changes["modified"].add(path)
        return
    before = {step: (child, value) for step, child, value in _children(of, old or _empty(of))}
    after = {step: (child, value) for step, child, value in _children(of, new or _empty(of))}
    for step, (child, value) in after.items():
        below = (*path, step)
        if step in before:
            _compare(child, before[step][1], value, below, changes)
        else:
            changes["added"].update(_walk(child, value, below, with_parents=True))
    for step in before.keys() - after.keys():
        child, value = before[step]
        changes["removed"].update(_walk(child, value, (*path, step), with_parents=True))


def _are_containers(of: Type, old: Json, new: Json) -> bool:
    wanted = list if isinstance(of, ListType) else dict
    return all(value is None or isinstance(value, wanted) for value in (old, new))


def _empty(of: Type) -> Json:
    return [] if isinstance(of, ListType) else {}
