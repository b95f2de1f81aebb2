"""Ways to a cluster as people have them: contexts, plugins, a pod's account, a CA, a proxy, tokens that end.

The other side is a small HTTPS server with a certificate of the test's own CA; it knows tokens, nothing else.
"""

from __future__ import annotations

import json
import os
import ssl
import stat
import sys
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import trustme
import yaml
from kubernetes.config import incluster_config

from cluster.connection import Cluster
from cluster.errors import Unauthorized, Untrusted
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Server:
    """What is asked here, by which token; ``tokens`` are those it accepts."""

    url: str = ""
    ca: str = ""
    tokens: set[str] = field(default_factory=lambda: {"good"})
    asked: list[tuple[str, str]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    known: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        token = self.headers.get("authorization", "").split(" ")[-1]
        self.known.asked.append((self.path, token))
        is_known = token in self.known.tokens
        self._answer(HTTPStatus.OK if is_known else HTTPStatus.UNAUTHORIZED, {"path": self.path})

    def _answer(self, status: int, content: dict[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    known = Server()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), type("Known", (Handler,), {"known": known}))
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    known.url = f"https://127.0.0.1:{httpd.server_address[1]}"
    known.ca = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(known.ca)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield known
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def write_kubeconfig(folder: Path, server: Server, user: dict[str, Any], **cluster: str | None) -> Path:
    """A kubeconfig with the context ``one``; ``cluster`` adds to or replaces what it says of the server."""
    described = {"server": server.url, "certificate-authority": server.ca} | cluster
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [{"name": "one", "cluster": {k: v for k, v in described.items() if v}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "anna"}}],
        "users": [{"name": "anna", "user": user}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def plugin(folder: Path, body: str) -> dict[str, Any]:
    """A user whose credentials come from a program, here a few lines of Python."""
    program = folder / "plugin"
    program.write_text(f"#!{sys.executable}\n{body}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": str(program), "interactiveMode": "Never"}}


def ask(cluster: Cluster) -> str:
    path: str = json.loads(cluster.request("GET", "/version"))["path"]
    return path


TOKEN_FROM_FILE = """
import json, pathlib
token = pathlib.Path("{file}").read_text()
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
    "status": {{"token": token, "expirationTimestamp": "{until}"}}}}))
"""


def test_a_server_with_an_authority_of_its_own_is_trusted_by_it(server: Server, tmp_path: Path) -> None:
    assert ask(Cluster.connect(write_kubeconfig(tmp_path, server, {"token": "good"}))) == "/version"


def test_a_server_of_another_authority_gets_no_token(server: Server, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path, server, {"token": "good"}, **{"certificate-authority": None})

    with pytest.raises(Untrusted):
        ask(Cluster.connect(kubeconfig))

    assert server.asked == []


