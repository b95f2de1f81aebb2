"""Who calls, and what they may: API tokens, and what a signed-in person's session is held to.

Tokens come from the configuration, or were made at run time (``release.api_tokens``). Whether a call is
allowed is asked in ``rights``.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from release.api_tokens import PREFIX, is_past
from release.model import Actor
from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from release.api_tokens import ApiToken
    from release.clock import Clock
    from release.config import Config
    from release.roles import Grant
    from webhook.services import Store

PERSON: Final = "person"
TOKEN: Final = "token"  # noqa: S105 -- the kind of an actor


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``kind``: ``token`` or ``person``, as of an actor."""

    name: str
    kind: str
    grants: tuple[Grant, ...]

    @property
    def actor(self) -> Actor:
        """As the history has them."""
        return Actor(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token. ``secret``: its text; of one made at run time its hash, and only those have an ``id``."""

    name: str
    secret: Secret
    grant: Grant
    expires_at: datetime | None = None
    id: str = ""

    def prove(self, key: Secret) -> str:
        """What stands for it in a session: of no use to anybody without the key."""
        mac = hmac.new(key.reveal().encode(), self.secret.reveal().encode(), hashlib.sha256)
        return f"{self.id}.{mac.hexdigest()[:32]}"


class Tokens:
    """Every token that counts: those of the configuration, resolved once at start, and those in Redis.

    A name that the configuration has is its own: a token in Redis by that name counts no more.
    """

    def __init__(self, configured: Iterable[KnownToken], store: Store, clock: Clock) -> None:
        self._configured = {token.name: token for token in configured}
        self._store = store
        self._clock = clock

    @classmethod
    def resolve(cls, config: Config, store: Store, clock: Clock) -> Tokens:
        """Read the value of each token of the configuration.

        Raises:
            ConfigError: one is missing, blank or short.
        """
        known = [
            KnownToken(one.name, one.value.resolve(), one.grant, one.expires_at) for one in config.tokens
        ]
        return cls(known, store, clock)

    @property
    def configured(self) -> frozenset[str]:
        """The names that the configuration has."""
        return frozenset(self._configured)

    def find_caller(self, text: str) -> Caller | None:
        """Whose token that is; None for what is none, or has ended.

        Raises:
            NotDurable: it may be one that was made at run time, and Redis can't be asked.
        """
        token = self._find(text)
        return Caller(token.name, TOKEN, (token.grant,)) if token else None

    def find_proof(self, text: str, key: Secret) -> str | None:
        """What a session keeps instead of the token.

        Raises:
            NotDurable: as ``find_caller``.
        """
        token = self._find(text)
        return token.prove(key) if token else None

    def find_grants(self, name: str, proof: str, key: Secret) -> tuple[Grant, ...] | None:
        """What somebody may who signed in with a token; None once it was changed, revoked or has ended.

        Raises:
            NotDurable: the token was made at run time, and Redis can't be asked.
        """
        token_id = proof.partition(".")[0]
        now = self._clock()
        made = self._store.api_tokens
        token = _known(made.find_by_id(token_id, now=now)) if token_id else self._configured.get(name)
        if token is None or token.name != name or not self._counts(token):
            return None
        return (token.grant,) if hmac.compare_digest(token.prove(key).encode(), proof.encode()) else None

    def _find(self, text: str) -> KnownToken | None:
        """Every one of the configuration is compared, so that time tells nothing.

        Redis is only asked for what looks as if it was made here.
        """
        matches = [token for token in self._configured.values() if token.secret.matches(text)]
        if not matches and text.startswith(PREFIX):
            made = _known(self._store.api_tokens.find(text, now=self._clock()))
            matches = [made] if made else []
        return matches[0] if matches and self._counts(matches[0]) else None

    def _counts(self, token: KnownToken) -> bool:
        is_shadowed = bool(token.id) and token.name in self._configured
        return not is_shadowed and not is_past(token.expires_at, self._clock())


def _known(token: ApiToken | None) -> KnownToken | None:
    if token is None:
        return None
    return KnownToken(token.name, Secret(token.digest), token.grant, token.expires, token.id)
