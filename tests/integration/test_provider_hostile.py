"""A provider that is broken or hostile: what no real one does, said by a server that says what it is told."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from release.secret import Secret
from release.sign_in import SignIn
from webhook.id_tokens import BadIdToken
from webhook.provider import REST, Provider
from webhook.provider_access import LIMIT, ProviderAway, ProviderRefused, read_document, speak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webhook.attempts import Attempt

KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "two"})
DISCOVERY = "/.well-known/openid-configuration"
BACK = "https://verdigris.example/login/callback"


class Stage:
    """A server: each path answers with what stands in ``says``; ``asked`` are the paths asked for."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.forms: list[str] = []
        self.now = datetime.now(UTC)
        self.says: dict[str, Any] = {
            DISCOVERY: {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
            },
            "/keys": {"keys": [KEY.as_dict(private=False)]},
        }

    def provider(self, **given: object) -> Provider:
        values = {"issuer": self.address, "client_id": "verdigris", "client_secret": {"env": "X"}, **given}
        return Provider(
            SignIn.model_validate(values),
            Secret("the client's secret"),
            redirect_uri=BACK,
            clock=lambda: self.now,
        )

    def hand_out(self, attempt: Attempt, *, key: RSAKey = KEY, **claims: object) -> None:
        """Let the token endpoint answer a code of that attempt."""
        at = int(self.now.timestamp())
        said = {"iss": self.address, "aud": "verdigris", "sub": "0815", "nonce": attempt.nonce, **claims}
        text = jwt.encode({"alg": "RS256", "kid": key.kid}, {"iat": at, "exp": at + 60, **said}, key)
        self.says["/token"] = {"access_token": "at", "token_type": "Bearer", "id_token": text}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with played() as found:
        yield found


@contextmanager
def played() -> Iterator[Stage]:
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            playing.asked.append(self.path)
            playing.heads.append(dict(self.headers))
            said = playing.says.get(self.path, 404)
            status, headers, body = (200, {}, said) if not isinstance(said, tuple | int) else _parts(said)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            while "Content-Length" in headers and not is_over.wait(0.2):
                self.wfile.write(b" ")  # less than it had announced, and slowly

        def do_POST(self) -> None:
            playing.forms.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        playing = Stage(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield playing
        is_over.set()
        server.shutdown()
        thread.join()


def _parts(said: tuple[int, dict[str, str], bytes] | int) -> tuple[int, dict[str, str], bytes]:
    return (said, {}, b"") if isinstance(said, int) else said


def test_the_browser_is_sent_with_state_nonce_and_a_proof_key(stage: Stage) -> None:
    address, attempt = stage.provider().begin("/")
    query = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{stage.address}/authorize?")
    assert query["code_challenge_method"] == ["S256"]
    assert query["code_challenge"] != [attempt.verifier]
    assert query["redirect_uri"] == [BACK]
    assert query["scope"] == ["openid profile email groups"]
    assert (query["state"], query["nonce"]) == ([attempt.state], [attempt.nonce])


def test_the_document_is_asked_for_once_an_hour(stage: Stage) -> None:
    provider = stage.provider()
    for _ in range(3):
        provider.begin("/")
    assert stage.asked == [DISCOVERY]
    stage.now += timedelta(hours=1)
    provider.begin("/")
    assert stage.asked == [DISCOVERY] * 2


def test_one_that_is_away_is_not_asked_again_at_once(stage: Stage) -> None:
    provider, document = stage.provider(), stage.says.pop(DISCOVERY)
    for _ in range(3):
        with pytest.raises(ProviderAway, match="status 404"):
            provider.begin("/")
    assert stage.asked == [DISCOVERY]
    stage.says[DISCOVERY] = document
    stage.now += REST
    provider.begin("/")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (500, "status 500"),
        ((302, {"Location": "/elsewhere"}, b""), "redirect, which is not followed"),
        (b"<html>", "no JSON"),
        (b"[]", "JSON that is no object"),
        (b" " * (LIMIT + 1), "more than"),
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({}, "another issuer"),
    ],
)
def test_a_document_that_makes_no_sense_is_told(stage: Stage, said: object, told: str) -> None:
    stage.says[DISCOVERY] = said
    with pytest.raises(ProviderAway, match=told):
        stage.provider().begin("/")
    assert stage.asked == [DISCOVERY]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("value", [None, 7, "http://127.0.0.1:1/x", "https://evil.example/x", "/x"])
