"""Creating and changing objects: from a client's body to what the store keeps, one step after the other.

Reading, defaults, ownership, addresses, rules, and the write itself; a dry run goes the same way but writes
nothing. No HTTP here. Deleting is `deletion`, the scale subresource `scaling`.
"""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.api.addresses import assign_address
from sandbox.api.apply import apply
from sandbox.api.decoding import check_applied, read_object
from sandbox.api.defaults import set_defaults
from sandbox.api.errors import ApiError, Cause, bad_request, invalid, not_found
from sandbox.api.managed import Writer, track_update
from sandbox.api.resources import get_resource
from sandbox.api.targets import Target
from sandbox.api.validation import check_object
from sandbox.store import Conflict, Object, Store, clone

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, so that no words appear
_SERVER_FIELDS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")

Change = Callable[[Object], Object]


@dataclass(frozen=True)
class Write:
    """One write: where to, by whom, and how. `validation` is what to do with unknown fields."""

    target: Target
    writer: Writer
    dry_run: bool = False
    force: bool = False
    validation: str = "Warn"
    warnings: list[str] = field(default_factory=list)


def create(store: Store, write: Write, body: Object) -> Object:
    """Create the object of a POST.

    Raises:
        ApiError: the body does not fit, or the namespace is not there.
        AlreadyExists: there is such an object.
    """
    target = write.target
    metadata = _check_envelope(target, body)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + "".join(random.choices(_SUFFIX_LETTERS, k=5))  # noqa: S311 -- invented names, no secrets
    if metadata.pop("resourceVersion", None):
        raise bad_request("resourceVersion should not be set on objects to be created")
    obj = set_defaults(target.resource, _read(write, _without_status(target, body)))
    track_update(target.resource, None, obj, write.writer)
    return _add(store, write, obj)


def replace(store: Store, write: Write, body: Object) -> Object:
    """Replace an object by the body of a PUT.

    Raises:
        ApiError: the body does not fit.
        NotFound: there is no such object.
        Conflict: the body's resourceVersion is stale.
    """
    target = write.target
    metadata = _check_envelope(target, body)
    old = store.get(target.resource.key, target.namespace, target.name)
    if target.resource.custom and not metadata.get("resourceVersion"):
        cause = Cause(
            "FieldValueInvalid",
            "Invalid value: 0: must be specified for an update",
            "metadata.resourceVersion",
        )
        raise invalid(target.resource, target.name, [cause])
    return change(store, write, old, body)


def patch(store: Store, write: Write, patched: Change) -> Object:
    """Change an object by a patch, which sees it at the version of the request.

    Raises:
        ApiError: the patch cannot be done, or its result does not fit.
        NotFound: there is no such object.
        Conflict: the patch sets a resourceVersion that is stale.
    """
    target = write.target
    old = store.get(target.resource.key, target.namespace, target.name)
    new = patched({**clone(old), "apiVersion": target.api_version})
    _check_envelope(target, new)
    return change(store, write, old, new)


def apply_object(store: Store, write: Write, declared: Object) -> tuple[Object, bool]:
    """Apply a declaration; the object, and whether it is new.

    Raises:
        ApiError: the declaration does not fit, another manager owns a field, or the namespace is not there.
        Conflict: the declaration carries a resourceVersion that is stale.
    """
    target = write.target
    as_sent = clone(declared)
    metadata = _check_envelope(target, declared)
    check_applied(target.resource, as_sent)
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    live = store.find(target.resource.key, target.namespace, target.name)
    wanted = metadata.get("resourceVersion")
    if wanted and (live is None or wanted != live["metadata"]["resourceVersion"]):
        raise Conflict(target.resource.key, target.name)
    merged = apply(target.resource, live, declared, write.writer, force=write.force)
    obj = set_defaults(target.resource, _read(write, merged))
    if live is None:
        return _add(store, write, obj), True
    return _put(store, write, live, obj), False


def change(store: Store, write: Write, old: Object, new: Object) -> Object:
    """Bring an object from one state to another, in the name of the writer.

    Raises:
        ApiError: the new state does not fit.
        Conflict: it carries a resourceVersion that is stale.
    """
    resource = write.target.resource
    wanted = new["metadata"].get("resourceVersion")
    if wanted and wanted != old["metadata"]["resourceVersion"]:
        raise Conflict(resource.key, write.target.name)
    _check_uid(write.target, old, new)
    fresh = _read(write, _keep_other_half(write.target, old, new))
    _keep_server_fields(old, fresh)
    set_defaults(resource, fresh)
    if resource.kind == "Service":
        assign_address(fresh, old=old, others=store.list(resource.key))
    track_update(resource, old, fresh, write.writer)
    return _put(store, write, old, fresh)


