"""A real registry is asked for the digest of a tag: openly, with a password, with tokens, through TLS."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from release.problems import Problem
from source.registry import find_digest
from tests.integration.registries import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    HTPASSWD,
    OCI_INDEX,
    OCI_MANIFEST,
    PASSWORD,
    USER,
    Impostor,
    anonymous,
    real_registry,
    with_password,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.registries import Asked, Reply, Running

pytestmark = pytest.mark.needs_registry

NAME = "acme/shop"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with real_registry(tmp_path_factory.mktemp("open")) as running:
        yield running


@pytest.fixture(scope="module")
def locked_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("locked")
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    with real_registry(folder, auth=auth, headers={"Authorization": f"Basic {BASIC}"}) as running:
        yield running


@pytest.mark.parametrize("kind", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_the_digest_of_a_pushed_image_is_found(open_registry: Running, kind: str) -> None:
    digest = open_registry.push_image(NAME, "v1-blue", kind=kind)

    assert find_digest(f"{open_registry.host}/{NAME}:v1-blue", anonymous()) == digest


@pytest.mark.parametrize(("kind", "child"), [(OCI_INDEX, OCI_MANIFEST), (DOCKER_LIST, DOCKER_MANIFEST)])
def test_of_an_image_for_several_platforms_it_is_that_of_all(
    open_registry: Running, kind: str, child: str
) -> None:
    each = [open_registry.push_image(NAME, f"one-{text}", text, child) for text in ("amd", "arm")]
    whole = open_registry.push_index(NAME, "v2-blue", kind, *each)

    found = find_digest(f"{open_registry.host}/{NAME}:v2-blue", anonymous())

    assert found == whole
    assert found not in each


def test_a_tag_that_was_pushed_again_has_the_new_digest(open_registry: Running) -> None:
    image = f"{open_registry.host}/{NAME}:v3-blue"
    first = open_registry.push_image(NAME, "v3-blue", "first")
    assert find_digest(image, anonymous()) == first

    second = open_registry.push_image(NAME, "v3-blue", "second")

    assert find_digest(image, anonymous()) == second != first


@pytest.mark.parametrize("image", [f"{NAME}:not-pushed", "acme/nobody:v1-blue"])
def test_what_was_not_pushed_is_not_there(open_registry: Running, image: str) -> None:
    open_registry.push_image(NAME, "v1-blue")

    assert find_digest(f"{open_registry.host}/{image}", anonymous()) is None


def test_a_password_opens_the_registry(locked_registry: Running, tmp_path: Path) -> None:
    digest = locked_registry.push_image(NAME, "v1-blue")

    assert find_digest(f"{locked_registry.host}/{NAME}:v1-blue", with_password(tmp_path)) == digest
    assert find_digest(f"{locked_registry.host}/{NAME}:none", with_password(tmp_path)) is None


def test_without_a_password_or_with_a_wrong_one_the_registry_refuses(
    locked_registry: Running, tmp_path: Path
) -> None:
    image = f"{locked_registry.host}/{NAME}:v1-blue"

    with pytest.raises(Problem, match="401") as without:
        find_digest(image, anonymous())
    with pytest.raises(Problem, match="401") as wrong:
        find_digest(image, with_password(tmp_path, "not the right password"))

    assert [one.value.document.slug for one in (without, wrong)] == ["registry-refused"] * 2
    assert without.value.document.next_step.startswith("set registry.username and registry.password")
    assert wrong.value.document.next_step.startswith(f"see that {USER} may pull there")
    assert "not the right password" not in str(wrong.value.document)


class TokenServer:
    """Hands out the tokens of a registry, signed with a key that it knows."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA(key_type=trustme.KeyType.RSA)
        issued = authority.issue_cert("tokens.example.com", key_type=trustme.KeyType.RSA)
        self.bundle = folder / "bundle.pem"
        authority.cert_pem.write_to_path(self.bundle)
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        self._key: Any = key
        pem = issued.cert_chain_pems[0].bytes().decode()
        self._certificate = "".join(line for line in pem.splitlines() if "CERTIFICATE" not in line)

    def reply(self, asked: Asked) -> Reply:
        """Everybody gets a token; only who has the password gets one that opens something."""
        is_known = asked.headers.get("authorization") == f"Basic {BASIC}"
        document = {"token": self.sign(["pull"] if is_known else []), "expires_in": 60}
        return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()

    def sign(self, actions: list[str]) -> str:
        now = int(time.time())
        claims = {
            "iss": "tests",
            "aud": "registry",
            "sub": USER,
            "nbf": now - 10,
            "exp": now + 60,
            "jti": str(now),
            "access": [{"type": "repository", "name": NAME, "actions": actions}],
        }
        parts = [_part({"alg": "RS256", "typ": "JWT", "x5c": [self._certificate]}), _part(claims)]
        signature = self._key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        return ".".join([*parts, _encode(signature)])


def _part(document: object) -> str:
    return _encode(json.dumps(document).encode())


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_tokens_of_a_configured_host_open_the_registry_and_those_of_another_are_not_fetched(
    tmp_path: Path,
) -> None:
    server = TokenServer(tmp_path)
    with Impostor(server.reply) as tokens:
        auth = {
            "token": {
                "realm": f"http://{tokens.host}/token",
                "service": "registry",
                "issuer": "tests",
                "rootcertbundle": str(server.bundle),
            }
        }
        pushing = {"Authorization": f"Bearer {server.sign(['pull', 'push'])}"}
        with real_registry(tmp_path, auth=auth, headers=pushing) as registry:
            digest, image = registry.push_image(NAME, "v1-blue"), f"{registry.host}/{NAME}:v1-blue"

            with pytest.raises(Problem) as misled:
                find_digest(image, with_password(tmp_path))
            assert tokens.asked == []
            with pytest.raises(Problem) as refused:
                find_digest(image, anonymous(token_hosts=[tokens.host]))
            found = find_digest(image, with_password(tmp_path, token_hosts=[tokens.host]))
            missing = find_digest(
                f"{registry.host}/{NAME}:none", with_password(tmp_path, token_hosts=[tokens.host])
            )

    assert (found, missing) == (digest, None)
    assert misled.value.document.slug == "registry-token-host"
    assert tokens.host in misled.value.document.detail
    assert refused.value.document.slug == "registry-refused"
    assert tokens.asked[-1].path == "/token?service=registry&scope=repository%3Aacme%2Fshop%3Apull"


def test_a_certificate_counts_when_its_authority_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    tls = {"certificate": str(tmp_path / "certificate.pem"), "key": str(tmp_path / "key.pem")}
    with real_registry(tmp_path, tls=tls) as registry:
        image = f"{registry.host}/{NAME}:v1-blue"

        with pytest.raises(Problem, match="certificate verify failed") as unknown:
            find_digest(image, anonymous(plain_http=False))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
        found = find_digest(image, anonymous(plain_http=False))
        with pytest.raises(Problem) as without_tls:
            find_digest(image, anonymous())

    assert found is None
    assert unknown.value.document.slug == "registry-unreachable"
    assert "REQUESTS_CA_BUNDLE" in unknown.value.document.next_step
    assert without_tls.value.document.slug == "registry-unexpected"
