"""The OpenID provider that people sign in with: authorization code flow with PKCE, state and nonce.

It is asked when somebody signs in, never at start: tokens and webhooks work while it is away. What it says of
itself is kept for an hour, its keys until one is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri

from webhook.attempts import Attempt
from webhook.claims import Nameless, has_groups, read_person
from webhook.id_tokens import BadIdToken, Expected, UnknownKey, read_id_token, read_keys
from webhook.provider_access import ProviderAway, read_document, read_own_document, speak

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from joserfc.jwk import KeySet

    from release.clock import Clock
    from release.secret import Secret
    from release.sign_in import SignIn
    from webhook.claims import Person

DISCOVERY: Final = "/.well-known/openid-configuration"
KEPT: Final = timedelta(hours=1)
REST: Final = timedelta(seconds=5)
"""For which a provider that is away is not asked again: who asks waits for seconds, and holds a thread."""

TURN_SECONDS: Final = 1.0
"""How long one waits while somebody else is asking already."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the provider says of itself; each address is of a host that the configuration names."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    client_auth: str


class Provider:
    """The configured provider, as this process knows it."""

    def __init__(self, sign_in: SignIn, secret: Secret, *, redirect_uri: str, clock: Clock) -> None:
        self.sign_in = sign_in
        self._secret = secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._turn = Lock()
        self._endpoints: Endpoints | None = None
        self._keys: KeySet | None = None
        self._ask_after: datetime | None = None
        self._why_away = "it was asked, and has not answered yet"

    @classmethod
    def resolve(cls, sign_in: SignIn | None, *, redirect_uri: str, clock: Clock) -> Provider | None:
        """The provider with its secret read; None without one.

        Raises:
            ConfigError: the secret can't be used.
        """
        if sign_in is None:
            return None
        return cls(sign_in, sign_in.resolve_client_secret(), redirect_uri=redirect_uri, clock=clock)

    def begin(self, target: str) -> tuple[str, Attempt]:
        """The provider's page to send the browser to, and what the browser's session keeps meanwhile.

        Raises:
            ProviderAway: it can't be asked for its addresses.
        """
        endpoints = self._find_endpoints()
        nonce, verifier = generate_token(32), generate_token(64)
        with speak(self.sign_in, self._secret, redirect_uri=self._redirect_uri) as session:
            address, state = session.create_authorization_url(
                endpoints.authorization, code_verifier=verifier, nonce=nonce
            )
        return address, Attempt(state, nonce, verifier, target)

    def finish(self, code: str, attempt: Attempt) -> Person:
        """Who came back from the provider's page with ``code``.

        Raises:
            ProviderAway: it can't be asked.
            ProviderRefused: it does not take the code.
            BadIdToken: what it said of the person can't be believed.
        """
        endpoints = self._find_endpoints()
        client = {"redirect_uri": self._redirect_uri, "token_endpoint_auth_method": endpoints.client_auth}
        with speak(self.sign_in, self._secret, **client) as session:
            token = session.fetch_token(
                endpoints.token, grant_type="authorization_code", code=code, code_verifier=attempt.verifier
            )
            claims = self._verify(token, attempt, endpoints)
            if endpoints.userinfo and not has_groups(claims, self.sign_in.groups_claim):
                claims = _complete(claims, read_own_document(session, endpoints.userinfo))
        try:
            return read_person(claims, self.sign_in)
        except Nameless as error:
            raise BadIdToken("it has no name that could stand in the history") from error

    def is_issuer(self, issuer: str | None) -> bool:
        """Whether an answer that names its issuer (RFC 9207) is of this one; most name none."""
        return issuer is None or issuer == self.sign_in.issuer

    def find_end_session(self, back: str) -> str | None:
        """Where a person can sign out of the provider too, and then go ``back``; None where nowhere."""
        try:
            address = self._find_endpoints().end_session
        except ProviderAway:
            return None
        if address is None:
            return None
        answer = {"client_id": self.sign_in.client_id, "post_logout_redirect_uri": back}
        return str(add_params_to_uri(address, list(answer.items())))

    def _verify(self, token: Mapping[str, Any], attempt: Attempt, endpoints: Endpoints) -> dict[str, Any]:
        text, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(text, str) or not isinstance(access_token, str):
            raise ProviderAway("its answer to a code has no id_token and access_token")
        expected = Expected(
            issuer=self.sign_in.issuer,
            client_id=self.sign_in.client_id,
            nonce=attempt.nonce,
            access_token=access_token,
            now=self._clock(),
        )
        try:
            return read_id_token(text, self._keys or self._ask_keys(endpoints), expected)
        except UnknownKey:
            return read_id_token(text, self._ask_keys(endpoints), expected)

    def _ask_keys(self, endpoints: Endpoints) -> KeySet:
        with speak(self.sign_in, self._secret) as session:
            self._keys = read_keys(read_document(session, endpoints.keys))
        return self._keys

    def _find_endpoints(self) -> Endpoints:
        """What the provider says of itself, asked by one at a time.

        Raises:
            ProviderAway: it did not answer, now or a moment ago.
        """
        if self._turn.acquire(timeout=TURN_SECONDS):
            try:
                if self._ask_after is None or self._clock() >= self._ask_after:
                    self._ask_endpoints()
            finally:
                self._turn.release()
        if self._endpoints is None:
            raise ProviderAway(self._why_away)
        return self._endpoints

    def _ask_endpoints(self) -> None:
        """Keep what it says, or else what it said before, and why it says nothing now."""
        try:
            with speak(self.sign_in, self._secret) as session:
                document = read_document(session, self.sign_in.issuer.rstrip("/") + DISCOVERY)
            self._endpoints = _read_endpoints(document, self.sign_in)
            self._ask_after = self._clock() + KEPT
        except ProviderAway as error:
            self._why_away = str(error)
            self._ask_after = self._clock() + REST


