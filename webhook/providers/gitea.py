"""Gitea: what its deliveries mean. Forgejo and Gogs, which share its origin, stand on this.

Gitea sends the headers of GitHub and Gogs along; only its own count. ``create`` comes beside ``push`` for one
new tag. ``before`` is zero for a moved tag, too, so the payload can't tell one from a new tag. What CI says
is read in ``gitea_ci``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from webhook.providers import gitea_ci
from webhook.providers.events import Event, Ignored, NewTag, Provider, TagPush
from webhook.providers.payload import (
    BRANCH,
    DELETED,
    TAG_PREFIX,
    Commit,
    Part,
    Repository,
    identify,
    is_nothing,
    name_of,
    other_event,
    read_event,
    read_shape,
)
from webhook.providers.signature import check_hmac_sha256
from webhook.providers.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release.secret import Secret
    from webhook.providers.checks import Reader
    from webhook.providers.events import Delivery


class Person(Part):
    """Who pushed: ``login``, in Gogs and old versions ``username``."""

    login: str | None = None
    username: str | None = None


class _HeadCommit(Part):
    id: Commit


class _Push(Part):
    ref: str
    after: Commit
    head_commit: _HeadCommit | None = None
    repository: Repository
    pusher: Person | None = None


class Gitea(Provider):
    """``events.Provider`` for Gitea. ``name`` stands in each of its headers, ``ci`` reads words of CI."""

    name: ClassVar[str] = "Gitea"
    ci: ClassVar[Mapping[str, Reader]] = gitea_ci.GITEA

    def verify(self, delivery: Delivery, secrets: Sequence[Secret]) -> None:
        """The digits alone, without a prefix; a hook without a secret sends the header empty."""
        check_hmac_sha256(delivery.header(f"X-{self.name}-Signature"), delivery.body, secrets)

    def parse(self, delivery: Delivery) -> Event:
        """A tag, words of CI, or why there is nothing to do."""
        data = parse_object(delivery.body)
        event = read_event(delivery, f"X-{self.name}-Event")
        return self.read(event, data, identify(delivery, f"X-{self.name}-Delivery"))

    def read(self, event: str, data: Mapping[str, object], delivery: str) -> Event:
        """What an event means: ``push``, and what CI says."""
        if event in self.ci:
            return self.ci[event](data, delivery)
        if event != "push":
            return other_event(event, delivery)
        return _read_push(read_shape(_Push, data, what=f"push that {self.name} sends"), delivery)


def _read_push(push: _Push, delivery: str) -> Event:
    if not push.ref.startswith(TAG_PREFIX):
        return Ignored(BRANCH, delivery)
    if is_nothing(push.after):
        return Ignored(DELETED, delivery)
    commit = push.head_commit.id if push.head_commit else ""
    pusher = push.pusher or Person()
    return TagPush(
        repository=push.repository.full_name,
        tags=(NewTag(push.ref.removeprefix(TAG_PREFIX), commit),),
        delivery=delivery,
        pusher=name_of(pusher.login, pusher.username),
        is_move_told=False,
    )