def test_endpoints_elsewhere_or_nowhere_are_not_used(stage: Stage, name: str, value: object) -> None:
    stage.says[DISCOVERY][name] = value
    with pytest.raises(ProviderAway, match=name):
        stage.provider().begin("/")


def test_endpoints_on_hosts_that_the_configuration_names_are(stage: Stage) -> None:
    with played() as other:
        stage.says[DISCOVERY]["jwks_uri"] = f"{other.address}/keys"
        provider = stage.provider(hosts=[other.address.removeprefix("http://")])
        _, attempt = provider.begin("/")
        stage.hand_out(attempt)
        assert provider.finish("code", attempt).name == "0815"
        assert other.asked == ["/keys"]


def test_no_redirect_leads_anywhere_not_even_with_the_secret(stage: Stage) -> None:
    with played() as other:
        provider = stage.provider()
        _, attempt = provider.begin("/")
        stage.says["/token"] = (307, {"Location": f"{other.address}/token"}, b"")
        with pytest.raises(ProviderAway, match="redirect"):
            provider.finish("code", attempt)
        assert other.asked == []


def test_a_code_is_changed_for_a_person(stage: Stage) -> None:
    provider = stage.provider()
    _, attempt = provider.begin("/")
    stage.hand_out(attempt, groups=["sre"], preferred_username="maria")
    person = provider.finish("the code", attempt)
    assert (person.name, person.groups) == ("maria", ("sre",))
    form = parse_qs(stage.forms[0])
    assert form["code"] == ["the code"]
    assert form["code_verifier"] == [attempt.verifier]
    assert form["redirect_uri"] == [BACK]
    assert stage.heads[1]["Authorization"].startswith("Basic ")
    assert "Authorization" not in stage.heads[0]


def test_a_provider_that_takes_the_secret_only_in_the_form_gets_it_there(stage: Stage) -> None:
    stage.says[DISCOVERY]["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    provider = stage.provider()
    _, attempt = provider.begin("/")
    stage.hand_out(attempt)
    provider.finish("code", attempt)
    assert parse_qs(stage.forms[0])["client_secret"] == ["the client's secret"]


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ({"error": "invalid_grant", "error_description": "no \x1b[31mcode"}, ProviderRefused, r"no \\u001b"),
        ((400, {}, b'{"error": "invalid_client"}'), ProviderRefused, "invalid_client"),
        ((503, {}, b"{}"), ProviderAway, "status 503"),
        (b"no", ProviderAway, "not a JSON object"),
        ({"access_token": "at"}, ProviderAway, "no id_token"),
        ({"id_token": "x.y.z"}, ProviderAway, "no id_token and access_token"),
        ({"access_token": "at", "id_token": ["x"]}, ProviderAway, "no id_token"),
        ({"access_token": "at", "id_token": "x.y.z"}, BadIdToken, "can't be read"),
    ],
)
def test_an_answer_to_a_code_that_is_none_is_told(
    stage: Stage, said: object, error: type[Exception], told: str
) -> None:
    provider = stage.provider()
    _, attempt = provider.begin("/")
    stage.says["/token"] = said
    with pytest.raises(error, match=told):
        provider.finish("code", attempt)


def test_keys_are_kept_until_one_is_unknown(stage: Stage) -> None:
    provider = stage.provider()
    for key in (KEY, KEY, OTHER, OTHER):
        stage.says["/keys"] = {"keys": [key.as_dict(private=False)]}
        _, attempt = provider.begin("/")
        stage.hand_out(attempt, key=key)
        provider.finish("code", attempt)
    assert stage.asked.count("/keys") == 2


