"""GitHub and GitHub Enterprise Server: what their deliveries mean.

Only ``push`` of a tag starts something: GitHub sends ``create`` beside it for the same tag, without the
commit. The commit is ``head_commit.id``; ``after`` is the tag object of an annotated tag. What CI says is
read in ``github_ci``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webhook.providers.events import Event, Ignored, NewTag, Provider, TagPush
from webhook.providers.github_ci import READERS
from webhook.providers.payload import (
    BRANCH,
    DELETED,
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


class _Owner(Part):
    login: str | None = None
    name: str | None = None


class _Repository(Part):
    full_name: str | None = None
    name: str
    owner: _Owner

    @property
    def path(self) -> str:
        """``owner/name``; early deliveries have no ``full_name``."""
        return self.full_name or f"{self.owner.login or self.owner.name}/{self.name}"


class _HeadCommit(Part):
    id: Commit


class _Pusher(Part):
    name: str | None = None


class _Push(Part):
    ref: str
    created: bool
    deleted: bool
    head_commit: _HeadCommit | None
    repository: _Repository
    pusher: _Pusher | None = None


class GitHub(Provider):
    """``events.Provider`` for GitHub."""

    def verify(self, delivery: Delivery, secrets: Sequence[Secret]) -> None:
        """Only ``X-Hub-Signature-256`` counts; the SHA-1 header beside it is never looked at."""
        check_prefixed(delivery.header("X-Hub-Signature-256"), delivery.body, secrets)

    def parse(self, delivery: Delivery) -> Event:
        """A tag, words of CI, or why there is nothing to do."""
        data = parse_object(delivery.body)
        event, identity = read_event(delivery, "X-GitHub-Event"), identify(delivery, "X-GitHub-Delivery")
        if event in READERS:
            return READERS[event](data, identity)
        if event != "push":
            return other_event(event, identity)
        return _read_push(read_shape(_Push, data, what="push that GitHub sends"), identity)


def _read_push(push: _Push, delivery: str) -> Event:
    if not push.ref.startswith(TAG_PREFIX):
        return Ignored(BRANCH, delivery)
    if push.deleted:
        return Ignored(DELETED, delivery)
    commit = push.head_commit.id if push.head_commit else ""
    return TagPush(
        repository=push.repository.path,
        tags=(NewTag(push.ref.removeprefix(TAG_PREFIX), commit, is_move=not push.created),),
        delivery=delivery,
        pusher=name_of(push.pusher.name if push.pusher else None),
    )
