"""The endpoints of resources: from a verb and a target to the answer. Permission is checked first, here."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from sandbox.api import reviews
from sandbox.api.access import User, check_allowed, make_wish
from sandbox.api.answers import Form, choose_form, encode, respond, show_list, show_object
from sandbox.api.bodies import (
    APPLY,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    read_delete,
    read_json,
    read_number,
    read_object,
    read_write,
    unsupported,
)
from sandbox.api.decoding import read_object as decode
from sandbox.api.deletion import delete
from sandbox.api.errors import ApiError, bad_request
from sandbox.api.managed import track_update
from sandbox.api.patches import apply_json_patch, apply_merge_patch, apply_strategic_patch
from sandbox.api.pods import Node, answer_exec, answer_log
from sandbox.api.scaling import make_scale, write_scale
from sandbox.api.selectors import Predicate, parse_selection
from sandbox.api.targets import Target, find_verb
from sandbox.api.types import StructRef
from sandbox.api.usage import Usage
from sandbox.api.watching import Told, Watches, WatchOptions
from sandbox.api.writes import Change, Write, apply_object, create, patch, replace
from sandbox.store import Json, Object, Store

Answer = Callable[[web.Request, Target], Awaitable[web.StreamResponse]]


class Endpoints:
    """Answers requests for objects of one store and one node."""

    def __init__(self, store: Store, node: Node, watches: Watches, usage: Usage) -> None:
        self._store = store
        self._usage = usage
        self._node = node
        self._watches = watches
        self._verbs: dict[str, Answer] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    async def answer(self, request: web.Request, user: User, target: Target) -> web.StreamResponse:
        """Answer a request.

        Raises:
            ApiError: anything that the client is to be told as an error.
            StoreError: the same, from the store or the node.
        """
        verb = find_verb(target, request.method, request.query)
        if target.resource.kind in reviews.KINDS and verb == "create":
            return await self._review(request, user, target)
        if verb is None or not target.resource.stored:
            raise ApiError(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
                details={},
            )
        self._check(user, target, verb)
        if target.subresource == "exec":
            self._check(user, target, "create")
            return await answer_exec(request, self._store, self._node, target)
        if target.subresource == "log":
            return await answer_log(request, self._store, self._node, target)
        if verb == "patch" and request.content_type == APPLY and not self._exists(target):
            self._check(user, target, "create")
        return await self._verbs[verb](request, target)

    def _check(self, user: User, target: Target, verb: str) -> None:
        """Refuse what the user may not do; either way it is remembered that it was asked for."""
        allowed = False
        try:
            check_allowed(self._store, user, target, verb)
            allowed = True
        finally:
            self._usage.note(user, make_wish(target, verb), allowed=allowed)

    def _exists(self, target: Target) -> bool:
        return self._store.find(target.resource.key, target.namespace, target.name) is not None

    async def _get(self, request: web.Request, target: Target) -> web.Response:
        form = _read_form(request)
        obj = self._store.get(target.resource.key, target.namespace, target.name)
        shown = make_scale(obj) if target.subresource == "scale" else obj
        return respond(show_object(target, shown, form, include=_read_include(request)))

    async def _list(self, request: web.Request, target: Target) -> web.Response:
        form = _read_form(request)
        objects = self._choose(target, _read_selection(request, target))
        revision = self._store.revision
        return respond(show_list(target, objects, revision, form, include=_read_include(request)))

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        form = _read_form(request)
        chooses = _read_selection(request, target)
        options = _read_watch(request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionResetError):  # whoever watched has gone, as watchers do
            async for told in self._watches.follow(self._store, target, chooses, options):
                await response.write(_encode_told(request, target, form, told))
            await response.write_eof()
        return response

    async def _create(self, request: web.Request, target: Target) -> web.Response:
        write = read_write(request, target, "Update")
        created = create(self._store, write, await read_object(request))
        return _respond_write(request, write, created, 201)

    async def _update(self, request: web.Request, target: Target) -> web.Response:
        write = read_write(request, target, "Update")
        body = await read_object(request)
        if target.subresource == "scale":
            return _respond_write(request, write, write_scale(self._store, write, body), 200)
        return _respond_write(request, write, replace(self._store, write, body), 200)

    async def _patch(self, request: web.Request, target: Target) -> web.Response:
        kind = request.content_type
        if kind == APPLY:
            return await self._apply(request, target)
        write = read_write(request, target, "Update")
        patched = _choose_patch(target, kind, await read_json(request))
        if target.subresource == "scale":
            obj = self._store.get(target.resource.key, target.namespace, target.name)
            scale = write_scale(self._store, write, patched(make_scale(obj)))
            return _respond_write(request, write, scale, 200)
        return _respond_write(request, write, patch(self._store, write, patched), 200)

    async def _apply(self, request: web.Request, target: Target) -> web.Response:
        write = read_write(request, target, "Apply")
        declared = await read_object(request)
        if target.subresource:
            raise bad_request(
                f"the sandbox does not serve apply patches of the subresource {target.subresource}"
            )
        obj, is_new = apply_object(self._store, write, declared)
        return _respond_write(request, write, obj, 201 if is_new else 200)

    async def _delete(self, request: web.Request, target: Target) -> web.Response:
        form = _read_form(request)
        gone = delete(self._store, target, await read_delete(request))
        return respond(show_object(target, gone, form))

    async def _delete_collection(self, request: web.Request, target: Target) -> web.Response:
        options = await read_delete(request)
        objects = self._choose(target, _read_selection(request, target))
        for obj in objects:
            metadata = obj["metadata"]
            one = Target(target.resource, target.version, metadata.get("namespace", ""), metadata["name"])
            delete(self._store, one, options)
        return respond(show_list(target, objects, self._store.revision, Form.OBJECT))

    async def _review(self, request: web.Request, user: User, target: Target) -> web.Response:
        """What may the asker do? Everybody may ask."""
        write = read_write(request, target, "Update")
        review = decode(target.resource, await read_object(request)).obj
        review.setdefault("metadata", {})
        track_update(target.resource, None, review, write.writer)
        status = reviews.review(self._store, user, target.resource, review)
        return respond(show_object(target, {**review, "status": status}), 201)

    def _choose(self, target: Target, chooses: Predicate) -> list[Object]:
        objects = self._store.list(target.resource.key, target.namespace or None)
        return [obj for obj in objects if chooses(obj)]


def _read_form(request: web.Request) -> Form:
    return choose_form(request.headers.get("Accept", ""))


def _read_include(request: web.Request) -> str:
    return request.query.get("includeObject", "")


def _read_selection(request: web.Request, target: Target) -> Predicate:
    query = request.query
    return parse_selection(target.resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))


def _read_watch(request: web.Request) -> WatchOptions:
    """A watch without a timeout gets one of 30 to 60 minutes, so that not all end at once."""
    query = request.query
    return WatchOptions(
        since=read_number(query, "resourceVersion"),
        timeout=read_number(query, "timeoutSeconds") or random.uniform(1800, 3600),  # noqa: S311 -- invented names, no secrets
        bookmarks=query.get("allowWatchBookmarks", "").lower() in {"1", "true"},
        initial_events=query.get("sendInitialEvents", "").lower() in {"1", "true"},
    )


def _encode_told(request: web.Request, target: Target, form: Form, told: Told) -> bytes:
    kind, obj = told
    is_object = kind not in {"BOOKMARK", "ERROR"}
    shown = show_object(target, obj, form, include=_read_include(request)) if is_object else obj
    return encode({"type": kind, "object": shown})


def _choose_patch(target: Target, content_type: str, body: Json) -> Change:
    """How a patch of that type changes an object. Custom resources know no strategic merge."""
    is_scale = target.subresource == "scale"
    of = StructRef("Scale" if is_scale else target.resource.kind)
    if content_type == JSON_PATCH:
        return lambda obj: apply_json_patch(obj, body)
    if content_type == MERGE_PATCH and isinstance(body, dict):
        return lambda obj: dict(apply_merge_patch(obj, body))
    if content_type == STRATEGIC_PATCH and isinstance(body, dict) and not target.resource.custom:
        return lambda obj: dict(apply_strategic_patch(of, obj, body))
    if content_type in {MERGE_PATCH, STRATEGIC_PATCH} and not isinstance(body, dict):
        raise bad_request("json: cannot unmarshal array into Go value of type map[string]interface {}")
    accepted = [JSON_PATCH, MERGE_PATCH, *([] if target.resource.custom else [STRATEGIC_PATCH]), APPLY]
    raise unsupported(content_type, ", ".join(accepted))


def _respond_write(request: web.Request, write: Write, obj: Object, status: int) -> web.Response:
    response = respond(show_object(write.target, obj, _read_form(request)), status)
    for warning in write.warnings:
        escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')
    return response