def _read_endpoints(document: Mapping[str, Any], sign_in: SignIn) -> Endpoints:
    """From the provider's document (OpenID Connect Discovery 1.0, 3 and 4.3).

    Raises:
        ProviderAway: it is of another issuer, or names what is missing or not to be trusted.
    """
    if document.get("issuer") != sign_in.issuer:
        raise ProviderAway("its document is of another issuer: sign_in.issuer must be the same to the letter")
    supported = document.get("token_endpoint_auth_methods_supported")
    is_posted = isinstance(supported, list) and "client_secret_basic" not in supported
    return Endpoints(
        authorization=_get_address(document, "authorization_endpoint", sign_in),
        token=_get_address(document, "token_endpoint", sign_in),
        keys=_get_address(document, "jwks_uri", sign_in),
        userinfo=_find_address(document, "userinfo_endpoint", sign_in),
        end_session=_find_address(document, "end_session_endpoint", sign_in),
        client_auth="client_secret_post" if is_posted else "client_secret_basic",
    )


def _get_address(document: Mapping[str, Any], name: str, sign_in: SignIn) -> str:
    address = _find_address(document, name, sign_in)
    if address is None:
        raise ProviderAway(f"its document names no {name}")
    return address


def _find_address(document: Mapping[str, Any], name: str, sign_in: SignIn) -> str | None:
    address = document.get(name)
    if address is None:
        return None
    if not isinstance(address, str) or not sign_in.is_open_to(address):
        raise ProviderAway(
            f"the {name} of its document is on a host that neither sign_in.issuer nor sign_in.hosts names"
        )
    return address


def _complete(claims: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What the provider tells beside the ID token, which goes over it (OpenID Connect Core 1.0, 5.3.2).

    Raises:
        BadIdToken: it tells of somebody else.
    """
    if told.get("sub") != claims["sub"]:
        raise BadIdToken("userinfo is of another person than the token")
    return {**told, **claims}
