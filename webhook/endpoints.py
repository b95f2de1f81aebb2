"""Which app takes deliveries of which Git host and repository, with its secrets resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.config import Config
    from release.secret import Secret


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One app's end of a webhook. Several apps may share a repository, and even a secret."""

    app: str
    provider: str
    repository: str
    secrets: tuple[Secret, ...]

    def has_repository(self, name: str) -> bool:
        """Git hosts tell the case of names apart nowhere but on display."""
        return self.repository.casefold() == name.casefold()


def resolve_endpoints(config: Config) -> tuple[Endpoint, ...]:
    """Those of every app that has a webhook.

    Raises:
        ConfigError: a secret is missing, blank or short; nothing may start then.
    """
    return tuple(
        Endpoint(
            app=name,
            provider=app.webhook.provider,
            repository=app.webhook.repository,
            secrets=tuple(reference.resolve() for reference in app.webhook.secrets),
        )
        for name, app in config.apps.items()
        if app.webhook
    )


def secrets_of(endpoints: Sequence[Endpoint]) -> tuple[Secret, ...]:
    """Each secret once."""
    return tuple({secret: None for endpoint in endpoints for secret in endpoint.secrets})
