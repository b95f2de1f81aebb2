"""Tokens that no real provider makes: signed by hand, each wrong in one thing."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from webhook.id_tokens import LEEWAY, BadIdToken, Expected, UnknownKey, read_id_token, read_keys

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
KEYS = read_keys({"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]})
EXPECTED = Expected(
    issuer="https://id.example.com", client_id="verdigris", nonce="n-1", access_token="at-1", now=NOW
)
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example.com",
    "aud": "verdigris",
    "sub": "0815",
    "nonce": "n-1",
    "iat": AT,
    "exp": AT + 300,
}
ANY = JWSRegistry(algorithms=["RS256", "PS512", "ES256", "HS256"], strict_check_header=False)


def sign(
    key: Any = RSA,  # noqa: ANN401 -- of every kind
    *,
    header: dict[str, Any] | None = None,
    **changed: Any,  # noqa: ANN401 -- any JSON
) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode({"alg": "RS256", "kid": "rsa", **(header or {})}, claims, key, registry=ANY)


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def read(text: str, keys: KeySet = KEYS, expected: Expected = EXPECTED) -> dict[str, Any]:
    return read_id_token(text, keys, expected)


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (RSA, {"alg": "RS256"}),
        (RSA, {"alg": "PS512"}),
        (EC, {"alg": "ES256", "kid": "ec"}),
        (RSA, {"typ": "JWT", "x-own": "1"}),
    ],
)
def test_a_token_of_the_provider_s_own_key_is_believed(key: Any, header: dict[str, Any]) -> None:  # noqa: ANN401 -- of every kind
    assert read(sign(key, header=header))["sub"] == "0815"


def test_a_token_without_signature_is_not() -> None:
    for algorithm in ("none", "None", "NONE", "", None):
        header = encoded({"alg": algorithm, "kid": "rsa"})
        for signature in ("", sign().rpartition(".")[2]):
            with pytest.raises(BadIdToken, match="not signed as it must be"):
                read(f"{header}.{encoded(CLAIMS)}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_a_public_key_is_no_shared_secret(algorithm: str) -> None:
    # Given a token that somebody signed with what everybody knows
    begun = f"{encoded({'alg': algorithm, 'kid': 'rsa'})}.{encoded(CLAIMS)}"
    for public in (RSA.as_pem(private=False), json.dumps(RSA.as_dict(private=False)).encode()):
        mac = hmac.digest(public, begun.encode(), algorithm.replace("HS", "sha"))
        with pytest.raises(BadIdToken, match="not signed as it must be"):
            read(f"{begun}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}")


def test_shared_secrets_among_the_keys_do_not_count() -> None:
    shared = OctKey.generate_key(256, {"kid": "oct"})
    with pytest.raises(ValueError, match="no public key"):
        read_keys({"keys": [shared.as_dict()]})
    both = read_keys({"keys": [shared.as_dict(), RSA.as_dict(private=False)]})
    with pytest.raises(BadIdToken):
        read(sign(shared, header={"alg": "HS256", "kid": "oct"}), both)


def test_another_key_of_the_same_name_is_unknown_so_that_the_keys_are_asked_for_again() -> None:
    with pytest.raises(UnknownKey):
        read(sign(OTHER))
    with pytest.raises(UnknownKey):
        read(sign(RSA, header={"kid": "new"}))


def test_a_key_that_comes_in_the_token_itself_does_not_count() -> None:
    own = ECKey.generate_key("P-256", {"kid": "ec"})
    header = {"alg": "ES256", "kid": "ec", "jwk": own.as_dict(private=False), "jku": "https://evil.example/"}
    with pytest.raises(UnknownKey):
        read(sign(own, header=header))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": "https://id.example.com/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "another"}, "another client"),
        ({"aud": ["another"]}, "another client"),
        ({"aud": []}, "another client"),
        ({"aud": ["another"], "azp": "verdigris"}, "another client"),
        ({"aud": ["verdigris", "another"]}, "another client"),
        ({"aud": "verdigris", "azp": "another"}, "another client"),
        ({"aud": None}, "another client"),
        ({"nonce": "n-2"}, "another attempt"),
        ({"nonce": None}, "another attempt"),
        ({"nonce": ["n-1"]}, "another attempt"),
        ({"sub": None}, "sub is missing"),
        ({"sub": 815}, "sub is missing or wrong"),
        ({"exp": None}, "exp is missing"),
        ({"exp": AT - LEEWAY}, "it has expired; here it is 12:00:00 UTC"),
        ({"exp": float("nan")}, "exp is missing or wrong"),
        ({"exp": "tomorrow"}, "exp is missing or wrong"),
        ({"iat": None}, "from the future"),
        ({"iat": AT + LEEWAY + 1}, "it is from the future"),
        ({"nbf": AT + LEEWAY + 1}, "does not count yet"),
        ({"at_hash": "AAAA"}, "another access token"),
    ],
)
def test_one_wrong_claim_is_enough(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(BadIdToken, match=told):
        read(sign(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": AT - LEEWAY + 1, "iat": AT - 300},
        {"iat": AT + LEEWAY},
        {"aud": ["verdigris"]},
        {"aud": ["another", "verdigris"], "azp": "verdigris"},
    ],
)
def test_what_may_differ_is_believed(changed: dict[str, Any]) -> None:
    assert read(sign(**changed))["nonce"] == "n-1"


def test_a_hash_of_our_access_token_is_believed() -> None:
    text = sign(at_hash="XxyGGGsb0YkHw8hrcmYKMg")
    with pytest.raises(BadIdToken, match="another access token"):
        read(text)
    assert read(sign(), expected=replace(EXPECTED, access_token="any"))["sub"] == "0815"


@pytest.mark.parametrize(
    "document", [None, [], {}, {"keys": 7}, {"keys": [7, {}, {"kty": "RSA"}, {"kty": "x"}]}]
)
def test_what_lists_no_public_key_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="no public key"):
        read_keys(document)


@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda raw: f"{encoded({'alg': 'RS256'})}.{raw.hex()}.x")
)
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(BadIdToken):
        read(text)


@given(
    st.dictionaries(
        st.sampled_from(sorted([*CLAIMS, "azp", "at_hash", "amr", "auth_time", "nbf"])),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
            ),
        ),
        max_size=4,
    )
)
def test_no_claims_break_the_reader(changed: dict[str, Any]) -> None:
    try:
        claims = read(sign(**changed))
    except BadIdToken:
        return
    assert {name: claims[name] for name in ("iss", "nonce")} == {
        "iss": "https://id.example.com",
        "nonce": "n-1",
    }
