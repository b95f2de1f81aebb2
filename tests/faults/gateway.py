"""The campaign's ingress gateway: follows each app's route as Envoy would, to pods that only pretend.

``POST /weather?seconds=…`` makes the cluster's API fail for so long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.store import Object, Store

ROUTES: Final = "virtualservices.networking.istio.io"
RULES: Final = "destinationrules.networking.istio.io"
TEST_COOKIE: Final = "test=true"


class Gateway:
    """Answers for every app by the name that is asked for: ``<app>.example.com``."""

    def __init__(self, store: Store, spoil: Callable[[float], None]) -> None:
        self._store = store
        self._spoil = spoil

    async def start(self, port: int) -> None:
        """Listen on 127.0.0.1."""
        app = web.Application()
        app.router.add_post("/weather", self._change_weather)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    async def _change_weather(self, request: web.Request) -> web.Response:
        self._spoil(float(request.query["seconds"]))
        return web.Response(status=204)

    async def _answer(self, request: web.Request) -> web.Response:
        """404 without a route, 503 where the route leads to no subset or to no ready pod, else 200."""
        app = request.host.partition(".")[0]
        route = self._store.find(ROUTES, app, f"{app}-blue-green")
        if route is None:
            return web.Response(status=404)
        entry = choose_entry(route, is_test=TEST_COOKIE in request.headers.get("Cookie", ""))
        subset = str(entry["route"][0]["destination"]["subset"])
        if not self._has_subset(app, subset) or not self._has_pod(app, subset):
            return web.Response(status=503)
        headers = ((entry.get("headers") or {}).get("response") or {}).get("set") or {}
        return web.json_response({"color": subset}, headers=headers)

    def _has_subset(self, app: str, name: str) -> bool:
        rule = self._store.find(RULES, app, f"{app}-blue-green")
        return rule is not None and any(one["name"] == name for one in rule["spec"].get("subsets") or ())

    def _has_pod(self, app: str, color: str) -> bool:
        pods = self._store.list("pods", app)
        return any(pod["metadata"]["labels"]["color"] == color and is_ready(pod) for pod in pods)


def choose_entry(route: Object, *, is_test: bool) -> Object:
    """The entry that a request takes: the first with a match for the test cookie, else the last."""
    entries: list[Object] = route["spec"]["http"]
    return next((entry for entry in entries if is_test and entry.get("match")), entries[-1])


def is_ready(pod: Object) -> bool:
    """Whether a pod takes requests."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
