"""Where a registry's tokens may be fetched, and what its challenges say."""

from __future__ import annotations

import pytest

from release.origins import Registry
from release.secret import Secret
from source.registry_access import (
    Challenge,
    Door,
    Misled,
    NotUnderstood,
    basic,
    parse_challenges,
    read_token,
    token_query,
)

BEARER = 'Bearer realm="https://auth.example.com/token",service="registry.example.com"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        (",, ,", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
        (
            f'{BEARER},scope="repository:a/b:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.example.com/token",
                        "service": "registry.example.com",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        (
            'BEARER Realm = "x" , error=insufficient_scope',
            [("bearer", {"realm": "x", "error": "insufficient_scope"})],
        ),
        (r'Basic realm="a\"b\\c"', [("basic", {"realm": r'a"b\c'})]),
        ('Basic realm="a", Bearer realm="b"', [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
        ('Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
        ('realm="without a scheme"', []),
        ('Bearer realm="never closed', [("bearer", {}), ("realm", {}), ("never", {}), ("closed", {})]),
    ],
)
def test_a_challenge_is_read(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    found = [(challenge.scheme, dict(challenge.parameters)) for challenge in parse_challenges(header)]

    assert found == expected


def test_a_challenge_without_end_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="3000 characters"):
        parse_challenges("x" * 3000)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("docker.io", "https://registry-1.docker.io"),
        ("index.docker.io", "https://registry-1.docker.io"),
        ("registry.example.com:5000", "https://registry.example.com:5000"),
    ],
)
def test_a_registry_is_asked_by_tls_where_its_api_is(host: str, address: str) -> None:
    assert Door(host, Registry()).address == address


@pytest.mark.parametrize(
    ("host", "realm"),
    [
        ("docker.io", "https://auth.docker.io/token"),
        ("registry.example.com", "https://registry.example.com/token"),
        ("registry.example.com", "https://registry.example.com:443/token?x=y"),
        ("registry.example.com", "https://REGISTRY.example.com/token"),
        ("registry.example.com:443", "https://registry.example.com/token"),
        ("registry.example.com:5000", "https://registry.example.com:5000/token"),
        ("registry.example.com", "https://auth.example.com/token"),
        ("registry.example.com", "https://other.example.com:8443/token"),
    ],
)
def test_the_registrys_own_place_and_configured_ones_may_be_asked(host: str, realm: str) -> None:
    registry = Registry(token_hosts=["Auth.example.com", "other.example.com:8443"])

    Door(host, registry).check_token_place(realm)


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "token",
        "/token",
        "//registry.example.com/token",
        "http://registry.example.com/token",
        "http://registry.example.com:443/token",
        "https://registry.example.com:8443/token",
        "https://registry.example.com:99999/token",
        "https://registry.example.com:x/token",
        "https://registry.example.com.evil.example/token",
        "https://registry.example.com@evil.example/token",
        "https://evil.example@registry.example.com/token",
        "https://evil.example#@registry.example.com/",
        "https://evil.example?@registry.example.com/",
        "https://evil.example\\@registry.example.com/",
        "https://registry.example.com\\.evil.example/",
        "https://registry\t.example.com/token",
        "https://registry.example.com/to ken",
        "https://registry.example.com/t\u00f6ken",
        "https://169.254.169.254/latest/meta-data",
        "https://auth.docker.io/token",
        "https://other.example.com/token",
        "https:///token",
        "https://[::1/token",
        "file:///etc/passwd",
        "https:registry.example.com/token",
    ],
)
def test_nobody_else_is_asked(realm: str) -> None:
    registry = Registry(token_hosts=["other.example.com:8443"])

    with pytest.raises(Misled):
        Door("registry.example.com", registry).check_token_place(realm)


def test_without_tls_only_where_the_configuration_says_so() -> None:
    door = Door(
        "127.0.0.1:5000", Registry(plain_http=True, token_hosts=["127.0.0.1:5001", "auth.example.com"])
    )

    door.check_token_place("http://127.0.0.1:5000/token")
    door.check_token_place("http://127.0.0.1:5001/token")
    door.check_token_place("https://auth.example.com/token")
    with pytest.raises(Misled, match=r"127\.0\.0\.1:5002, which is neither"):
        door.check_token_place("http://127.0.0.1:5002/token")


def test_a_token_is_asked_for_as_the_challenge_says() -> None:
    (challenge,) = parse_challenges(f'{BEARER},scope="repository:a/b:pull"')

    assert token_query(challenge, "x") == {"service": "registry.example.com", "scope": "repository:a/b:pull"}
    assert token_query(Challenge("bearer", {}), "acme/shop") == {"scope": "repository:acme/shop:pull"}


@pytest.mark.parametrize(
    "scope",
    [
        "repository:acme/shop:push",
        "repository:acme/shop:pull,push",
        "repository:acme/shop:*",
        "repository:acme/shop:pull repository:other/app:push",
        "repository:*:pull",
        "registry:catalog:*",
    ],
)
def test_no_token_is_asked_for_that_may_do_more_than_pull(scope: str) -> None:
    challenge = Challenge("bearer", {"scope": scope})

    assert token_query(challenge, "acme/shop") == {"scope": "repository:acme/shop:pull"}


def test_a_password_of_any_letters_becomes_a_header() -> None:
    assert basic("ann", Secret("pä:ss")) == "Basic YW5uOnDDpDpzcw=="


@pytest.mark.parametrize(
    "body", [b'{"token": "a.b"}', b'{"access_token": "a.b"}', b'{"token": "", "access_token": "a.b"}']
)
def test_a_token_has_either_name(body: bytes) -> None:
    assert read_token(body) == "a.b"
