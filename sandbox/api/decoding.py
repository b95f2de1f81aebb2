"""Reading objects that clients send: unknown fields, wrong types, and what Go leaves out when it writes.

Three readers judge differently, as in a real API server: an apply is checked against the types and refused
with a 500 (sic), a built-in kind is decoded as Go decodes JSON, a custom resource is pruned and validated.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.api.errors import ApiError, Cause, bad_request, invalid, untyped
from sandbox.api.fields import describe_entry, format_path
from sandbox.api.resources import Resource
from sandbox.api.types import (
    ANYTHING,
    Anything,
    ListType,
    MapType,
    Scalar,
    StructRef,
    Type,
    find_field,
    get_entry_key,
    get_struct,
)
from sandbox.store import Json, Object, clone

Path = tuple[str, ...]
GO_NAMES = {str: "string", bool: "bool", int: "int64", float: "float64", dict: "object", list: "array"}
GO_TYPES = {"string": "string", "integer": "int32", "number": "float64", "boolean": "bool", "time": "time"}
JSON_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}


@dataclass(frozen=True)
class Mismatch:
    """A value of the wrong type: the struct and the field it stands in, and what would be right there."""

    owner: str
    path: str
    wanted: str
    value: Json


@dataclass
class Decoded:
    """An object as the server understands it, and the paths of the fields that it does not."""

    obj: Object
    unknown: list[str] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)


def check_applied(resource: Resource, obj: Object) -> None:
    """Refuse an applied object that does not fit the types of its kind.

    Raises:
        ApiError: 500, "failed to create typed patch object".
    """
    problems = list(_find_problems(StructRef(resource.kind), obj, ()))
    if problems:
        raise untyped(obj, problems)


def read_object(resource: Resource, obj: Object) -> Decoded:
    """The object without unknown fields, nulls, and (for built-in kinds) empty lists and maps.

    Raises:
        ApiError: 400 or 422, a value has the wrong type.
    """
    decoded = Decoded({})
    read = _Reader(decoded, drop_empty=not resource.custom)
    decoded.obj = read.value(StructRef(resource.kind), clone(obj), resource.kind, "")
    if decoded.mismatches:
        name = (obj.get("metadata") or {}).get("name", "")
        raise _mistyped(resource, name, obj.get("apiVersion", ""), decoded.mismatches)
    return decoded


@dataclass(frozen=True)
class _Reader:
    """One walk over an object; what it finds goes into `decoded`."""

    decoded: Decoded
    drop_empty: bool

    def value(self, of: Type, value: Json, owner: str, path: str) -> Json:
        if not _fits(of, value):
            self.decoded.mismatches.append(Mismatch(owner, path, _describe(of), value))
            return value
        if isinstance(of, StructRef):
            return self._struct(of, value, path)
        if isinstance(of, MapType):
            return {k: self.value(of.values, v, owner, f"{path}.{k}") for k, v in value.items()}
        if isinstance(of, ListType):
            return [self.value(of.entries, v, owner, f"{path}[{i}]") for i, v in enumerate(value)]
        return value

    def _struct(self, of: StructRef, value: Object, path: str) -> Object:
        kept: Object = {}
        for name, item in value.items():
            below = f"{path}.{name}" if path else name
            declared = find_field(of, name)
            if declared is None:
                self.decoded.unknown.append(below)
            elif item is not None and not self._is_dropped(declared, item):
                kept[name] = self.value(declared, item, of.name, below)
        return kept

    def _is_dropped(self, of: Type, value: Json) -> bool:
        return self.drop_empty and isinstance(of, MapType | ListType) and value in ({}, [])


def _fits(of: Type, value: Json) -> bool:
    if isinstance(of, Anything):
        return True
    if isinstance(of, ListType):
        return isinstance(value, list)
    if isinstance(of, MapType | StructRef):
        return isinstance(value, dict)
    return _fits_scalar(of, value)


def _fits_scalar(of: Scalar, value: Json) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if of.name in {"quantity", "int-or-string"}:
        return is_number or isinstance(value, str)
    if of.name == "boolean":
        return isinstance(value, bool)
    if of.name == "number":
        return is_number
    if of.name == "integer":
        return is_number and int(value) == value
    return isinstance(value, str)


def _describe(of: Type) -> str:
    if isinstance(of, Scalar):
        return of.name
    return "array" if isinstance(of, ListType) else "object"


def _mistyped(resource: Resource, name: str, api_version: str, found: list[Mismatch]) -> ApiError:
    if resource.custom:
        causes = [_custom_cause(mismatch) for mismatch in found]
        return invalid(resource, name, causes)
    version = api_version.rpartition("/")[2]
    first = found[0]
    plain = "".join(part.partition("]")[2] if "]" in part else part for part in first.path.split("["))
    target = GO_TYPES.get(first.wanted, "[]v1" if first.wanted == "array" else first.wanted)
    return bad_request(
        f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}: json: cannot '
        f"unmarshal {_go_word(first.value)} into Go struct field {first.owner}.{plain} of type {target}"
    )


def _custom_cause(found: Mismatch) -> Cause:
    got = JSON_NAMES[type(found.value)]
    return Cause(
        "FieldValueTypeInvalid",
        f'Invalid value: "{got}": {found.path} in body must be of type {found.wanted}: "{got}"',
        found.path,
    )


def _go_word(value: Json) -> str:
    return "number" if GO_NAMES[type(value)] in {"int64", "float64"} else GO_NAMES[type(value)]


def _find_problems(of: Type, value: Json, path: Path) -> Iterator[str]:
    if value is None or isinstance(of, Anything):
        return
    if not _fits(of, value):
        yield f"{format_path(path)}: {_complain(of, value)}"
    elif isinstance(of, StructRef):
        for name, item in value.items():
            below = (*path, f"f:{name}")
            if name in get_struct(of.name).fields:
                yield from _find_problems(find_field(of, name) or ANYTHING, item, below)
            else:
                yield f"{format_path(below)}: field not declared in schema"
    elif isinstance(of, MapType):
        for name, item in value.items():
            yield from _find_problems(of.values, item, (*path, f"f:{name}"))
    elif isinstance(of, ListType):
        yield from _find_entry_problems(of, value, path)


def _find_entry_problems(of: ListType, entries: list[Json], path: Path) -> Iterator[str]:
    seen = set()
    for index, entry in enumerate(entries):
        if of.atomic or (of.keys and not isinstance(entry, dict)):
            yield from _find_problems(of.entries, entry, (*path, f"i:{index}"))
            continue
        key = json.dumps(get_entry_key(of, entry))
        missing = [k for k, v in zip(of.keys, get_entry_key(of, entry), strict=False) if v is None]
        if missing:
            yield (
                f"{format_path(path)}: element {index}: associative list with keys has an element that "
                f'omits key field "{missing[0]}" (and doesn\'t have default value)'
            )
            continue
        step = describe_entry(of, entry)
        if key in seen:
            yield f"{format_path(path)}: duplicate entries for key {format_path((step,))}"
        seen.add(key)
        yield from _find_problems(of.entries, entry, (*path, step))


def _complain(of: Type, value: Json) -> str:
    if isinstance(of, ListType):
        return f"expected list, got &{{{_go_value(value)}}}"
    if isinstance(of, MapType | StructRef):
        return f"expected map, got &{{{_go_value(value)}}}"
    if isinstance(of, Scalar) and of.name in {"integer", "number"}:
        return f"expected numeric (int or float), got {_go_type(value)}"
    wanted = "boolean" if isinstance(of, Scalar) and of.name == "boolean" else "string"
    return f"expected {wanted}, got &value.valueUnstructured{{Value:{_go_value(value)}}}"


def _go_type(value: Json) -> str:
    structured: dict[type, str] = {dict: "map[string]interface {}", list: "[]interface {}"}
    return structured.get(type(value)) or GO_NAMES[type(value)]


def _go_value(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
