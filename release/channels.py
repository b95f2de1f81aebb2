"""Where signals go, as parts of the configuration: chats, webhooks, and the status of commits.

A channel is asked at the address that stands here and nowhere else. What is told is in ``signals``.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, model_validator

from release.references import STRICT, ConfigError, SecretReference
from release.signing import signing_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.origins import Webhook
    from release.secret import Secret


class Topic(StrEnum):
    """What a signal is about. ``stage`` is for the status of commits and for webhooks."""

    WAITING_FOR_APPROVAL = "waiting-for-approval"
    READY = "ready"
    LIVE = "live"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    GITOPS_REVERT = "gitops-revert"
    QUEUE_STUCK = "queue-stuck"
    STAGE = "stage"
    TEST = "test"


ChatTopic = Literal[
    Topic.WAITING_FOR_APPROVAL,
    Topic.READY,
    Topic.LIVE,
    Topic.FAILED,
    Topic.ROLLED_BACK,
    Topic.GITOPS_REVERT,
    Topic.QUEUE_STUCK,
]
WebhookTopic = Literal[ChatTopic, Topic.STAGE]

FOR_PEOPLE: Final[tuple[ChatTopic, ...]] = (
    Topic.WAITING_FOR_APPROVAL,
    Topic.READY,
    Topic.LIVE,
    Topic.FAILED,
    Topic.ROLLED_BACK,
    Topic.GITOPS_REVERT,
    Topic.QUEUE_STUCK,
)


PUBLIC: Final = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}
"""Where commits are, if nothing is said of it."""


class _Channel(BaseModel):
    """What channels of every kind have."""

    model_config = STRICT

    apps: Annotated[list[str], Field(description="whose signals; empty: all apps'")] = []
    plain_http: Annotated[bool, Field(description="no TLS: only inside a network that you trust")] = False

    def covers(self, app: str, webhook: Webhook | None) -> bool:
        """Whether an app's signals go here; ``webhook``: where its repository is."""
        del webhook
        return not self.apps or app in self.apps

    def check_address(self, url: str) -> None:
        """Refuse an address that is none, has a password in it, or would be asked without TLS.

        Raises:
            ValueError: with what to do.
        """
        try:
            parts = urlsplit(url)
            is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            is_address = False
        if not is_address or not url.isascii() or any(mark in url for mark in " \t\r\n\\"):
            raise ValueError("is no address: it has to begin with https:// and a host")
        if "@" in parts.netloc or parts.fragment:
            raise ValueError("has a password or a # in it: name the plain address")
        if parts.scheme != "https" and not (parts.scheme == "http" and self.plain_http):
            raise ValueError("does not begin with https://; plain_http: true allows http://")


class SlackChannel(_Channel):
    """An incoming webhook as Slack has it: also of Mattermost, Rocket.Chat and others."""

    kind: Literal["slack"]
    url: Annotated[SecretReference, Field(description="whoever knows the address may write there")]
    events: Annotated[list[ChatTopic], Field(min_length=1)] = list(FOR_PEOPLE)

    @property
    def topics(self) -> frozenset[Topic]:
        """What is told here."""
        return frozenset(self.events)

    @property
    def secret_reference(self) -> SecretReference:
        """What the channel can't be used without."""
        return self.url

    def check_secret(self, secret: Secret) -> None:
        """Refuse a secret that can't be used; raises ``ValueError``."""
        self.check_address(secret.reveal())


class WebhookChannel(_Channel):
    """A webhook of your own, signed as Standard Webhooks 1.0 has it."""

    kind: Literal["webhook"]
    url: str
    secret: Annotated[SecretReference, Field(description="whsec_ and 24 bytes or more in base64")]
    events: Annotated[list[WebhookTopic], Field(min_length=1)] = list(FOR_PEOPLE)

    @model_validator(mode="after")
    def _name_an_address(self) -> Self:
        try:
            self.check_address(self.url)
        except ValueError as error:
            message = f"url {error}"
            raise ValueError(message) from error
        return self

    @property
    def topics(self) -> frozenset[Topic]:
        """What is told here."""
        return frozenset(self.events)

    @property
    def secret_reference(self) -> SecretReference:
        """What the channel can't be used without."""
        return self.secret

    def check_secret(self, secret: Secret) -> None:
        """Refuse a secret that can't be used; raises ``ValueError``."""
        signing_key(secret)


class CommitStatusChannel(_Channel):
    """The state of each stage, on the commit that is released.

    ``api``: of a GitHub Enterprise Server ``https://HOST/api/v3``, of a GitLab ``https://HOST/api/v4``.
    """

    kind: Literal["commit-status"]
    host: Literal["github", "gitlab"]
    api: Annotated[str | None, Field(description="default: github.com's or gitlab.com's")] = None
    token: SecretReference

    @model_validator(mode="after")
    def _name_an_address(self) -> Self:
        try:
            self.check_address(self.address)
        except ValueError as error:
            message = f"api {error}"
            raise ValueError(message) from error
        return self

    @property
    def address(self) -> str:
        """Where statuses are sent, without a slash at its end."""
        return (self.api or PUBLIC[self.host]).rstrip("/")

    @property
    def topics(self) -> frozenset[Topic]:
        """What is told here."""
        return frozenset({Topic.STAGE})

    @property
    def secret_reference(self) -> SecretReference:
        """What the channel can't be used without."""
        return self.token

    def covers(self, app: str, webhook: Webhook | None) -> bool:
        """Only an app whose repository is on this host: the name of one elsewhere means nothing here."""
        return super().covers(app, webhook) and webhook is not None and webhook.provider == self.host

    def check_secret(self, secret: Secret) -> None:
        """Refuse a secret that can't be used; raises ``ValueError``."""
        if not secret.reveal().isascii() or not secret.reveal().isprintable():
            raise ValueError("has characters that no token has")


Channel = Annotated[SlackChannel | WebhookChannel | CommitStatusChannel, Field(discriminator="kind")]


def resolve_secret(
    name: str,
    channel: SlackChannel | WebhookChannel | CommitStatusChannel,
    environment: Mapping[str, str] = os.environ,
) -> Secret:
    """A channel's secret, checked.

    Raises:
        ConfigError: it can't be read or used; never with the secret itself.
    """
    secret = channel.secret_reference.resolve(environment)
    try:
        channel.check_secret(secret)
    except ValueError as error:
        raise ConfigError(f"the secret of the channel {name} {error}") from error
    return secret
