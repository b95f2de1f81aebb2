"""Registries to ask: Debian's ``docker-registry`` as a process, and impostors that answer as told."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

import pytest
import requests
import yaml

from release.origins import Registry

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PROGRAM: Final = "docker-registry"
USER: Final = "deploy"
PASSWORD: Final = "a-password-for-tests"
HTPASSWD: Final = f"{USER}:$2b$04$abcdefghijklmnopqrstuuVaJbnoKncQTH68CmbfmUOAthVwB4ZZa\n"

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"


def anonymous(**fields: object) -> Registry:
    """How an app asks a registry of this machine without credentials."""
    return Registry.model_validate({"plain_http": True, **fields})


def with_password(folder: Path, password: str = PASSWORD, **fields: object) -> Registry:
    """The same with credentials; the password is in a file, as a mounted Secret is."""
    file = folder / "registry-password"
    file.write_text(password)
    return anonymous(username=USER, password={"file": str(file)}, **fields)


@dataclass(frozen=True)
class Running:
    """A registry that answers at ``host``; ``headers`` let tests push."""

    host: str
    scheme: str = "http"
    verify: str | bool = True
    headers: Mapping[str, str] = field(default_factory=dict)

    def push_blob(self, name: str, content: bytes) -> str:
        digest = digest_of(content)
        begun = self.send("POST", f"/v2/{name}/blobs/uploads/")
        place = begun.headers["Location"].partition(self.host)[2]
        self.send("PUT", f"{place}&digest={digest}", content, "application/octet-stream")
        return digest

    def push_manifest(self, name: str, tag: str, document: Mapping[str, Any]) -> str:
        """The manifest's digest."""
        content = json.dumps(document).encode()
        self.send("PUT", f"/v2/{name}/manifests/{tag}", content, document["mediaType"])
        return digest_of(content)

    def push_image(self, name: str, tag: str, text: str = "one", kind: str = OCI_MANIFEST) -> str:
        """An image without layers, whose configuration holds a text; its digest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "author": text}).encode()
        of_config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(config)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {**of_config, "digest": self.push_blob(name, config)},
            "layers": [],
        }
        return self.push_manifest(name, tag, manifest)

    def push_index(self, name: str, tag: str, kind: str, *manifests: str) -> str:
        """An image of several platforms; its digest."""
        child = OCI_MANIFEST if kind == OCI_INDEX else DOCKER_MANIFEST
        listed = [
            {
                "mediaType": child,
                "digest": one,
                "size": 1,
                "platform": {"architecture": platform, "os": "linux"},
            }
            for one, platform in zip(manifests, ("amd64", "arm64"), strict=True)
        ]
        return self.push_manifest(name, tag, {"schemaVersion": 2, "mediaType": kind, "manifests": listed})

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                f"{self.scheme}://{self.host}{path}",
                data=body,
                headers={**self.headers, **({"Content-Type": kind} if kind else {})},
                verify=self.verify,
                timeout=10,
            )
        answer.raise_for_status()
        return answer


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def real_registry(
    folder: Path, *, headers: Mapping[str, str] | None = None, **parts: dict[str, Any]
) -> Iterator[Running]:
    """A registry process with its own storage; ``parts`` go into its configuration."""
    program = shutil.which(PROGRAM)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(f"{PROGRAM} is not installed, and CI skips nothing")
        pytest.skip(f"{PROGRAM} is not installed (Debian's package of that name)")
    tls = parts.pop("tls", None)
    config = folder / "registry.yml"
    http = {"addr": "127.0.0.1:0", "secret": "s" * 16, **({"tls": tls} if tls else {})}
    storage = {"filesystem": {"rootdirectory": str(folder / "storage")}}
    config.write_text(
        yaml.safe_dump({"version": 0.1, "log": {"level": "info"}, "storage": storage, "http": http, **parts})
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log, env=plain) as process,
    ):
        try:
            host = f"127.0.0.1:{_wait_for_port(process, folder / 'log')}"
            yield Running(host, "https" if tls else "http", headers=headers or {})
        finally:
            process.terminate()


def _wait_for_port(process: subprocess.Popen[bytes], log: Path) -> str:
    """It takes a free port and tells which in its log."""
    waiting = threading.Event()
    for _ in range(1000):
        if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text()):
            return found[1]
        if process.poll() is not None:
            break
        waiting.wait(0.01)
    message = f"{PROGRAM} did not start: {log.read_text()}"
    raise AssertionError(message)


@dataclass(frozen=True)
class Asked:
    """A request as it came to an impostor."""

    method: str
    path: str
    headers: Mapping[str, str]


Reply = tuple[int, dict[str, str], bytes]


class Impostor:
    """A server that answers every request as ``reply`` says, and keeps what it was asked."""

    def __init__(self, reply: Callable[[Asked], Reply]) -> None:
        self.reply = reply
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        impostor = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                asked = Asked(
                    self.command, self.path, {name.lower(): text for name, text in self.headers.items()}
                )
                impostor.asked.append(asked)
                status, headers, body = impostor.reply(asked)
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if asked.method != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET = _answer  # noqa: N815 -- http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def raw_server(
    talk: Callable[[socket.socket, threading.Event], None], *, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """A server below HTTP: ``talk`` gets each connection, and an event that ends it."""
    listener = socket.create_server(("127.0.0.1", 0))
    over, threads = threading.Event(), []

    def serve() -> None:
        with suppress(OSError):  # it is closed at the end
            while True:
                connection, _ = listener.accept()
                thread = threading.Thread(target=_converse, args=(talk, connection, over, tls))
                threads.append(thread)
                thread.start()

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [accepting, *threads]:
            thread.join()


def _converse(
    talk: Callable[[socket.socket, threading.Event], None],
    connection: socket.socket,
    over: threading.Event,
    tls: ssl.SSLContext | None,
) -> None:
    with connection, suppress(OSError):  # the client hangs up
        safe = tls.wrap_socket(connection, server_side=True) if tls else connection
        with safe:
            safe.recv(4096)
            talk(safe, over)
