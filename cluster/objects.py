"""One request each: read, create, apply, patch, delete. No decisions, no repetition, no turn.

Whoever writes during a stage uses ``apply``, ``change`` or ``deployments``, which ask the turn first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from cluster.connection import Body, parse
from cluster.errors import NotFound
from cluster.kinds import Object, Ref, collection_path, get_resource, object_path, ref_of
from release.names import FIELD_MANAGER

if TYPE_CHECKING:
    from cluster.connection import Cluster
    from cluster.patch import Patch

MANAGED: Final = {"fieldManager": FIELD_MANAGER}
STRICT: Final = {**MANAGED, "fieldValidation": "Strict"}


def get(cluster: Cluster, ref: Ref) -> Object:
    """The object as it is now.

    Raises:
        NotFound: there is none.
    """
    return parse(cluster.request("GET", object_path(ref)))


def find(cluster: Cluster, ref: Ref) -> Object | None:
    """The object as it is now, or None."""
    try:
        return get(cluster, ref)
    except NotFound:
        return None


def list_objects(
    cluster: Cluster, kind: str, namespace: str, *, labels: str = "", fields: str = ""
) -> tuple[list[Object], str]:
    """The objects of a kind that the selectors choose, and the resourceVersion to watch from."""
    path = collection_path(kind, namespace)
    answer = parse(cluster.request("GET", path, query=selection(labels, fields)))
    identity = {"apiVersion": get_resource(kind).api_version, "kind": kind}
    items = [{**identity, **item} for item in answer.get("items") or []]
    return items, str(answer["metadata"]["resourceVersion"])


def selection(labels: str, fields: str) -> dict[str, str]:
    """Selectors as query parameters."""
    chosen = {"labelSelector": labels, "fieldSelector": fields}
    return {name: value for name, value in chosen.items() if value}


def create(cluster: Cluster, obj: Object) -> Object:
    """POST, which refuses what exists, where an apply would take it over.

    Raises:
        AlreadyExists: somebody created it first.
    """
    ref = ref_of(obj)
    path = collection_path(ref.kind, ref.namespace, api_version=obj["apiVersion"])
    return parse(cluster.request("POST", path, query=STRICT, body=Body(obj)))


def apply(cluster: Cluster, obj: Object, *, force: bool = False, dry_run: bool = False) -> Object:
    """Server-side apply.

    Raises:
        Conflict: ``metadata.resourceVersion`` is stale, or others own fields (``is_about_fields``).
        Invalid: the object is wrong.
    """
    query = {**STRICT, "force": "true" if force else "false", **({"dryRun": "All"} if dry_run else {})}
    path = object_path(ref_of(obj), api_version=obj["apiVersion"])
    return parse(cluster.request("PATCH", path, query=query, body=Body(obj, "application/apply-patch+yaml")))


def patch_json(cluster: Cluster, ref: Ref, patch: Patch, *, dry_run: bool = False) -> Object:
    """JSON patch. Begin it with ``patch.at_version``: a failing ``test`` answers 422 without a reason.

    Raises:
        Conflict: the resourceVersion in the patch is stale.
    """
    body = Body(patch, "application/json-patch+json")
    query = {**MANAGED, **({"dryRun": "All"} if dry_run else {})}
    return parse(cluster.request("PATCH", object_path(ref), query=query, body=body))


def patch_merge(cluster: Cluster, ref: Ref, changes: Object) -> Object:
    """JSON merge patch; ``changes`` with ``metadata.resourceVersion`` is refused when that is stale.

    Raises:
        Conflict: the resourceVersion is stale.
    """
    body = Body(changes, "application/merge-patch+json")
    return parse(cluster.request("PATCH", object_path(ref), query=MANAGED, body=body))


def delete(cluster: Cluster, ref: Ref, *, resource_version: str) -> None:
    """Ask for the deletion of the object as it was read, and of what it owns before it.

    Raises:
        Conflict: it changed since.
        NotFound: it is gone.
    """
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"resourceVersion": resource_version},
        "propagationPolicy": "Foreground",
    }
    cluster.request("DELETE", object_path(ref), body=Body(options))


def version_of(obj: Object) -> str:
    """The resourceVersion of an object that was read."""
    return cast("str", obj["metadata"]["resourceVersion"])


def annotations_of(obj: Object) -> dict[str, str]:
    """The annotations of an object; empty where it has none."""
    return obj["metadata"].get("annotations") or {}


def labels_of(obj: Object) -> dict[str, str]:
    """The labels of an object; empty where it has none."""
    return obj["metadata"].get("labels") or {}
