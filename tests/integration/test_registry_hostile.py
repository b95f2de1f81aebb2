"""What registries and those who stand in their place may answer: nothing of it hangs, leads away or leaks."""

from __future__ import annotations

import base64
import json
import logging
import socket
import ssl
from time import monotonic
from typing import TYPE_CHECKING

import pytest
import trustme

from release.problems import Problem
from source.bounded_http import BadAnswer, Patience
from source.registry import LARGEST_MANIFEST, find_digest
from source.registry_refusals import RegistryUnreachable
from tests.integration.registries import (
    OCI_MANIFEST,
    PASSWORD,
    USER,
    Asked,
    Impostor,
    anonymous,
    digest_of,
    raw_server,
    with_password,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from threading import Event

    from release.origins import Registry
    from tests.integration.registries import Reply

MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST}).encode()
DIGEST = digest_of(MANIFEST)
API = {"Docker-Distribution-Api-Version": "registry/2.0"}
HIDDEN = (PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())


def saying(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Callable[[Asked], Reply]:
    return lambda _: (status, headers or {}, body)


def errors(*codes: object) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "no"} for code in codes]}).encode()


def ask(host: str, registry: Registry | None = None, *, seconds: float = 5) -> str | None:
    return find_digest(f"{host}/acme/shop:v1-blue", registry or anonymous(), seconds=seconds)


def refused_by(reply: Callable[[Asked], Reply], registry: Registry | None = None) -> Problem:
    with Impostor(reply) as impostor, pytest.raises(Problem) as refused:
        ask(impostor.host, registry)
    return refused.value


def test_a_digest_in_the_head_is_enough() -> None:
    with Impostor(saying(200, {"docker-content-digest": DIGEST})) as impostor:
        assert ask(impostor.host) == DIGEST

    (asked,) = impostor.asked
    assert (asked.method, asked.path) == ("HEAD", "/v2/acme/shop/manifests/v1-blue")
    assert OCI_MANIFEST in asked.headers["accept"]
    assert "image.index.v1+json" in asked.headers["accept"]
    assert "manifest.list.v2+json" in asked.headers["accept"]
    assert "authorization" not in asked.headers


def test_without_one_the_manifest_itself_is_hashed() -> None:
    with Impostor(saying(200, {"Content-Type": f"{OCI_MANIFEST}; charset=utf-8"}, MANIFEST)) as impostor:
        assert ask(impostor.host) == DIGEST

    assert [asked.method for asked in impostor.asked] == ["HEAD", "GET"]


def test_a_registry_that_knows_no_head_is_asked_for_the_manifest() -> None:
    def reply(asked: Asked) -> Reply:
        return (405, {}, b"") if asked.method == "HEAD" else (200, {"Content-Type": OCI_MANIFEST}, MANIFEST)

    with Impostor(reply) as impostor:
        assert ask(impostor.host) == DIGEST


@pytest.mark.parametrize(
    "digest",
    ["sha256:12", "sha256:" + "A" * 64, "md5:" + "a" * 32, DIGEST + "@x", DIGEST.removeprefix("sha256:"), ""],
)
def test_a_digest_that_is_none_is_refused(digest: str) -> None:
    problem = refused_by(saying(200, {"Docker-Content-Digest": digest}))

    assert problem.document.slug == "registry-unexpected"
    assert "none of SHA-256" in problem.document.detail


def test_a_body_that_is_not_what_its_digest_says_is_refused() -> None:
    def reply(asked: Asked) -> Reply:
        if asked.method == "HEAD":
            return 405, {}, b""
        return 200, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": digest_of(b"other")}, MANIFEST

    problem = refused_by(reply)

    assert problem.document.slug == "registry-unexpected"
    assert DIGEST in problem.document.detail


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (saying(200, {"Content-Type": "text/html"}, b"<h1>Welcome"), "'text/html', which is no manifest"),
        (saying(200, {}, MANIFEST), "which is no manifest"),
        (saying(404, {"Content-Type": "text/html"}, b"<h1>404"), "status 404"),
        (saying(404, {}, b'{"errors": []}'), "status 404"),
        (saying(404, {}, b'{"errors": [{"code": 1}]}'), "status 404"),
        (saying(404, {}, b"[" * 100_000), "status 404"),
        (saying(400, API, b""), "status 400"),
        (saying(204, API, b""), "status 204"),
        (
            saying(302, {"Location": "http://example.com/x"}),
            "leads to 'http://example.com/x'; nobody follows",
        ),
    ],
)
def test_whoever_is_no_registry_is_told_from_one(reply: Callable[[Asked], Reply], words: str) -> None:
    problem = refused_by(reply)

    assert problem.document.slug == "registry-unexpected"
    assert words in problem.document.detail


