"""GitHub and GitHub Enterprise Server: what their deliveries mean.

Only ``push`` of a new tag starts something: GitHub sends ``create`` beside it for the same tag, without the
commit. The commit is ``head_commit.id``; ``after`` is the tag object of an annotated tag.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from release.tag import shown
from webhook.providers.events import BadShape, BadSignature, Event, Ignored, TagPush
from webhook.providers.signature import check_hmac_sha256
from webhook.providers.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release.secret import Secret

SIGNATURE_PREFIX: Final = "sha256="
TAG_PREFIX: Final = "refs/tags/"

Commit = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]


class _Part(BaseModel):
    """Only what is read is checked: GitHub adds fields as it likes. Nothing is converted."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Owner(_Part):
    login: str | None = None
    name: str | None = None


class _Repository(_Part):
    full_name: str | None = None
    name: str
    owner: _Owner

    @property
    def path(self) -> str:
        """``owner/name``; early deliveries have no ``full_name``."""
        return self.full_name or f"{self.owner.login or self.owner.name}/{self.name}"


class _HeadCommit(_Part):
    id: Commit


class _Pusher(_Part):
    name: str | None = None


class _Push(_Part):
    ref: str
    created: bool
    deleted: bool
    head_commit: _HeadCommit | None
    repository: _Repository
    pusher: _Pusher | None = None


class GitHub:
    """``events.Provider`` for GitHub."""

    def receive(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret]) -> Event:
        """Verify, then parse."""
        self.verify(headers, body, secrets)
        return self.parse(headers, body)

    def verify(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret]) -> None:
        """Only ``X-Hub-Signature-256`` counts; the SHA-1 header beside it is never looked at."""
        signature = _header(headers, "X-Hub-Signature-256")
        if not signature.startswith(SIGNATURE_PREFIX):
            raise BadSignature
        check_hmac_sha256(signature.removeprefix(SIGNATURE_PREFIX), body, secrets)

    def parse(self, headers: Mapping[str, str], body: bytes) -> Event:
        """A new tag, or why there is nothing to do."""
        data = parse_object(body)
        event, delivery = _header(headers, "X-GitHub-Event"), _delivery(headers, body)
        if not event:
            raise BadShape("the X-GitHub-Event header is missing")
        if event != "push":
            return Ignored(f"the event is {shown(event)}; only the push of a new tag counts", delivery)
        return _read_push(_validate(data), delivery)


def _header(headers: Mapping[str, str], name: str) -> str:
    """A header whatever its case; empty where it is missing."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def _delivery(headers: Mapping[str, str], body: bytes) -> str:
    """GitHub's id of the delivery; where that was dropped on the way, the same body is the same delivery."""
    named = _header(headers, "X-GitHub-Delivery")
    return shown(named) if named else f"sha256:{hashlib.sha256(body).hexdigest()[:32]}"


def _validate(data: dict[str, object]) -> _Push:
    try:
        return _Push.model_validate(data)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in finding["loc"]) for finding in error.errors()})
        raise BadShape(f"not the push that GitHub sends; wrong or missing: {', '.join(fields)}") from None


def _read_push(push: _Push, delivery: str) -> Event:
    if not push.ref.startswith(TAG_PREFIX):
        return Ignored("a branch was pushed; only a new tag starts a release", delivery)
    if push.deleted:
        return Ignored("a tag was deleted; what was released stays", delivery)
    if not push.created:
        return Ignored("an existing tag was moved; push a new tag to release that commit", delivery)
    return TagPush(
        repository=push.repository.path,
        tag=push.ref.removeprefix(TAG_PREFIX),
        commit=push.head_commit.id if push.head_commit else "",
        delivery=delivery,
        pusher=shown((push.pusher and push.pusher.name) or "unknown"),
    )