def test_a_key_that_nobody_lists_is_asked_for_once_and_refused(stage: Stage) -> None:
    provider = stage.provider()
    _, attempt = provider.begin("/")
    stage.hand_out(attempt, key=OTHER)
    with pytest.raises(BadIdToken, match="none of the provider's keys"):
        provider.finish("code", attempt)
    assert stage.asked.count("/keys") == 2


def test_groups_that_are_not_in_the_token_are_asked_for(stage: Stage) -> None:
    stage.says[DISCOVERY]["userinfo_endpoint"] = f"{stage.address}/me"
    stage.says["/me"] = {"sub": "0815", "groups": ["sre"], "preferred_username": "maria", "iss": "x"}
    provider = stage.provider()
    _, attempt = provider.begin("/")
    stage.hand_out(attempt)
    assert provider.finish("code", attempt).groups == ("sre",)
    assert stage.heads[-1]["Authorization"] == "Bearer at"
    # And not where the token says that there are none
    stage.hand_out(attempt, groups=[])
    assert provider.finish("code", attempt).groups == ()
    assert stage.asked.count("/me") == 1


def test_what_is_told_of_somebody_else_is_refused(stage: Stage) -> None:
    stage.says[DISCOVERY]["userinfo_endpoint"] = f"{stage.address}/me"
    stage.says["/me"] = {"sub": "4711", "groups": ["sre"]}
    provider = stage.provider()
    _, attempt = provider.begin("/")
    stage.hand_out(attempt)
    with pytest.raises(BadIdToken, match="another person"):
        provider.finish("code", attempt)


def test_somebody_without_a_name_is_refused(stage: Stage) -> None:
    provider = stage.provider()
    _, attempt = provider.begin("/")
    stage.hand_out(attempt, sub="\u202e")
    with pytest.raises(BadIdToken, match="no name"):
        provider.finish("code", attempt)


def test_the_way_out_is_offered_where_there_is_one(stage: Stage) -> None:
    assert stage.provider().find_end_session(BACK) is None
    stage.says[DISCOVERY]["end_session_endpoint"] = f"{stage.address}/leave?x=1"
    found = stage.provider().find_end_session("https://verdigris.example/login")
    assert found is not None
    assert found.startswith(f"{stage.address}/leave?x=1&client_id=verdigris&post_logout_redirect_uri=https")
    stage.says.pop(DISCOVERY)
    assert stage.provider().find_end_session(BACK) is None


def test_a_provider_that_answers_nobody_holds_up_one_at_a_time(stage: Stage) -> None:
    # Given one that takes a request and does not answer it
    provider = stage.provider()
    is_asked, may_answer = threading.Event(), threading.Event()
    document = stage.says[DISCOVERY]

    class Slow(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 -- as a dict has it
            is_asked.set()
            may_answer.wait(10)
            return super().get(name, default)

    stage.says = Slow({DISCOVERY: document})
    first = threading.Thread(target=provider.begin, args=("/",))
    first.start()
    assert is_asked.wait(10)
    # When somebody else wants to sign in meanwhile, then they are told so
    with pytest.raises(ProviderAway, match="has not answered yet"):
        provider.begin("/")
    may_answer.set()
    first.join()
    provider.begin("/")


def test_an_answer_that_trickles_is_not_waited_for(stage: Stage) -> None:
    stage.says[DISCOVERY] = (200, {"Content-Length": "1000000"}, b"{")
    with pytest.raises(ProviderAway, match="no answer in time"):
        stage.provider().begin("/")


def test_without_tls_a_provider_that_should_have_it_is_not_spoken_to(stage: Stage) -> None:
    with pytest.raises(ProviderAway, match="TLS: "):
        stage.provider(issuer=stage.address.replace("http:", "https:")).begin("/")
    assert stage.asked == []


def test_nothing_is_sent_to_a_host_that_is_not_named(stage: Stage) -> None:
    with played() as other:
        sign_in = stage.provider().sign_in
        with (
            pytest.raises(ProviderAway, match="is on no host of"),
            speak(sign_in, Secret("the client's secret")) as session,
        ):
            read_document(session, f"{other.address}/keys")
        assert other.asked == []
