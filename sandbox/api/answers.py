"""How answers look: the form that a client accepts, objects at its version, lists, tables, errors."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum

from aiohttp import web

from sandbox.api.errors import ApiError
from sandbox.api.tables import make_partial, make_table
from sandbox.api.targets import Target
from sandbox.store import Json, Object

JSON_TYPE = "application/json"


class Form(Enum):
    """What a client wants to be shown of an object."""

    OBJECT = "object"
    METADATA = "metadata"
    TABLE = "table"


_FORMS = {
    "Table": Form.TABLE,
    "PartialObjectMetadata": Form.METADATA,
    "PartialObjectMetadataList": Form.METADATA,
}


def choose_form(accept: str) -> Form:
    """The first form of an Accept header that is served; JSON is the only encoding.

    Raises:
        ApiError: 406, none of them is.
    """
    for part in accept.split(","):
        media, *parameters = [piece.strip() for piece in part.split(";")]
        wanted = dict(piece.split("=", 1) for piece in parameters if "=" in piece)
        if media in {JSON_TYPE, "application/*", "*/*", ""}:
            return _FORMS.get(wanted.get("as", ""), Form.OBJECT)
    raise ApiError(
        406,
        "NotAcceptable",
        f"only the following media types are accepted: {JSON_TYPE}",
    )


def show_object(target: Target, obj: Object, form: Form = Form.OBJECT, *, include: str = "") -> Object:
    """One object in the form that the client wants. A Status or a Scale is itself in every form."""
    if obj.get("kind") in {"Status", "Scale"}:
        return obj
    full = at_version(target, obj)
    if form is Form.METADATA:
        return make_partial(full)
    if form is Form.TABLE:
        return _show_table(target, [full], full["metadata"].get("resourceVersion", ""), include)
    return full


def show_list(
    target: Target, objects: Sequence[Object], revision: int, form: Form, *, include: str = ""
) -> Object:
    """A list in the form that the client wants. Entries of built-in kinds don't repeat what they are."""
    full = [at_version(target, obj) for obj in objects]
    if form is Form.TABLE:
        return _show_table(target, full, str(revision), include)
    metadata = {"resourceVersion": str(revision)}
    if form is Form.METADATA:
        items = [make_partial(obj) for obj in full]
        kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        return {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items}
    if not target.resource.custom:
        full = [_without(obj, "kind", "apiVersion") for obj in full]
    kind = f"{target.resource.kind}List"
    return {"kind": kind, "apiVersion": target.api_version, "metadata": metadata, "items": full}


def at_version(target: Target, obj: Object) -> Object:
    """An object at the version of the conversation; versions of a kind differ in nothing else here."""
    head = {"kind": target.resource.kind, "apiVersion": target.api_version}
    return {**head, **_without(obj, "kind", "apiVersion")}


def respond(body: Json, status: int = 200, *, content_type: str = JSON_TYPE) -> web.Response:
    """A JSON answer."""
    response = web.Response(status=status, body=encode(body))
    response.headers["Content-Type"] = content_type
    return response


def respond_error(error: ApiError) -> web.Response:
    """The answer for an error; how long to wait before a retry goes into a header as well."""
    response = respond(error.as_status(), error.code)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def encode(body: Json) -> bytes:
    """JSON as Go writes it: one line, and a newline."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _show_table(target: Target, objects: Sequence[Object], revision: str, include: str) -> Object:
    table = make_table(target.resource, objects, revision, now=datetime.now(UTC))
    for row, obj in zip(table["rows"], objects, strict=True):
        if include == "Object":
            row["object"] = obj
        elif include == "None":
            del row["object"]
    return table


def _without(obj: Object, *names: str) -> Object:
    return {key: value for key, value in obj.items() if key not in names}