def check_namespace(store: Store, target: Target) -> None:
    """Refuse to put anything into a namespace that is not there.

    Raises:
        ApiError: 404, naming the namespace.
    """
    if target.resource.namespaced and store.find("namespaces", "", target.namespace) is None:
        raise not_found(get_resource("namespaces"), target.namespace)


def _add(store: Store, write: Write, obj: Object) -> Object:
    resource = write.target.resource
    check_namespace(store, write.target)
    if resource.kind == "Service":
        assign_address(obj, old=None, others=store.list(resource.key))
    if resource.kind == "Namespace":
        obj |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    if resource.kind == "Pod":
        obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
    if resource.kind == "Secret" and "stringData" in obj:
        obj["data"] = {**obj.get("data", {}), **_encode_strings(obj.pop("stringData"))}
    check_object(resource, obj, old=None)
    return store.create(resource.key, obj, dry_run=write.dry_run)


def _put(store: Store, write: Write, old: Object, new: Object) -> Object:
    resource = write.target.resource
    if resource.kind == "Service":
        assign_address(new, old=old, others=store.list(resource.key))
    if resource.kind == "Secret" and "stringData" in new:
        new["data"] = {**new.get("data", {}), **_encode_strings(new.pop("stringData"))}
    check_object(resource, new, old=old)
    written = store.update(resource.key, new, dry_run=write.dry_run)
    metadata = written["metadata"]
    if (
        metadata.get("deletionTimestamp")
        and old["metadata"].get("finalizers")
        and not metadata.get("finalizers")
    ):
        return (
            written
            if write.dry_run
            else store.delete(resource.key, write.target.namespace, write.target.name)
        )
    return written


def _read(write: Write, body: Object) -> Object:
    """The body as the server keeps it; unknown fields are dropped, told of, or refused."""
    resource = write.target.resource
    decoded = read_object(resource, body)
    if decoded.unknown and write.validation == "Strict":
        problems = ", ".join(f'unknown field "{path}"' for path in decoded.unknown)
        raise bad_request(
            f'{resource.kind} in version "{write.target.version}" cannot be handled as a {resource.kind}: '
            f"strict decoding error: {problems}"
        )
    if write.validation == "Warn":
        write.warnings.extend(f'unknown field "{path}"' for path in decoded.unknown)
    return {**decoded.obj, "apiVersion": resource.hub, "kind": resource.kind}


def _check_envelope(target: Target, body: Object) -> Object:
    """Check that the body is of the kind, name and namespace that the URL names; returns its metadata."""
    version, kind = body.get("apiVersion", target.api_version), body.get("kind", target.resource.kind)
    if version != target.api_version:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version "
            f"({target.api_version})"
        )
    if kind != target.resource.kind:
        raise bad_request(
            f'{kind} in version "{target.version}" cannot be handled as a {target.resource.kind}: '
            f"no kind match"
        )
    metadata: Object = body.setdefault("metadata", {})
    if target.name and metadata.setdefault("name", target.name) != target.name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        )
    if target.resource.namespaced and metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return metadata


def _check_uid(target: Target, old: Object, new: Object) -> None:
    wanted, found = new["metadata"].get("uid"), old["metadata"]["uid"]
    if wanted and wanted != found:
        message = (
            f'Operation cannot be fulfilled on {target.resource.key} "{target.name}": StorageError: '
            f"invalid object, Code: 4, Precondition failed: UID in precondition: {wanted}, "
            f"UID in object meta: {found}"
        )
        raise ApiError(409, "Conflict", message)


def _without_status(target: Target, body: Object) -> Object:
    kept = clone(body)
    for name in _SERVER_FIELDS:
        kept["metadata"].pop(name, None)
    if target.resource.has_subresource("status"):
        kept.pop("status", None)
    return {**kept}


def _keep_other_half(target: Target, old: Object, new: Object) -> Object:
    """A write to the object leaves the status alone, a write to `status` everything else but metadata."""
    if not target.resource.has_subresource("status"):
        return new
    if target.subresource == "status":
        return {**old, "metadata": new["metadata"], "status": new.get("status") or {}}
    kept = {key: value for key, value in new.items() if key != "status"}
    return {**kept, "status": old["status"]} if "status" in old else kept


def _keep_server_fields(old: Object, new: Object) -> None:
    for name in _SERVER_FIELDS:
        new["metadata"].pop(name, None)
        if name in old["metadata"]:
            new["metadata"][name] = old["metadata"][name]


def _encode_strings(strings: dict[str, str]) -> dict[str, str]:
    return {name: base64.b64encode(text.encode()).decode() for name, text in strings.items()}