@pytest.mark.parametrize("code", ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"])
def test_an_error_document_says_not_found_where_the_head_does_not(code: str) -> None:
    with Impostor(saying(404, {"Content-Type": "application/json"}, errors(code))) as impostor:
        assert ask(impostor.host) is None

    assert [asked.method for asked in impostor.asked] == ["HEAD", "GET"]


def test_a_registrys_own_head_says_not_found_alone() -> None:
    with Impostor(saying(404, API)) as impostor:
        assert ask(impostor.host) is None

    assert [asked.method for asked in impostor.asked] == ["HEAD"]


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"Retry-After": "30"}, 30),
        (429, {"Retry-After": "999999999"}, 3600),
        (429, {"Retry-After": "9" * 400}, 3600),
        (429, {"Retry-After": "-5"}, None),
        (429, {"Retry-After": "soon"}, None),
        (503, {"Retry-After": "Sun, 06 Nov 2094 08:50:07 GMT", "Date": "Sun, 06 Nov 2094 08:49:37 GMT"}, 30),
        (500, {}, None),
        (502, {}, None),
    ],
)
def test_one_that_can_not_now_says_when_to_come_back(
    status: int, headers: dict[str, str], wait: float | None
) -> None:
    def reply(_: Asked) -> Reply:
        return status, headers, b""

    problem = refused_by(reply)

    assert isinstance(problem, RegistryUnreachable)
    assert problem.document.slug == "registry-unreachable"
    assert f"status {status}" in problem.document.detail
    assert problem.retry_after == wait


def test_nobody_at_the_address_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(RegistryUnreachable, match="Connection refused"):
        ask(host)
    with pytest.raises(RegistryUnreachable, match=r"registry\.invalid"):
        find_digest("registry.invalid/acme/shop:v1", anonymous(), seconds=1)


def test_an_answer_that_is_no_http_is_told() -> None:
    def talk(connection: socket.socket, _: Event) -> None:
        connection.sendall(b"220 mail.example.com ESMTP\r\n")

    with raw_server(talk) as host, pytest.raises(Problem, match="no HTTP") as refused:
        ask(host)

    assert refused.value.document.slug == "registry-unexpected"


def trickling(beginning: bytes) -> Callable[[socket.socket, Event], None]:
    """A server that sends a byte every 50 ms for ever: each read of it is quick."""

    def talk(connection: socket.socket, over: Event) -> None:
        connection.sendall(beginning)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return talk


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDocker-Content-Digest: ",
    ],
)
def test_a_head_that_trickles_is_given_up_in_time(beginning: bytes) -> None:
    started = monotonic()

    with raw_server(trickling(beginning)) as host, pytest.raises(RegistryUnreachable, match="in time"):
        ask(host, seconds=0.3)

    assert monotonic() - started < 5


def test_behind_tls_a_head_that_trickles_is_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    head, started = b"HTTP/1.1 200 OK\r\nX-Long: ", monotonic()

    with raw_server(trickling(head), tls=tls) as host, pytest.raises(RegistryUnreachable, match="in time"):
        ask(host, anonymous(plain_http=False), seconds=0.5)

    assert monotonic() - started < 5


def test_a_proxy_of_the_environment_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with Impostor(saying(200, {"Docker-Content-Digest": DIGEST})) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")

        assert find_digest("registry.invalid/acme/shop:v1", anonymous()) == DIGEST

    assert proxy.asked[0].path == "http://registry.invalid/v2/acme/shop/manifests/v1"


CHUNKED = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        CHUNKED + b"\r\n1;",
        CHUNKED + b"Connection: close\r\n\r\n1;",
        CHUNKED + b"\r\n2\r\n{}\r\n0\r\nX-Trailer: ",
    ],
)
def test_a_body_that_trickles_is_given_up_in_time(beginning: bytes) -> None:
    """Also where it is what stands around the body that has no end: that is one read of many."""
    started = monotonic()

    with raw_server(trickling(beginning)) as host, pytest.raises(RegistryUnreachable, match="in time"):
        ask(host, seconds=0.3)

    assert monotonic() - started < 5


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    def talk(_: socket.socket, over: Event) -> None:
        over.wait(10)

    with raw_server(talk) as host, pytest.raises(RegistryUnreachable, match="in time"):
        ask(host, seconds=0.2)


