"""JSON patches (RFC 6902) as plain lists: each bound to the version that was read. No I/O.

``replace /metadata/resourceVersion`` with the value that was read makes the API refuse a stale patch with a
clean 409. A ``test`` operation would do the same with a 422 that carries no reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.kinds import Object

Patch = list[dict[str, Any]]

ANNOTATIONS = "/metadata/annotations"


def at_version(obj: Object) -> Patch:
    """The operation that binds a patch to the object as it was read."""
    return [_operation("replace", "/metadata/resourceVersion", obj["metadata"]["resourceVersion"])]


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901), with the marks in names escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def add(path: str, value: object) -> Patch:
    """Set a member, or insert into a list."""
    return [_operation("add", path, value)]


def test(path: str, value: object) -> Patch:
    """Refuse the whole patch, with a 422, where something else stands: for patches bound to no version."""
    return [_operation("test", path, value)]


def replace(path: str, value: object) -> Patch:
    """Set what exists."""
    return [_operation("replace", path, value)]


def remove(path: str) -> Patch:
    """Take out what exists."""
    return [{"op": "remove", "path": path}]


def set_annotations(obj: Object, wanted: Mapping[str, str | None]) -> Patch:
    """Bring annotations to these values, None meaning away; empty where they are already."""
    existing = obj["metadata"].get("annotations")
    if existing is None:
        present = {name: value for name, value in wanted.items() if value is not None}
        return add(ANNOTATIONS, present) if present else []
    patch: Patch = []
    for name, value in wanted.items():
        path = ANNOTATIONS + pointer(name)
        if value is None:
            patch += remove(path) if name in existing else []
        elif existing.get(name) != value:
            patch += add(path, value)
    return patch


def _operation(name: str, path: str, value: object) -> dict[str, Any]:
    return {"op": name, "path": path, "value": value}
