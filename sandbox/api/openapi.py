"""The OpenAPI v3 documents, as far as kubectl reads them: merge keys, field names, field validation.

Made from the same types that the server checks with. There are no descriptions, so `kubectl explain` shows
fields and types only.
"""

import hashlib
from functools import cache
from typing import Any

from sandbox.api.resources import RESOURCES, Resource, list_group_versions
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
_GVK = "x-kubernetes-group-version-kind"
_RETAIN_KEYS = frozenset({("DeploymentSpec", "strategy"), ("PodSpec", "volumes")})


def list_documents() -> Object:
    """`GET /openapi/v3`: where each version's document is; the hash lets a client keep it."""
    paths = {}
    for group, version in list_group_versions():
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        digest = hashlib.sha256(repr(make_document(group, version)).encode()).hexdigest().upper()
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": paths}


@cache
def make_document(group: str, version: str) -> Object:
    """The document of one version: its kinds' schemas, and its patches with the parameters they know."""
    served = [r for r in RESOURCES if r.group == group and version in r.versions]
    schemas: dict[str, Object] = {}
    for resource in served:
        _add_schema(resource.kind, schemas)
        schemas[resource.kind][_GVK] = [_gvk(resource, version)]
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
        _GVK: _gvk(resource, version),
    }
    return f"{root}{scope}/{resource.plural}/{{name}}", {"patch": patch}


def _add_schema(name: str, schemas: dict[str, Object]) -> None:
    if name in schemas:
        return
    struct = get_struct(name)
    schema: Object = {"type": "object"}
    schemas[name] = schema
    schema["properties"] = {
        field: _describe(of, schemas) | _strategy(name, field, of) for field, of in struct.fields.items()
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
        return {"type": "array", "items": _describe(of.entries, schemas), **_list_type(of)}
    return {"x-kubernetes-preserve-unknown-fields": True}


def _list_type(of: ListType) -> Object:
    if of.keys:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(of.keys)}
    return {"x-kubernetes-list-type": "set" if of.is_set else "atomic"}


def _strategy(owner: str, field: str, of: Type) -> Object:
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