def test_head_and_body_have_the_time_together() -> None:
    def talk(connection: socket.socket, over: Event) -> None:
        over.wait(0.6)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n")
        over.wait(10)

    started = monotonic()

    with raw_server(talk) as host, pytest.raises(RegistryUnreachable, match="in time"):
        ask(host, seconds=1)

    assert monotonic() - started < 1.5


def test_a_body_without_end_is_not_read_to_it() -> None:
    def talk(connection: socket.socket, over: Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not over.is_set():
            connection.sendall(b" " * 65536)

    with raw_server(talk) as host, pytest.raises(Problem, match=f"more than {LARGEST_MANIFEST} bytes"):
        ask(host)


def test_a_body_that_would_unfold_is_counted_as_it_came() -> None:
    headers = {"Content-Encoding": "gzip"}
    with Impostor(saying(200, headers, b"x" * 100)) as impostor:
        patience = Patience(seconds=5)
        answer = patience.ask("GET", f"http://{impostor.host}/", headers={}, limit=100)
        with pytest.raises(BadAnswer, match="more than 99 bytes"):
            patience.ask("GET", f"http://{impostor.host}/", headers={}, limit=99)

    assert answer.body == b"x" * 100
    assert impostor.asked[0].headers["accept-encoding"] == "identity"


# Who may see the password


def challenging(challenge: str) -> Callable[[Asked], Reply]:
    """Lets in whoever brings credentials of any kind."""

    def reply(asked: Asked) -> Reply:
        if "authorization" in asked.headers:
            return 200, {"Docker-Content-Digest": DIGEST}, b""
        return 401, {"WWW-Authenticate": challenge}, b""

    return reply


def test_the_password_goes_to_the_registry_when_it_asks_and_not_before(tmp_path: Path) -> None:
    with Impostor(challenging('Basic realm="x"')) as impostor:
        assert ask(impostor.host, with_password(tmp_path)) == DIGEST

    first, second = impostor.asked
    assert "authorization" not in first.headers
    assert second.headers["authorization"] == f"Basic {HIDDEN[1]}"


@pytest.mark.parametrize(
    "realm",
    [
        "http://{other}/token",
        "http://{other}@{own}/token",
        "http://{own}@{other}/token",
        "http://user:pass@{own}/token",
        "https://{other}/token",
        "//{other}/token",
        "ftp://{own}/token",
        "http:///token",
        "http://[::1/token",
        "http://{own}:99999/token",
        "",
    ],
)
def test_a_realm_elsewhere_sees_nothing(tmp_path: Path, realm: str) -> None:
    with Impostor(saying(200, {}, b'{"token": "t"}')) as other, Impostor(saying(401)) as own:
        named = realm.format(other=other.host, own=own.host)
        own.reply = saying(401, {"WWW-Authenticate": f'Bearer realm="{named}"'})
        with pytest.raises(Problem) as refused:
            ask(own.host, with_password(tmp_path))

    assert refused.value.document.slug == "registry-token-host"
    assert other.asked == []
    assert [asked.method for asked in own.asked] == ["HEAD"]


def test_a_redirect_takes_the_password_nowhere(tmp_path: Path) -> None:
    with Impostor(saying(200, {"Docker-Content-Digest": DIGEST})) as other:

        def reply(asked: Asked) -> Reply:
            if "authorization" not in asked.headers:
                return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
            return 307, {"Location": f"http://{other.host}/v2/"}, b""

        problem = refused_by(reply, with_password(tmp_path))

    assert problem.document.slug == "registry-unexpected"
    assert other.asked == []


def test_a_redirect_of_the_token_host_is_not_followed_either(tmp_path: Path) -> None:
    with Impostor(saying(200, {}, b'{"token": "t"}')) as other, Impostor(saying(401)) as own:

        def reply(asked: Asked) -> Reply:
            if asked.path.startswith("/token"):
                return 302, {"Location": f"http://{other.host}/"}, b""
            return 401, {"WWW-Authenticate": f'Bearer realm="http://{own.host}/token"'}, b""

        own.reply = reply
        with pytest.raises(Problem, match="status 302"):
            ask(own.host, with_password(tmp_path))

    assert other.asked == []


def test_the_registrys_own_host_may_hand_out_tokens(tmp_path: Path) -> None:
    with Impostor(saying(500)) as own:

        def reply(asked: Asked) -> Reply:
            if asked.path.startswith("/token"):
                return 200, {}, b'{"access_token": "a.b-c"}'
            if asked.headers.get("authorization") == "Bearer a.b-c":
                return 200, {"Docker-Content-Digest": DIGEST}, b""
            challenge = f'Bearer realm="http://{own.host}/token?account=x",service="s p"'
            return 401, {"WWW-Authenticate": challenge}, b""

        own.reply = reply
        assert ask(own.host, with_password(tmp_path)) == DIGEST

    assert own.asked[1].path == "/token?account=x&service=s+p&scope=repository%3Aacme%2Fshop%3Apull"
    assert own.asked[1].headers["authorization"] == f"Basic {HIDDEN[1]}"
    assert own.asked[2].headers["authorization"] == "Bearer a.b-c"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": 1}',
        b'{"token": "a\\r\\nX-Evil: 1"}',
        b'{"token": ""}',
        b'{"token": "\\u00e9"}',
        b"[" * 50_000,
        b'{"token": "' + b"x" * 20_000 + b'"}',
        b"x" * 70_000,
    ],
)
def test_a_token_that_is_none_is_refused(tmp_path: Path, body: bytes) -> None:
    with Impostor(saying(500)) as own:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{own.host}/token"'}
        own.reply = lambda asked: (
            (200, {}, body) if asked.path.startswith("/token") else (401, challenge, b"")
        )
        with pytest.raises(Problem) as refused:
            ask(own.host, with_password(tmp_path))

    assert refused.value.document.slug == "registry-unexpected"


