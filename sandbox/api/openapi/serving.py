"""How the documents are answered: which form, whether the client has it already, how long it may keep it.

As kube-openapi does it. Making a document takes a moment, in which the server answers others.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from sandbox.api.openapi.documents import encode, find_document, find_hash, find_index
from sandbox.api.openapi.swagger import find_compressed, find_protobuf, make_swagger

_JSON: Final = "application/json"
_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_OLD_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_ANY: Final = frozenset({"*/*", "application/*"})
_YEAR: Final = timedelta(days=365)
_STARTED: Final = format_datetime(datetime.now(UTC), usegmt=True)


async def serve(request: web.Request, path: str) -> web.Response:
    """Answer a request below `/openapi`; 404 for what there is no document of, 406 for another form."""
    match path.removeprefix("/openapi/").split("/"):
        case ["v2"]:
            return await _serve_swagger(request)
        case ["v3"]:
            return _respond_index(await asyncio.to_thread(find_index))
        case ["v3", *parts]:
            return await _serve_document(request, "/".join(parts))
    return _refuse(404, "404 page not found\n")


def _respond_index(body: bytes) -> web.Response:
    """The index is sent whole each time, and without its type, as kube-aggregator sends it."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "Last-Modified": _tell_time(datetime.now(UTC))}
    return web.Response(body=body, headers=headers)


async def _serve_document(request: web.Request, name: str) -> web.Response:
    body = await asyncio.to_thread(find_document, name)
    if body is None:
        return _refuse(404, "404 page not found\n")
    if not _list_accepted(request) & {_JSON, *_ANY}:
        return _refuse(406, "")
    asked, right = request.query.get("hash"), find_hash(name)
    if asked and asked != right:
        return web.Response(status=301, headers={"Location": f"{request.path}?hash={right}"})
    answer = _respond(request, body, name, _JSON)
    if asked:  # what it stands for never changes
        answer.headers["Cache-Control"] = "public, immutable"
        answer.headers["Expires"] = _tell_time(datetime.now(UTC) + _YEAR)
    return answer


async def _serve_swagger(request: web.Request) -> web.Response:
    accepted = _list_accepted(request)
    if accepted & {_PROTOBUF, _OLD_PROTOBUF}:
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            packed = await asyncio.to_thread(find_compressed)
            return _respond(request, packed, "v2", _PROTOBUF, encoding="gzip")
        return _respond(request, await asyncio.to_thread(find_protobuf), "v2", _PROTOBUF)
    if accepted & {_JSON, *_ANY}:
        return _respond(request, await asyncio.to_thread(lambda: encode(make_swagger())), "v2", _JSON)
    return _refuse(406, "")


def _list_accepted(request: web.Request) -> set[str]:
    asked = request.headers.get("Accept") or "*/*"
    return {part.partition(";")[0].strip() for part in asked.split(",")}


def _respond(request: web.Request, body: bytes, name: str, form: str, *, encoding: str = "") -> web.Response:
    """The bytes, or only the word that the client has them."""
    tag = f'"{find_hash(name)}"'
    headers = CIMultiDict({"ETag": tag, "Vary": "Accept", "Last-Modified": _STARTED})
    if tag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = form
    if encoding:
        headers.update({"Content-Encoding": encoding, "Vary": "Accept, Accept-Encoding"})
    return web.Response(body=body, headers=headers)


def _tell_time(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _refuse(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text)
