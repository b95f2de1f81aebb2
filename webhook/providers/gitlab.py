"""GitLab: what its deliveries mean.

An app's secrets are either tokens, which GitLab sends along in plain, or, from GitLab 19 on, signing tokens
(``whsec_…``). Where signing tokens are configured a plain one counts for nothing: a hook that has both sends
both, and who has read one delivery would hold the token.

The header and the body have to agree that it is a tag: GitLab's Test button has sent one with the other.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from webhook.providers import standard_webhooks
from webhook.providers.events import BadSecret, BadSignature, Event, Ignored, NewTag, Provider, TagPush
from webhook.providers.payload import (
    DELETED,
    TAG_PREFIX,
    Commit,
    Part,
    identify,
    is_nothing,
    name_of,
    other_event,
    read_event,
    read_shape,
)
from webhook.providers.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.secret import Secret
    from webhook.providers.events import Delivery

TAG_EVENT: Final = "Tag Push Hook"
IDS: Final = (standard_webhooks.ID, "Idempotency-Key", "X-Gitlab-Event-UUID")
"""The first two stay the same when GitLab tries again; the last is what versions before 17.4 have."""
NOT_NEW: Final = (
    "the tag existed before: it was moved, or this is a test; push a new tag to release that commit"
)
NOT_ALIKE: Final = "the header tells of a tag, the body of something else, as old Test buttons send it"


class _Project(Part):
    path_with_namespace: str


class _Kind(Part):
    object_kind: str


class _TagPush(Part):
    ref: str
    before: Commit
    after: Commit
    checkout_sha: Commit | None
    project: _Project
    user_username: str | None = None
    user_name: str | None = None


class GitLab(Provider):
    """``events.Provider`` for GitLab."""

    def verify(self, delivery: Delivery, secrets: Sequence[Secret]) -> None:
        """By signature where one signing token is configured, else by the token that comes along."""
        keys = [secret for secret in secrets if standard_webhooks.is_signing_key(secret)]
        if keys:
            standard_webhooks.check_standard_signature(delivery, keys)
        else:
            _check_token(delivery.header("X-Gitlab-Token"), secrets)

    def check_secrets(self, secrets: Sequence[Secret]) -> None:
        """All of one kind: a plain token beside a signing token would never be asked for."""
        keys = [secret for secret in secrets if standard_webhooks.is_signing_key(secret)]
        standard_webhooks.check_keys(keys)
        if keys and len(keys) < len(secrets):
            raise BadSecret("plain tokens don't count beside signing tokens (whsec_…): take them out")

    def parse(self, delivery: Delivery) -> Event:
        """A new tag, or why there is nothing to do."""
        data = parse_object(delivery.body)
        event, identity = read_event(delivery, "X-Gitlab-Event"), identify(delivery, *IDS)
        if event != TAG_EVENT:
            return other_event(event, identity)
        if read_shape(_Kind, data, what="tag push that GitLab sends").object_kind != "tag_push":
            return Ignored(NOT_ALIKE, identity)
        return _read_push(read_shape(_TagPush, data, what="tag push that GitLab sends"), identity)


def _check_token(token: str, secrets: Sequence[Secret]) -> None:
    """Compare bytes: headers come as Latin-1 whatever they hold, and ``compare_digest`` refuses such text."""
    given = token.encode("latin-1", "replace")
    matches = [hmac.compare_digest(secret.reveal().encode(), given) for secret in secrets]
    if not any(matches):
        raise BadSignature


def _read_push(push: _TagPush, delivery: str) -> Event:
    if not push.ref.startswith(TAG_PREFIX):
        return Ignored(NOT_ALIKE, delivery)
    if is_nothing(push.after):
        return Ignored(DELETED, delivery)
    if not is_nothing(push.before):
        return Ignored(NOT_NEW, delivery)
    return TagPush(
        repository=push.project.path_with_namespace,
        tags=(NewTag(push.ref.removeprefix(TAG_PREFIX), push.checkout_sha or ""),),
        delivery=delivery,
        pusher=name_of(push.user_username, push.user_name),
    )
