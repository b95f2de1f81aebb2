"""The API server: who asks, what for, and which answer.

Each step is a module of its own; this one puts them in order. What is stored, run or routed lies outside.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from sandbox.api import discovery
from sandbox.api.access import User, authenticate
from sandbox.api.answers import choose_form, respond, respond_error
from sandbox.api.endpoints import Endpoints
from sandbox.api.errors import ApiError, translate
from sandbox.api.kubeconfig import split_token, write_kubeconfig
from sandbox.api.namespaces import add_namespace
from sandbox.api.openapi import serving
from sandbox.api.pods import Node
from sandbox.api.resources import get_resource
from sandbox.api.targets import UnknownResource, UnknownVersion, parse_path
from sandbox.api.usage import Usage
from sandbox.api.watching import Watches
from sandbox.store import Store, StoreError

__all__ = ["ApiServer", "Fault", "User", "write_kubeconfig"]

NAMESPACES = ("default", "kube-system")
MAX_BODY = 3 * 1024 * 1024  # bytes, as a real server's limit
_OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version"})

# Called before every request: it may wait, and may return an error to answer with. For tests of bad weather.
Fault = Callable[[web.Request], Awaitable[ApiError | None]]


class ApiServer:
    """Serves a store and a node over HTTP on 127.0.0.1. `fault` may be set and unset at any time."""

    def __init__(
        self,
        store: Store,
        node: Node,
        tokens: Mapping[str, User],
        *,
        fault: Fault | None = None,
        usage: Usage | None = None,
    ) -> None:
        """`tokens`: the bearer tokens that are accepted, and whose they are. `usage`: what they were for."""
        self.fault = fault
        self.usage = usage or Usage()
        self.watches = Watches()
        self.app = web.Application(client_max_size=MAX_BODY)
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self._tokens = tokens
        self._endpoints = Endpoints(store, node, self.watches, self.usage)
        self._runner: web.AppRunner | None = None
        for name in NAMESPACES:
            add_namespace(store, name)

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1; returns the port, a free one for 0.

        Raises:
            OSError: the port is taken.
        """
        self._runner = web.AppRunner(
            self.app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        chosen: int = self._runner.addresses[0][1]
        return chosen

    async def stop(self) -> None:
        """End all watches and connections."""
        self.watches.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            error = await self.fault(request) if self.fault else None
            if error is not None:
                return respond_error(error)
            return await self._answer(request)
        except ApiError as error:
            return respond_error(error)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        carried, path = split_token(request.path.rstrip("/") or "/")
        if path in _OPEN_PATHS:
            return respond(discovery.VERSION) if path == "/version" else web.Response(text="ok")
        user = authenticate(request.headers.get("Authorization") or carried, self._tokens)
        document = await _find_document(request, path)
        if document is not None:
            return document
        try:
            target = parse_path(path)
        except UnknownVersion:
            return web.Response(status=404, text="404 page not found\n")
        except UnknownResource:
            return respond_error(_no_resource())
        try:
            return await self._endpoints.answer(request, user, target)
        except StoreError as error:
            named = getattr(error, "resource", target.resource.key)
            return respond_error(translate(error, get_resource(named)))


async def _find_document(request: web.Request, path: str) -> web.Response | None:
    """The answer where the path is about what is served rather than about objects."""
    if path.startswith("/openapi/"):
        return await serving.serve(request, path)
    return _find_discovery(request, path)


def _find_discovery(request: web.Request, path: str) -> web.Response | None:
    parts = [part for part in path.split("/") if part]
    if path in {"/api", "/apis"} and discovery.AGGREGATED.partition("/")[0] in request.headers.get(
        "Accept", ""
    ):
        content_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        return respond(discovery.aggregate(core=path == "/api"), content_type=content_type)
    body = None
    match parts:
        case ["api"]:
            body = discovery.list_versions(request.host)
        case ["apis"]:
            body = discovery.list_groups()
        case ["apis", group]:
            body = discovery.find_group(group)
        case ["api", version]:
            body = discovery.find_resources("", version)
        case ["apis", group, version]:
            body = discovery.find_resources(group, version)
    choose_form(request.headers.get("Accept", ""))
    return None if body is None else respond(body)


def _no_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})
