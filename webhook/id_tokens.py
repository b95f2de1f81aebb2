"""What a provider says of somebody in an ID token, once it has proved to be the provider's word to us. Pure.

Not ``parse_id_token`` of Authlib's Flask client: it takes the algorithms from the provider's document, where
real ones list ``none``, believes the issuer that the document names, and does not ask whom the token is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

if TYPE_CHECKING:
    from datetime import datetime

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    "EdDSA",
)
"""Those with a public key. With a shared secret, whoever knows a public key could sign with it as one."""

PUBLIC: Final = frozenset({"RSA", "EC", "OKP"})
LEEWAY: Final = 60
"""Seconds by which the provider's clock may differ from ours."""

UNREADABLE: Final = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading of hostile text may end in, here and in the libraries."""


class BadIdToken(Exception):
    """It proves nothing; the message says why, for people."""


class UnknownKey(BadIdToken):
    """No key that we know has signed it: the provider may have changed its keys."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to stand in a token; ``now`` is our time."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str
    now: datetime


def read_keys(document: object) -> KeySet:
    """The public keys of a JWK set; those that we don't understand, and shared secrets, are left out.

    Raises:
        ValueError: it is none, or has no such key.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    keys = [key for one in (listed if isinstance(listed, list) else []) for key in _read_key(one)]
    if not keys:
        message = "it lists no public key"
        raise ValueError(message)
    return KeySet(keys)


def read_id_token(text: str, keys: KeySet, expected: Expected) -> dict[str, Any]:
    """The claims of a token that the provider signed, for us and for this attempt to sign in.

    Raises:
        UnknownKey: none of ``keys`` has signed it.
        BadIdToken: any other reason not to believe it.
    """
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        token = jwt.decode(text, keys, registry=registry)
    except (InvalidKeyIdError, BadSignatureError) as error:
        raise UnknownKey("it is signed with none of the provider's keys") from error
    except UNREADABLE as error:
        raise BadIdToken(f"it can't be read, or is not signed as it must be ({_named(error)})") from error
    _check_claims(token, expected)
    return dict(token.claims)


def _check_claims(token: jwt.Token, expected: Expected) -> None:
    required = {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
    }
    given = {
        "nonce": expected.nonce,
        "client_id": expected.client_id,
        "access_token": expected.access_token,
    }
    claims = CodeIDToken(token.claims, token.header, required, given)
    try:
        claims.validate(now=int(expected.now.timestamp()), leeway=LEEWAY)
    except ClaimError as error:
        raise BadIdToken(_explain(error, expected.now)) from error
    except UNREADABLE as error:
        raise BadIdToken(f"its claims can't be read ({_named(error)})") from error


def _explain(error: ClaimError, now: datetime) -> str:
    here = f"here it is {now:%H:%M:%S} UTC"
    if isinstance(error, ExpiredTokenError):
        return f"it has expired; {here}: compare the clocks of this machine and of the provider"
    reasons = {
        "iat": f"it is from the future; {here}: compare the clocks of this machine and of the provider",
        "nbf": f"it does not count yet; {here}: compare the clocks of this machine and of the provider",
        "iss": "it is of another issuer than sign_in.issuer",
        "aud": "it is for another client than sign_in.client_id",
        "azp": "it is for another client than sign_in.client_id",
        "nonce": "it belongs to another attempt to sign in",
        "at_hash": "it belongs to another access token",
    }
    return reasons.get(error.claim, f"its claim {error.claim} is missing or wrong")


def _read_key(document: object) -> list[Any]:
    if not isinstance(document, dict) or document.get("kty") not in PUBLIC:
        return []
    try:
        return list(KeySet.import_key_set({"keys": [document]}).keys)
    except UNREADABLE:
        return []


def _named(error: BaseException) -> str:
    return getattr(error, "error", "") or type(error).__name__
