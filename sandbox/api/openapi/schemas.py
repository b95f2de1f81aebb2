"""The schemas of Kubernetes' types: fields and texts from the client, merging from the sandbox's own types.

What the client does not tell (how a list merges, what is a quantity) is only known of the types that the
sandbox serves; of the others every list counts as one field.
"""

import re
from collections.abc import Iterable
from typing import Final

from sandbox.api.openapi.catalog import META, find_class, load_catalog, split_class, split_document
from sandbox.api.openapi.models import Field, Model, load_models
from sandbox.api.openapi.plain import GVK, describe_list, describe_strategy
from sandbox.api.types import ListType, MapType, Scalar, Struct, Type, load_structs
from sandbox.store import Object

REFERENCE: Final = "#/components/schemas/"
TIME: Final = f"{META}.Time"
QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
PATCH: Final = f"{META}.Patch"
COMMON: Final[dict[str, Object]] = {
    TIME: {
        "description": "Time is a wrapper around time.Time which marshals to YAML and JSON.",
        "format": "date-time",
        "type": "string",
    },
    QUANTITY: {
        "description": "Quantity is a fixed-point representation of a number, such as 100m, 1.5 or 2Gi.",
        "oneOf": [{"type": "string"}, {"type": "number"}],
    },
    INT_OR_STRING: {
        "description": "IntOrString is a type that can hold an int32 or a string.",
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    PATCH: {
        "description": "Patch is a name and a type for the body of a PATCH request.",
        "type": "object",
    },
}
_SIMPLE: Final[dict[str, Object]] = {
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "float": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
    "object": {"type": "object"},
}
_DEFAULTS: Final = {"string": "", "integer": 0, "boolean": False}
_REFERENCES: Final = {"datetime": TIME, "quantity": QUANTITY, "int-or-string": INT_OR_STRING}
_WIDE: Final = re.compile(r"Generation$|^generation$|^code$|Seconds$|^runAs|Group$|^revision$|remainingItem")
_STRANGERS: Final = frozenset(
    {"CoreV1EndpointPort", "EventsV1Event", "EventsV1EventSeries", "FlowcontrolV1Subject"}
)


def make_schemas(types: Iterable[str]) -> dict[str, Object]:
    """The schemas of these types, named in the client's words, by the names of their definitions."""
    models, names = load_models(), load_catalog().names
    return {names[name]: _make_schema(models[name]) for name in types}


def find_common(text: str) -> dict[str, Object]:
    """The common schemas that a text refers to."""
    return {name: schema for name, schema in COMMON.items() if f'{REFERENCE}{name}"' in text}


def _make_schema(model: Model) -> Object:
    struct = _find_struct(model)
    properties = {field.name: _describe_field(field, struct) for field in model.fields}
    schema: Object = {"type": "object"}
    if properties:
        schema["properties"] = properties
    if model.description:
        schema["description"] = model.description
    required = [field.name for field in model.fields if field.required]
    if required:
        schema["required"] = required
    if struct is not None and struct.atomic:
        schema["x-kubernetes-map-type"] = "atomic"
    if model.is_kind:
        schema[GVK] = _list_kinds(model.name)
    return schema


def _find_struct(model: Model) -> Struct | None:
    """The sandbox's own type of that name, where it has one."""
    if model.name in _STRANGERS:
        return None
    return load_structs().get(split_class(model.name)[2])


def _list_kinds(name: str) -> list[Object]:
    """Group, version and kind; of what is deleted with and of events, those of every version."""
    _, version, plain = split_class(name)
    documents = [found for found in map(split_document, load_catalog().operations) if found]
    if plain in {"DeleteOptions", "WatchEvent"}:
        return [_kind(group, of, plain) for group, of in documents]
    package = load_catalog().names[name].rsplit(".", 2)[0].rpartition(".")[2]
    groups = [group for group, of in documents if of == version and group.partition(".")[0] == package]
    return [_kind(groups[0] if groups else "", version, plain)]


def _kind(group: str, version: str, kind: str) -> Object:
    return {"group": group, "kind": kind, "version": version}


def _describe_field(field: Field, struct: Struct | None) -> Object:
    own = struct.fields.get(field.name) if struct is not None else None
    described = _describe(field.of, own, field.name)
    if field.description:
        described["description"] = field.description
    if field.required and described.get("type") in _DEFAULTS:
        described["default"] = _DEFAULTS[described["type"]]
    elif "allOf" in described and (field.required or field.name in {"metadata", "spec", "status"}):
        described["default"] = {}
    if struct is not None and own is not None:
        described |= describe_strategy(struct.name, field.name, own)
    return described


def _describe(of: str, own: Type | None, name: str) -> Object:
    if of.startswith("List["):
        entries = own.entries if isinstance(own, ListType) else None
        listed = describe_list(own if isinstance(own, ListType) else None)
        return {"type": "array", "items": _describe_item(of[5:-1], entries, name), **listed}
    if of.startswith("Dict["):
        values = own.values if isinstance(own, MapType) else None
        atomic = isinstance(own, MapType) and own.atomic
        described: Object = {
            "type": "object",
            "additionalProperties": _describe_item(of[10:-1], values, name),
        }
        return described | ({"x-kubernetes-map-type": "atomic"} if atomic else {})
    if isinstance(own, Scalar) and own.name in _REFERENCES:
        of = own.name
    return _describe_one(of, name)


def _describe_item(of: str, own: Type | None, name: str) -> Object:
    described = _describe(of, own, name)
    if "allOf" in described:
        return {**described, "default": {}}
    if described.get("type") in _DEFAULTS:
        return {**described, "default": _DEFAULTS[described["type"]]}
    return described


def _describe_one(of: str, name: str) -> Object:
    if of == "int":
        return {"type": "integer", "format": "int64" if _WIDE.search(name) else "int32"}
    if of in _SIMPLE:
        return dict(_SIMPLE[of])
    definition = _REFERENCES.get(of) or load_catalog().names.get(find_class(of))
    return {"allOf": [{"$ref": REFERENCE + definition}]} if definition else {"type": "object"}
