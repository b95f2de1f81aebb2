"""The errors of the API: status, reason, message and details, word for word those of a real API server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.api.resources import Resource
from sandbox.store import AlreadyExists, BadRequest, Conflict, Expired, NotFound, Object, StoreError


@dataclass(frozen=True)
class Cause:
    """One reason of an Invalid or a Conflict, about one field."""

    reason: str
    message: str
    field: str

    def as_json(self) -> Object:
        """The cause as it stands in a Status' details."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A request that is answered with a Status object. `retry_after` in seconds, for 429 and 503."""

    def __init__(
        self,
        code: int,
        reason: str | None,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.code = code
        self.reason = reason
        self.details = details
        self.retry_after = retry_after
        super().__init__(message)

    def as_status(self) -> Object:
        """The body of the answer."""
        status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status["message"] = str(self)
        if self.reason is not None:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return {**status, "code": self.code}


def describe(resource: Resource, name: str = "") -> dict[str, Any]:
    """The details that name an object: its name, group and plural, without the empty ones."""
    named = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in named.items() if value}


def not_found(resource: Resource, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{resource.key} "{name}" not found', details=describe(resource, name))


def bad_request(message: str) -> ApiError:
    """400: the request makes no sense."""
    return ApiError(400, "BadRequest", message)


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks rules of its kind, one cause a rule."""
    lines = [f"{cause.field}: {cause.message}" for cause in causes]
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    details = {"name": name, "group": resource.group, "kind": resource.kind}
    return ApiError(
        422,
        "Invalid",
        f'{resource.kind_key} "{name}" is invalid: {text}',
        details={
            **{key: value for key, value in details.items() if value},
            "causes": [cause.as_json() for cause in causes],
        },
    )


def rejected_patch() -> ApiError:
    """422 without a usable reason: what a JSON patch gets whose `test` fails or whose path is not there."""
    return ApiError(
        422, "Invalid", "the server rejected our request due to an error in our request", details={}
    )


def stale_precondition(resource: Resource, name: str, message: str) -> ApiError:
    """409: a delete whose precondition no longer holds."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.kind_key} "{name}": {message}',
        details={"name": name, "group": resource.group, "kind": resource.kind},
    )


def untyped(obj: Object, problems: Sequence[str]) -> ApiError:
    """500 (sic): an applied object that does not fit its kind's types. Names it as its own body does."""
    metadata = obj.get("metadata") or {}
    named = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    kind = f"{obj.get('apiVersion', '')}, Kind={obj.get('kind', '')}"
    text = problems[0] if len(problems) == 1 else "errors:\n" + "\n".join(f"  {line}" for line in problems)
    return ApiError(
        500,
        None,
        f"failed to create typed patch object ({named}; {kind}): {text}",
    )


def translate(error: StoreError, resource: Resource) -> ApiError:
    """The answer for what the store refused."""
    message = str(error)
    if isinstance(error, NotFound):
        return ApiError(404, "NotFound", message, details=describe(resource, error.name))
    if isinstance(error, AlreadyExists):
        return ApiError(409, "AlreadyExists", message, details=describe(resource, error.name))
    if isinstance(error, Conflict):
        return ApiError(409, "Conflict", message, details=describe(resource, error.name))
    if isinstance(error, Expired):
        return ApiError(410, "Expired", message)
    if isinstance(error, BadRequest):
        return bad_request(message)
    return ApiError(500, "InternalError", f"Internal error occurred: {message}")
