"""Sees every write that reaches the API server and puts it into the journal, accepted or refused."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tests.faults.journal import NOBODY, Journal, Refusal, Write, now

if TYPE_CHECKING:
    from sandbox.store import Event, Object, Store

FENCE: Final = "verdigris.dev/fence"
LIVE: Final = "verdigris.dev/live-release"
PASSED: Final = "verdigris.dev/passed-template"
WATCHED: Final = {
    "deployments": "deployments.apps",
    "services": "services",
    "gateways": "gateways.networking.istio.io",
    "virtualservices": "virtualservices.networking.istio.io",
    "destinationrules": "destinationrules.networking.istio.io",
}
WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FIRST_ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that is being answered; the controllers' own writes have none."""

    sent: int


_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


class Witness:
    """Listens at the API server's door and at its store."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        store.subscribe(self._hear)

    def middleware(self) -> Any:  # noqa: ANN401 -- aiohttp's type of a decorated middleware has no name
        """For the API server's application."""

        @web.middleware
        async def witness(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 -- as above
            if request.method not in WRITING or "dryRun" in request.query:
                answer: web.StreamResponse = await handler(request)
                return answer
            return await self._follow(request, handler)

        return witness

    async def _follow(self, request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 -- as above
        body = await request.text()
        resource, app, name = _place(request.path, body)
        sent = fence_sent(body)
        token = _asked.set(Asked(sent))
        try:
            answer: web.StreamResponse = await handler(request)
        finally:
            _asked.reset(token)
        if answer.status >= FIRST_ERROR:
            standing = self._store.find(resource, app, name)
            fence = fence_of(standing) if standing else NOBODY
            self._journal.add(Refusal(now(), app, request.path, answer.status, sent, fence))
        return answer

    def _hear(self, event: Event) -> None:
        asked = _asked.get()
        if asked is None or event.resource not in WATCHED.values():
            return
        metadata, previous = event.object["metadata"], event.previous
        self._journal.add(
            Write(
                at=now(),
                revision=event.revision,
                app=metadata["namespace"],
                object=f"{event.resource}/{metadata['name']}",
                uid=metadata["uid"],
                what=event.type,
                sent=asked.sent,
                before=fence_of(previous) if previous else NOBODY,
                after=fence_of(event.object),
                release=(metadata.get("labels") or {}).get("workflow", ""),
                passed=_annotation(event.object, PASSED),
                default=_default_subset(event.object) if event.resource.startswith("virtual") else "",
                live=_annotation(event.object, LIVE),
            )
        )


def fence_of(obj: Object) -> int:
    """The fence that an object carries."""
    text = _annotation(obj, FENCE)
    return int(text) if text.isdigit() else NOBODY


def fence_sent(body: str) -> int:
    """The fence that a request's body stamps: in an object's annotations, or in a patch of them."""
    document = json.loads(body) if body.strip() else {}
    if isinstance(document, dict):
        return fence_of({"metadata": {}, **document})
    for operation in document:
        if operation["path"].endswith("/" + FENCE.replace("/", "~1")):
            return int(operation["value"])
        if operation["path"] == "/metadata/annotations" and FENCE in (operation.get("value") or {}):
            return int(operation["value"][FENCE])
    return NOBODY


def _place(path: str, body: str) -> tuple[str, str, str]:
    """Resource, namespace and name of a request; a create's name stands in its body."""
    parts = path.split("/")
    if "namespaces" not in parts:
        return "", "", ""
    app, plural, *rest = parts[parts.index("namespaces") + 1 :]
    name = rest[0] if rest else str(json.loads(body)["metadata"]["name"])
    return WATCHED.get(plural, plural), app, name


def _annotation(obj: Object, name: str) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(name, ""))


def _default_subset(virtual_service: Object) -> str:
    entries = virtual_service["spec"].get("http") or [{}]
    destinations = entries[-1].get("route") or [{}]
    return str((destinations[0].get("destination") or {}).get("subset", ""))
