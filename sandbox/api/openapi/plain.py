"""Documents made from the types that the server checks with: merge keys, field names, field validation.

They serve what no library describes. There are no descriptions, so `kubectl explain` shows fields and types.
"""

from typing import Any, Final

from sandbox.api.resources import RESOURCES, Resource
from sandbox.api.types import ListType, MapType, Scalar, StructRef, Type, get_struct
from sandbox.store import Object

_SCALARS: dict[str, Object] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "quantity": {"x-kubernetes-int-or-string": True},
    "int-or-string": {"x-kubernetes-int-or-string": True},
    "time": {"type": "string", "format": "date-time"},
}
GVK: Final = "x-kubernetes-group-version-kind"
_RETAIN_KEYS = frozenset({("DeploymentSpec", "strategy"), ("PodSpec", "volumes")})


def make_plain(group: str, version: str) -> Object:
    """The document of one version: its kinds' schemas, and its patches with the parameters they know."""
    served = [r for r in RESOURCES if r.group == group and version in r.versions]
    schemas: dict[str, Object] = {}
    for resource in served:
        _add_schema(resource.kind, schemas)
        schemas[resource.kind][GVK] = [_gvk(resource, version)]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": dict(_make_path(resource, version) for resource in served),
        "components": {"schemas": schemas},
    }


def _gvk(resource: Resource, version: str) -> Object:
    return {"group": resource.group, "version": version, "kind": resource.kind}


def _make_path(resource: Resource, version: str) -> tuple[str, Object]:
    root = f"/apis/{resource.group}/{version}" if resource.group else f"/api/{version}"
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    patch = {
        "operationId": f"patch{resource.kind}",
        "parameters": [{"name": n, "in": "query", "schema": {"type": "string"}} for n in names],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        GVK: _gvk(resource, version),
    }
    return f"{root}{scope}/{resource.plural}/{{name}}", {"patch": patch}


def _add_schema(name: str, schemas: dict[str, Object]) -> None:
    if name in schemas:
        return
    struct = get_struct(name)
    schema: Object = {"type": "object"}
    schemas[name] = schema
    schema["properties"] = {
        field: _describe(of, schemas) | describe_strategy(name, field, of)
        for field, of in struct.fields.items()
    }
    if struct.required:
        schema["required"] = sorted(struct.required)
    if struct.atomic:
        schema["x-kubernetes-map-type"] = "atomic"


def _describe(of: Type, schemas: dict[str, Object]) -> dict[str, Any]:
    if isinstance(of, Scalar):
        return dict(_SCALARS[of.name])
    if isinstance(of, StructRef):
        _add_schema(of.name, schemas)
        return {"allOf": [{"$ref": f"#/components/schemas/{of.name}"}], "default": {}}
    if isinstance(of, MapType):
        described: Object = {"type": "object", "additionalProperties": _describe(of.values, schemas)}
        return described | ({"x-kubernetes-map-type": "atomic"} if of.atomic else {})
    if isinstance(of, ListType):
        return {"type": "array", "items": _describe(of.entries, schemas), **describe_list(of)}
    return {"x-kubernetes-preserve-unknown-fields": True}


def describe_list(of: ListType | None) -> Object:
    """How a list merges; one that nothing is known of is one field."""
    if of is not None and of.keys:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(of.keys)}
    return {"x-kubernetes-list-type": "set" if of is not None and of.is_set else "atomic"}


def describe_strategy(owner: str, field: str, of: Type) -> Object:
    """What a strategic merge patch needs: that a list merges, and by which key."""
    strategies = ["retainKeys"] if (owner, field) in _RETAIN_KEYS else []
    found: Object = {}
    if isinstance(of, ListType) and not of.atomic:
        strategies.insert(0, "merge")
        if of.keys:
            found["x-kubernetes-patch-merge-key"] = of.keys[0]
    if strategies:
        found["x-kubernetes-patch-strategy"] = ",".join(strategies)
    return found
