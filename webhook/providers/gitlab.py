"""GitLab: what its deliveries mean.

An app's secrets are either tokens, which GitLab sends along in plain, or, from GitLab 19 on, signing tokens
(``whsec_…``). Where signing tokens are configured a plain one counts for nothing: a hook that has both sends
both, and who has read one delivery would hold the token.

The header and the body have to agree on what it is: GitLab's Test button has sent one with the other. It
tells of the newest tag as if that had been moved. What CI says is read in ``gitlab_ci``.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from webhook.providers import standard_webhooks
from webhook.providers.events import BadSecret, BadSignature, Event, Ignored, NewTag, Provider, TagPush
from webhook.providers.gitlab_ci import read_pipeline
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
KINDS: Final = {TAG_EVENT: "tag_push", "Pipeline Hook": "pipeline"}
"""What the body says of itself under each header that counts."""
IDS: Final = (standard_webhooks.ID, "Idempotency-Key", "X-Gitlab-Event-UUID")
"""The first two stay the same when GitLab tries again; the last is what versions before 17.4 have."""
TEST: Final = "this is a test of the hook, about a tag that exists already; push a new tag to release it"
NOT_ALIKE: Final = "the header tells of one thing, the body of something else, as old Test buttons send it"


class _Project(Part):
    path_with_namespace: str


class _Kind(Part):
    object_kind: str


class _Commit(Part):
    id: str


class _TagPush(Part):
    ref: str
    before: Commit
    after: Commit
    checkout_sha: Commit | None
    commits: list[_Commit] | None = None
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
        """A tag, words of CI, or why there is nothing to do."""
        data = parse_object(delivery.body)
        event, identity = read_event(delivery, "X-Gitlab-Event"), identify(delivery, *IDS)
        if event not in KINDS:
            return other_event(event, identity)
        if read_shape(_Kind, data, what=f"{event} that GitLab sends").object_kind != KINDS[event]:
            return Ignored(NOT_ALIKE, identity)
        if event != TAG_EVENT:
            return read_pipeline(data, identity)
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
    if _is_test(push):
        return Ignored(TEST, delivery)
    name = push.ref.removeprefix(TAG_PREFIX)
    return TagPush(
        repository=push.project.path_with_namespace,
        tags=(NewTag(name, push.checkout_sha or "", is_move=not is_nothing(push.before)),),
        delivery=delivery,
        pusher=name_of(push.user_username, push.user_name),
    )


def _is_test(push: _TagPush) -> bool:
    """Whether it goes to the head of a branch, as Test buttons have it, and not to what the tag names.

    A tag that was moved goes to its commit, or to its tag object, which is no commit.
    """
    return push.after != push.checkout_sha and push.after in {commit.id for commit in push.commits or ()}