@pytest.mark.parametrize("challenge", ["", "Negotiate abc==", "Basic", 'Digest realm="x"', '="', ",,,"])
def test_without_a_way_in_that_we_know_the_registry_refuses(challenge: str) -> None:
    assert refused_by(saying(401, {"WWW-Authenticate": challenge})).document.slug == "registry-refused"


def test_a_challenge_without_end_is_not_read() -> None:
    problem = refused_by(saying(401, {"WWW-Authenticate": 'a="' * 2000}))

    assert problem.document.slug == "registry-unexpected"


def test_nobody_takes_a_password_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    with Impostor(saying(200, {"Docker-Content-Digest": DIGEST})) as impostor:
        ask(impostor.host)

    assert "authorization" not in impostor.asked[0].headers


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_nothing_that_is_told_or_logged_has_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, scheme: str, status: int
) -> None:
    """Not even where the registry says back all that it was sent."""
    caplog.set_level(logging.DEBUG)
    registry = with_password(tmp_path)
    with Impostor(saying(500)) as own:

        def reply(asked: Asked) -> Reply:
            sent = asked.headers.get("authorization", "")
            if not sent:
                return 401, {"WWW-Authenticate": f'{scheme} realm="http://{own.host}/token"'}, b""
            secrets = [base64.b64decode(sent.partition(" ")[2]).decode(), sent]
            echoed = {name: " ".join(secrets) for name in ("Content-Type", "X-Said")}
            return status, echoed, errors(*secrets, PASSWORD.upper())

        own.reply = reply
        with pytest.raises(Problem) as refused:
            ask(own.host, registry)

    assert any("authorization" in asked.headers for asked in own.asked)
    shown = [repr(refused.value), str(refused.value.document), repr(registry), caplog.text]
    assert [text for text in shown for one in HIDDEN if one in text] == []


def test_a_password_that_can_not_be_read_is_told_before_anybody_is_asked(tmp_path: Path) -> None:
    registry = anonymous(username=USER, password={"file": str(tmp_path / "none")})

    with Impostor(saying(200)) as impostor, pytest.raises(Problem, match=r"registry\.password") as refused:
        ask(impostor.host, registry)

    assert refused.value.document.slug == "secret-missing"
    assert impostor.asked == []


@pytest.mark.parametrize(
    "image", ["{host}/acme/shop:../../x", "{host}/../x:v1", "{host}/UPPER:v1", "{host}/a b:v1"]
)
def test_a_name_that_leads_elsewhere_is_asked_of_nobody(image: str) -> None:
    with Impostor(saying(200)) as impostor, pytest.raises(Problem) as refused:
        find_digest(image.format(host=impostor.host), anonymous())

    assert refused.value.document.slug == "image-name-invalid"
    assert impostor.asked == []
