"""Bitbucket Server and Data Center: what their deliveries mean.

One ``repo:refs_changed`` holds every ref of a push. ``toHash`` is the tag object of an annotated tag; newer
versions name the commit of *one* ref in ``toCommit``, so with several tags each is left to the repository.

*Test connection* (``diagnostics:ping``) is sent without a signature even where a secret is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webhook.providers.bitbucket import NO_TAG
from webhook.providers.events import Event, Ignored, NewTag, Provider, TagPush
from webhook.providers.payload import (
    TAG_PREFIX,
    Commit,
    Part,
    identify,
    name_of,
    other_event,
    read_event,
    read_shape,
)
from webhook.providers.signature import check_prefixed
from webhook.providers.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.secret import Secret
    from webhook.providers.events import Delivery

EVENT: Final = "X-Event-Key"
SIGNATURE: Final = "X-Hub-Signature"
PING: Final = "diagnostics:ping"
IS_MOVE: Final = {"ADD": False, "UPDATE": True}
"""The changes of a tag that count."""
UNSIGNED_PING: Final = (
    "a test connection: it arrived; it is not signed, so neither secret nor app was checked"
)


class _Ref(Part):
    id: str
    type: str


class _Change(Part):
    ref: _Ref
    type: str


class _ToCommit(Part):
    id: Commit


class _Project(Part):
    key: str


class _Repository(Part):
    slug: str
    project: _Project


class _Actor(Part):
    name: str | None = None


class _RefsChanged(Part):
    changes: list[_Change]
    toCommit: _ToCommit | None = None  # noqa: N815 -- the host's own name
    repository: _Repository
    actor: _Actor | None = None


class BitbucketServer(Provider):
    """``events.Provider`` for Bitbucket Server and Data Center."""

    def verify(self, delivery: Delivery, secrets: Sequence[Secret]) -> None:
        """``X-Hub-Signature`` with SHA-256; a hook without a secret sends none and is refused."""
        check_prefixed(delivery.header(SIGNATURE), delivery.body, secrets)

    def greet(self, delivery: Delivery) -> Ignored | None:
        """The test connection, which tells the sender no more than that somebody is here."""
        if delivery.header(EVENT) != PING or delivery.header(SIGNATURE):
            return None
        return Ignored(UNSIGNED_PING, "")

    def parse(self, delivery: Delivery) -> Event:
        """Tags, or why there is nothing to do. It tells of no builds."""
        data = parse_object(delivery.body)
        event, identity = read_event(delivery, EVENT), identify(delivery, "X-Request-Id")
        if event != "repo:refs_changed":
            return other_event(event, identity)
        return _read_push(read_shape(_RefsChanged, data, what="push that Bitbucket Server sends"), identity)


def _read_push(push: _RefsChanged, delivery: str) -> Event:
    commit = push.toCommit.id if push.toCommit and len(push.changes) == 1 else ""
    tags = tuple(
        NewTag(change.ref.id.removeprefix(TAG_PREFIX), commit, is_move=IS_MOVE[change.type])
        for change in push.changes
        if change.ref.type == "TAG" and change.ref.id.startswith(TAG_PREFIX) and change.type in IS_MOVE
    )
    if not tags:
        return Ignored(NO_TAG, delivery)
    return TagPush(
        repository=f"{push.repository.project.key}/{push.repository.slug}",
        tags=tags,
        delivery=delivery,
        pusher=name_of(push.actor.name if push.actor else None),
    )
