"""Which app takes deliveries of which Git host and repository, with its secrets resolved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from release.references import ConfigError
from webhook.providers import PROVIDERS
from webhook.providers.events import BadSecret, BadSignature
from webhook.senders import is_among

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release.config import Config
    from release.origins import Webhook
    from release.secret import Secret
    from webhook.providers.events import Delivery
    from webhook.senders import Network


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One app's end of a webhook. Several apps may share a repository, and even a secret."""

    app: str
    provider: str
    repository: str
    secrets: tuple[Secret, ...]
    senders: tuple[Network, ...] = ()

    def has_repository(self, name: str) -> bool:
        """Git hosts tell the case of names apart nowhere but on display."""
        return self.repository.casefold() == name.casefold()

    def is_open_to(self, sender: str) -> bool:
        """Whether deliveries may come from there; from anywhere unless the configuration names networks."""
        return not self.senders or is_among(sender, self.senders)


def resolve_endpoints(config: Config, environment: Mapping[str, str] = os.environ) -> tuple[Endpoint, ...]:
    """Those of every app that has a webhook.

    Raises:
        ConfigError: a secret is missing, blank, short or of no use for its host; nothing may start then.
    """
    return tuple(
        Endpoint(
            app=name,
            provider=app.webhook.provider,
            repository=app.webhook.repository,
            secrets=_resolve_secrets(name, app.webhook, environment),
            senders=tuple(app.webhook.senders),
        )
        for name, app in config.apps.items()
        if app.webhook
    )


def find_signers(delivery: Delivery, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Those of one host whose own secrets the delivery is signed with.

    All are asked, each set of secrets once: how long it takes says nothing about which one matched.
    """
    by_secrets = {endpoint.secrets: endpoint for endpoint in endpoints}
    signed = {secrets for secrets, endpoint in by_secrets.items() if _is_signed(delivery, endpoint)}
    return [endpoint for endpoint in endpoints if endpoint.secrets in signed]


def _is_signed(delivery: Delivery, endpoint: Endpoint) -> bool:
    try:
        PROVIDERS[endpoint.provider].verify(delivery, endpoint.secrets)
    except BadSignature:
        return False
    return True


def _resolve_secrets(app: str, webhook: Webhook, environment: Mapping[str, str]) -> tuple[Secret, ...]:
    secrets = tuple(reference.resolve(environment) for reference in webhook.secrets)
    try:
        PROVIDERS[webhook.provider].check_secrets(secrets)
    except BadSecret as error:
        raise ConfigError(
            f"apps.{app}.webhook.secrets: a secret can't be used with {webhook.provider}: {error}"
        ) from error
    return secrets