def test_a_credential_plugin_is_asked_for_a_token(server: Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("good")
    user = plugin(tmp_path, TOKEN_FROM_FILE.format(file=tmp_path / "token", until="2100-01-01T00:00:00Z"))

    assert ask(Cluster.connect(write_kubeconfig(tmp_path, server, user))) == "/version"


def test_a_token_that_expires_during_a_release_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("good")
    user = plugin(tmp_path, TOKEN_FROM_FILE.format(file=token, until="2020-01-01T00:00:00Z"))
    cluster = Cluster.connect(write_kubeconfig(tmp_path, server, user))
    ask(cluster)

    token.write_text("better")
    server.tokens = {"good", "better"}  # it is not the refusal that makes it ask
    until = time.monotonic() + 10

    while server.asked[-1][1] != "better":
        assert ask(cluster) == "/version"
        assert time.monotonic() < until


def test_a_token_that_is_revoked_before_its_time_is_read_again(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("good")
    cluster = Cluster.connect(write_kubeconfig(tmp_path, server, {"tokenFile": str(token)}))
    ask(cluster)

    token.write_text("better")
    server.tokens = {"better"}

    assert ask(cluster) == "/version"
    assert [used for _, used in server.asked] == ["good", "good", "better"]


def test_credentials_that_stay_refused_are_told_after_one_more_try(server: Server, tmp_path: Path) -> None:
    cluster = Cluster.connect(write_kubeconfig(tmp_path, server, {"token": "stolen"}))

    with pytest.raises(Unauthorized):
        ask(cluster)

    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("body", "name"), [("raise SystemExit('no session: log in first')", "plugin"), ("print('{}')", "plugin")]
)
def test_a_plugin_that_gives_nothing_is_told_by_name(
    server: Server, tmp_path: Path, body: str, name: str
) -> None:
    with pytest.raises(
        Problem, match=f"credential plugin .*/{name} of user anna gave no credentials"
    ) as told:
        Cluster.connect(write_kubeconfig(tmp_path, server, plugin(tmp_path, body)))

    assert told.value.document.slug == "cluster-config"
    assert server.asked == []


def test_a_plugin_that_is_not_there_is_told_by_name(server: Server, tmp_path: Path) -> None:
    user = plugin(tmp_path, "")
    os.unlink(tmp_path / "plugin")  # noqa: PTH108 -- as somebody uninstalls it

    with pytest.raises(Problem, match="gave no credentials"):
        Cluster.connect(write_kubeconfig(tmp_path, server, user))


def test_a_cluster_that_wants_no_credentials_gets_none(server: Server, tmp_path: Path) -> None:
    server.tokens = {""}

    assert ask(Cluster.connect(write_kubeconfig(tmp_path, server, {}))) == "/version"


def test_in_a_pod_its_account_is_used_and_its_token_read_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given what the kubelet gives to a pod
    address = urlsplit(server.url)
    token = tmp_path / "token"
    token.write_text("good")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", server.ca)

    cluster = Cluster.connect()
    ask(cluster)
    # when the kubelet exchanges it
    token.write_text("better")
    server.tokens = {"better"}

    assert ask(cluster) == "/version"


class Proxy(BaseHTTPRequestHandler):
    """Refuses every tunnel, and remembers where they were to lead."""

    wanted: list[str]

    def do_CONNECT(self) -> None:
        self.wanted.append(self.path)
        self.send_error(HTTPStatus.BAD_GATEWAY, "no way there")

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    wanted: list[str] = []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), type("Remembering", (Proxy,), {"wanted": wanted}))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}", wanted
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_a_proxy_that_the_kubeconfig_names_is_used(
    server: Server, proxy: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, wanted = proxy
    kubeconfig = write_kubeconfig(tmp_path, server, {"token": "good"}, **{"proxy-url": url})

    with pytest.raises(Problem) as told:
        ask(Cluster.connect(kubeconfig))

    assert told.value.document.slug == "cluster-unavailable"
    assert wanted == [urlsplit(server.url).netloc]
    assert server.asked == []


@pytest.mark.parametrize(("exception", "is_used"), [("", True), ("127.0.0.1", False)])
def test_the_environments_proxy_is_used_but_for_the_hosts_that_it_excepts(
    server: Server,
    proxy: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exception: str,
    *,
    is_used: bool,
) -> None:
    url, wanted = proxy
    monkeypatch.setenv("HTTPS_PROXY", url)
    monkeypatch.setenv("NO_PROXY", exception)
    cluster = Cluster.connect(write_kubeconfig(tmp_path, server, {"token": "good"}))

    if is_used:
        with pytest.raises(Problem):
            ask(cluster)
    else:
        ask(cluster)

    assert bool(wanted) is is_used


def test_two_contexts_lead_to_two_clusters(server: Server, tmp_path: Path) -> None:
    document = yaml.safe_load(write_kubeconfig(tmp_path, server, {"token": "good"}).read_text())
    elsewhere = {"server": "https://127.0.0.1:1", "certificate-authority": server.ca}
    document["clusters"].append({"name": "two", "cluster": elsewhere})
    document["contexts"].append({"name": "two", "context": {"cluster": "two", "user": "anna"}})
    (tmp_path / "both").write_text(yaml.safe_dump(document))

    near, far = (Cluster.connect(tmp_path / "both", name) for name in ("one", "two"))

    assert ask(near) == "/version"
    assert far.host == "127.0.0.1:1"
    with pytest.raises(Problem, match=r"127\.0\.0\.1:1"):
        ask(far)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (b"users:\n  - name: anna\n\tuser: {token: geheim}\n", ":3", "no valid YAML"),
        (b"kind: Config\nusers: [{name: anna, user: {token: geheim}\n", ":3", "no valid YAML"),
        (b"users:\n  - {name: anna, user: {password: !geheim}}\n", ":2", "no valid YAML"),
        (b"kind: Config\nusers: geheim\n", ":2", "users must be a list"),
        (b"geheim\n", ":1", "is no kubeconfig"),
        (b"token: \xff\xfe geheim\n", "", "is no UTF-8 text"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_told_with_its_line_and_nothing_of_its_content(
    tmp_path: Path, text: bytes, line: str, words: str
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_bytes(text)

    with pytest.raises(Problem) as told:
        Cluster.connect(kubeconfig)

    document = told.value.document
    assert document.slug == "cluster-config"
    assert f"{kubeconfig}{line}: {words}" in document.detail
    assert "geheim" not in f"{document.detail}{told.value.__cause__}"


def test_of_several_kubeconfigs_the_broken_one_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, broken = write_kubeconfig(tmp_path, server, {"token": "good"}), tmp_path / "broken"
    broken.write_text("a: [")
    monkeypatch.setenv("KUBECONFIG", f"{good}:{tmp_path / 'absent'}:{broken}")

    with pytest.raises(Problem, match=f"{broken}:1: no valid YAML"):
        Cluster.connect()
