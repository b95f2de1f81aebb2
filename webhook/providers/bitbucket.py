"""Bitbucket Cloud: what its deliveries mean.

One ``repo:push`` holds every ref of a push, so several tags may start a release each. What CI says is
read in ``bitbucket_ci``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webhook.providers.bitbucket_ci import STATUS_EVENTS, read_status
from webhook.providers.events import Event, Ignored, NewTag, Provider, TagPush
from webhook.providers.payload import (
    Commit,
    Part,
    Repository,
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

TAG_TYPES: Final = frozenset({"tag", "annotated_tag"})
"""The second is what early versions called some of them."""
NO_TAG: Final = "no tag was pushed; branches, and tags that were deleted, start nothing"


class _Target(Part):
    hash: Commit


class _Ref(Part):
    type: str
    name: str
    target: _Target


class _OldRef(Part):
    type: str


class _Change(Part):
    old: _OldRef | None
    new: _Ref | None


class _Changes(Part):
    changes: list[_Change]


class _Actor(Part):
    nickname: str | None = None
    username: str | None = None
    display_name: str | None = None


class _Push(Part):
    push: _Changes
    repository: Repository
    actor: _Actor | None = None


class Bitbucket(Provider):
    """``events.Provider`` for Bitbucket Cloud."""

    def verify(self, delivery: Delivery, secrets: Sequence[Secret]) -> None:
        """``X-Hub-Signature``, here with SHA-256; ``X-Hook-UUID`` is no secret."""
        check_prefixed(delivery.header("X-Hub-Signature"), delivery.body, secrets)

    def parse(self, delivery: Delivery) -> Event:
        """Tags, words of CI, or why there is nothing to do."""
        data = parse_object(delivery.body)
        event, identity = read_event(delivery, "X-Event-Key"), identify(delivery, "X-Request-UUID")
        if event in STATUS_EVENTS:
            return read_status(data, identity)
        if event != "repo:push":
            return other_event(event, identity)
        return _read_push(read_shape(_Push, data, what="push that Bitbucket sends"), identity)


def _read_push(push: _Push, delivery: str) -> Event:
    tags = tuple(
        NewTag(change.new.name, change.new.target.hash, is_move=change.old is not None)
        for change in push.push.changes
        if change.new and change.new.type in TAG_TYPES
    )
    if not tags:
        return Ignored(NO_TAG, delivery)
    actor = push.actor or _Actor()
    return TagPush(
        repository=push.repository.full_name,
        tags=tags,
        delivery=delivery,
        pusher=name_of(actor.nickname, actor.username, actor.display_name),
    )
