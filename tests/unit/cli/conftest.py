"""What the tests of the command line stand on: a server with canned answers, and a terminal of their own."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.serving import serving
from tests.unit.cli.canned import HANG_UP, TOKEN, Asked, CannedServer, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[CannedServer]:
    canned = CannedServer()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(
                self.command,
                address.path,
                parse_qs(address.query),
                dict(self.headers),
                json.loads(body) if body else None,
            )
            status, content, headers = canned.take(asked)
            if status == HANG_UP:
                self.wfile.write(content if isinstance(content, bytes) else b"")
                self.close_connection = True
                return
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 -- names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
            """Say nothing."""

    with serving(Handler) as canned.url:
        yield canned


@pytest.fixture
def bare_terminal(tmp_path: Path) -> Terminal:
    """No server, no token, no profile."""
    return Terminal(
        home=tmp_path,
        environment={
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path / ".config"),
            "NO_PROXY": "*",
            "VERDIGRIS_SERVER": None,
            "VERDIGRIS_TOKEN": None,
            "VERDIGRIS_PROFILE": None,
            "VERDIGRIS_CONFIG": None,
            "WEB_CONCURRENCY": None,
            "FORCE_COLOR": None,
        },
    )


@pytest.fixture
def terminal(bare_terminal: Terminal, server: CannedServer) -> Terminal:
    """Server and token in the environment."""
    bare_terminal.environment |= {"VERDIGRIS_SERVER": server.url, "VERDIGRIS_TOKEN": TOKEN}
    return bare_terminal
