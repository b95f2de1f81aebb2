"""What clients send: bodies in JSON and YAML, the options of a write, the options of a delete."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import yaml
from aiohttp import web

from sandbox.api.deletion import DeleteOptions
from sandbox.api.errors import ApiError, Cause, bad_request
from sandbox.api.managed import Operation, Writer
from sandbox.api.targets import Target
from sandbox.api.writes import Write
from sandbox.store import Json, Object, format_time

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"

_MANAGER_LENGTH = 128
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_write(request: web.Request, target: Target, operation: Operation) -> Write:
    """The options of a write. The manager is the one named, else the program of the User-Agent.

    Raises:
        ApiError: 422, an apply without a manager.
    """
    query = request.query
    manager = query.get("fieldManager", "")
    if not manager and operation == "Apply":
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise _invalid_options(cause)
    writer = Writer(
        manager=manager or request.headers.get("User-Agent", "unknown").partition("/")[0][:_MANAGER_LENGTH],
        operation=operation,
        api_version=target.api_version,
        time=format_time(datetime.now(UTC)),
        subresource=target.subresource,
    )
    return Write(
        target=target,
        writer=writer,
        dry_run="All" in query.getall("dryRun", []),
        force=query.get("force", "").lower() == "true",
        validation=query.get("fieldValidation", "") or "Warn",
    )


async def read_json(request: web.Request) -> Json:
    """The body of a request in JSON, or in YAML where its type says so.

    Raises:
        ApiError: 400 unreadable, 415 in another encoding.
    """
    kind = request.content_type
    text = await request.read()
    if kind in {"application/yaml", APPLY}:
        return parse_yaml(text)
    if "protobuf" in kind or "cbor" in kind:
        raise unsupported(kind, "application/json, application/yaml")
    try:
        return json.loads(text)
    except ValueError as error:
        raise bad_request(f"error decoding JSON: {error}") from error


async def read_object(request: web.Request) -> Object:
    """The body of a request, which must be one object.

    Raises:
        ApiError: 400, unreadable or something else; 415, in another encoding.
    """
    body = await read_json(request)
    if not isinstance(body, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is no object")
    if body.get("metadata", {}) is None:
        del body["metadata"]
    if not isinstance(body.get("metadata", {}), dict):
        raise bad_request("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")
    return body


def parse_yaml(text: bytes) -> Json:
    """A YAML document.

    Raises:
        ApiError: 400, with the parser's own words; Go's parser and this one share their messages.
    """
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 -- a loader made from the safe one
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        where = f"line {line + 1}: " if line else ""
        raise bad_request(
            f"error decoding YAML: error converting YAML to JSON: yaml: {where}{error.problem}"
        ) from error
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: yaml: {error}") from error


async def read_delete(request: web.Request) -> DeleteOptions:
    """The options of a delete: those of the body, else those of the query.

    Raises:
        ApiError: 400, an unreadable body.
    """
    text = await request.read()
    body = await read_object(request) if text.strip() else {}
    conditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
    return DeleteOptions(
        propagation=body.get("propagationPolicy") or request.query.get("propagationPolicy", ""),
        grace_seconds=None if grace in {None, ""} else int(grace),
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
        dry_run="All" in [*(body.get("dryRun") or []), *request.query.getall("dryRun", [])],
    )


def read_number(query: Mapping[str, str], name: str) -> int | None:
    """A whole number of the query, None when it is absent or 0 (which asks for "any" everywhere here).

    Raises:
        ApiError: 400, no number.
    """
    text = query.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise bad_request(f"invalid {name}: {text!r} is no whole number")
    return int(text) or None


def unsupported(content_type: str, accepted: str) -> ApiError:
    """415: a body in an encoding or of a patch type that is not served."""
    del content_type
    return ApiError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: " + accepted,
    )


def _invalid_options(cause: Cause) -> ApiError:
    return ApiError(
        422,
        "Invalid",
        f'PatchOptions.meta.k8s.io "" is invalid: {cause.field}: {cause.message}',
        details={"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause.as_json()]},
    )
