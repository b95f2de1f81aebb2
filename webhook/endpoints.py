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

    def is_open_to(self, sender: str) -> bool:
        """Whether deliveries may come from there; from anywhere unless the configuration names networks."""
        return not self.senders or is_among(sender, self.senders)


@dataclass(frozen=True, slots=True, eq=False)
class Circle:
    """The apps of one host that share their secrets."""

    provider: str
    secrets: tuple[Secret, ...]
    endpoints: tuple[Endpoint, ...]

    def is_open_to(self, sender: str) -> bool:
        """Whether deliveries of any of them may come from there."""
        return any(one.is_open_to(sender) for one in self.endpoints)


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


class Endpoints:
    """All of them, as a delivery looks for its own: with many apps it must not be held against each."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.providers = tuple(one.provider for one in endpoints)
        self._circles = {host: _find_circles(endpoints, host) for host in set(self.providers)}
        self._by_repository: dict[tuple[str, str], list[tuple[Circle, Endpoint]]] = {}
        for circle in (one for circles in self._circles.values() for one in circles):
            for endpoint in circle.endpoints:
                self._by_repository.setdefault(_name(endpoint.provider, endpoint.repository), []).append(
                    (circle, endpoint)
                )

    def find_signers(self, delivery: Delivery, host: str) -> list[Circle]:
        """Those of one host whose own secrets the delivery is signed with.

        All are asked, each set of secrets once: how long it takes says nothing about which one matched.
        """
        return [one for one in self._circles.get(host, ()) if _is_signed(delivery, one)]

    def of(self, repository: str, host: str, signers: Sequence[Circle], *, sender: str) -> list[Endpoint]:
        """Those of a repository that are among the signers, and open to the sender."""
        known = self._by_repository.get(_name(host, repository), ())
        return [one for circle, one in known if circle in signers and one.is_open_to(sender)]

    def has_repository(self, repository: str, host: str) -> bool:
        """Whether any app takes deliveries of it, whoever signed them."""
        return _name(host, repository) in self._by_repository


def _find_circles(endpoints: Sequence[Endpoint], host: str) -> tuple[Circle, ...]:
    by_secrets: dict[tuple[Secret, ...], list[Endpoint]] = {}
    for endpoint in endpoints:
        if endpoint.provider == host:
            by_secrets.setdefault(endpoint.secrets, []).append(endpoint)
    return tuple(Circle(host, secrets, tuple(found)) for secrets, found in by_secrets.items())


def _name(host: str, repository: str) -> tuple[str, str]:
    """Git hosts tell the case of names apart nowhere but on display."""
    return host, repository.casefold()


def _is_signed(delivery: Delivery, circle: Circle) -> bool:
    try:
        PROVIDERS[circle.provider].verify(delivery, circle.secrets)
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
