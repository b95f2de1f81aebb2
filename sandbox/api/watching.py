"""Watches: the stream of events that a client gets, from the state it knows or from the state there is.

A watch ends with its timeout, with the client, or when it is cut from outside. Objects that enter or leave
the selection are told as added and deleted. How events are written is the business of the caller.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sandbox.api.errors import ApiError
from sandbox.api.selectors import Predicate
from sandbox.api.targets import Target
from sandbox.store import Event, EventType, Expired, Object, Store

BOOKMARK_PERIOD = 60.0
END_OF_INITIAL = {"k8s.io/initial-events-end": "true"}

Told = tuple[str, Object]


@dataclass(frozen=True)
class WatchOptions:
    """What a watch asks for. `since` is None to begin with the state there is; `timeout` in seconds."""

    since: int | None
    timeout: float
    bookmarks: bool
    initial_events: bool


@dataclass
class Watches:
    """The open watches, so that all of them can be cut at once."""

    _queues: set["asyncio.Queue[Event | None]"] = field(default_factory=set)

    def cut(self) -> int:
        """End every open watch as a lost connection would; returns how many there were."""
        count = len(self._queues)
        for queue in tuple(self._queues):
            queue.put_nowait(None)
        return count

    async def follow(
        self, store: Store, target: Target, chooses: Predicate, options: WatchOptions
    ) -> AsyncIterator[Told]:
        """The events of a watch as (type, object), `BOOKMARK` and `ERROR` among them."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        unsubscribe = store.subscribe(queue.put_nowait)
        self._queues.add(queue)
        try:
            for told in _begin(store, target, chooses, options):
                yield told
                if told[0] == "ERROR":
                    return
            async for told in _continue(store, target, chooses, options, queue):
                yield told
        finally:
            unsubscribe()
            self._queues.discard(queue)


def _begin(store: Store, target: Target, chooses: Predicate, options: WatchOptions) -> list[Told]:
    """What is told at once: the state there is, or what the client missed."""
    namespace = target.namespace or None
    if options.since is None or options.initial_events:
        objects = store.list(target.resource.key, namespace)
        told: list[Told] = [(EventType.ADDED, obj) for obj in objects if chooses(obj) and _is_at(target, obj)]
        if options.initial_events:
            told.append(("BOOKMARK", _bookmark(store, target, END_OF_INITIAL)))
        return told
    try:
        missed = store.events_since(target.resource.key, options.since)
    except Expired as error:
        return [("ERROR", ApiError(410, "Expired", str(error)).as_status())]
    return [found for event in missed if (found := _tell(event, target, chooses))]


async def _continue(
    store: Store,
    target: Target,
    chooses: Predicate,
    options: WatchOptions,
    queue: "asyncio.Queue[Event | None]",
) -> AsyncIterator[Told]:
    loop = asyncio.get_running_loop()
    end = loop.time() + options.timeout
    while (left := end - loop.time()) > 0:
        try:
            event = await asyncio.wait_for(queue.get(), min(left, BOOKMARK_PERIOD))
        except TimeoutError:
            if options.bookmarks:
                yield "BOOKMARK", _bookmark(store, target, {})
            continue
        if event is None:
            return
        told = _tell(event, target, chooses)
        if told:
            yield told


def _tell(event: Event, target: Target, chooses: Predicate) -> Told | None:
    if event.resource != target.resource.key or not _is_at(target, event.object):
        return None
    is_in = event.type is not EventType.DELETED and chooses(event.object)
    was_in = event.previous is not None and chooses(event.previous)
    if is_in:
        return (EventType.MODIFIED if was_in else EventType.ADDED), event.object
    return (EventType.DELETED, event.object) if was_in else None


def _is_at(target: Target, obj: Object) -> bool:
    metadata = obj["metadata"]
    if target.namespace and metadata.get("namespace") != target.namespace:
        return False
    return not target.name or metadata["name"] == target.name


def _bookmark(store: Store, target: Target, annotations: dict[str, str]) -> Object:
    """An event that says only up to where the client has seen everything."""
    metadata: Object = {"resourceVersion": str(store.revision), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = annotations
    return {"kind": target.resource.kind, "apiVersion": target.api_version, "metadata": metadata}
