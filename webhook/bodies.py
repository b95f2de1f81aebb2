"""Reading request bodies: only JSON, never more than a limit, whatever the client announces."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # it has no stubs

from release.problems import Problem
from webhook.patience import limited_patience
from webhook.providers.events import BadBody
from webhook.providers.strict_json import parse_object
from webhook.services import services

if TYPE_CHECKING:
    from typing import IO, Any

    from flask import Request

HOOK_LIMIT: Final = 1024 * 1024
API_LIMIT: Final = 64 * 1024
CHUNK: Final = 64 * 1024


def check_json_type(request: Request) -> None:
    """Refuse everything but JSON in UTF-8, before a byte of the body is read.

    Raises:
        Problem: 415.
    """
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in {"utf-8", "utf8"}:
        raise Problem(
            "not-json",
            "Not JSON",
            detail="the request's Content-Type is not application/json in UTF-8",
            next_step="send JSON; for a webhook set its content type to application/json at the Git host",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )


def read_body(request: Request, *, limit: int) -> bytes:
    """The raw body of at most ``limit`` bytes, sent whole and in time.

    Where no length is told, reads one byte more than the limit itself: Flask's own limit silently cuts a
    chunked body.

    Raises:
        Problem: 413; 400 for a body that broke off or came too slowly.
    """
    told = request.content_length
    if (told or 0) > limit:
        raise _too_large(limit)
    request.max_content_length = None
    try:
        with limited_patience(request, seconds=services().settings.patience):
            body = _read(request.stream, limit + 1 if told is None else told)
    except (OSError, ParseException) as error:
        raise bad_body("the body broke off, came too slowly or in broken chunks") from error
    if len(body) > limit:
        raise _too_large(limit)
    if len(body) < (told or 0):
        raise bad_body("the body broke off, came too slowly or in broken chunks")
    return body


def _read(stream: IO[bytes], most: int) -> bytes:
    parts, size = [], 0
    while size < most and (part := stream.read(min(CHUNK, most - size))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of an API call; no body at all is an empty one.

    Raises:
        Problem: 400, 413 or 415.
    """
    if not request.mimetype and not request.content_length and "Transfer-Encoding" not in request.headers:
        return {}
    check_json_type(request)
    body = read_body(request, limit=API_LIMIT)
    try:
        return parse_object(body or b"{}")
    except BadBody as error:
        raise bad_body(str(error)) from error


def bad_body(detail: str) -> Problem:
    """400, without repeating the input."""
    return Problem(
        "not-readable",
        "The body can't be read",
        detail=detail,
        next_step="send one JSON object in UTF-8",
        status=HTTPStatus.BAD_REQUEST,
    )


def _too_large(limit: int) -> Problem:
    return Problem(
        "too-large",
        "The body is too large",
        detail=f"the request's body has more than {limit} bytes",
        next_step="send less; a webhook needs only the push event",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )
