"""Who may: API tokens, and what a signed-in person's session is held to."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.config import Config
    from release.secret import Secret


class Tokens:
    """The configured API tokens, resolved once at start."""

    def __init__(self, secrets: Mapping[str, Secret]) -> None:
        self._secrets = dict(secrets)

    @classmethod
    def resolve(cls, config: Config) -> Tokens:
        """Read every token's value.

        Raises:
            ConfigError: one is missing, blank or short.
        """
        return cls({token.name: token.value.resolve() for token in config.tokens})

    def find_name(self, candidate: str) -> str | None:
        """Whose token that is. Every one is compared, so that time tells nothing."""
        matches = [name for name, secret in self._secrets.items() if secret.matches(candidate)]
        return matches[0] if matches else None

    def find_proof(self, name: str, key: Secret) -> str | None:
        """What a session keeps instead of the token: it ends when the token is changed or removed."""
        secret = self._secrets.get(name)
        if secret is None:
            return None
        return hmac.new(key.reveal().encode(), secret.reveal().encode(), hashlib.sha256).hexdigest()[:32]
