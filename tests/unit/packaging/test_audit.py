"""The audit of pinned versions, against a service of our own that tells vulnerabilities as OSV does."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
CANARY = {"django": {"2.2.0"}}


@contextmanager
def service(vulnerable: dict[str, set[str]]) -> Iterator[str]:
    """The address of one that knows these versions to be vulnerable."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name, version = asked["package"]["name"], asked["version"]
            told: dict[str, Any] = {}
            if version in vulnerable.get(name, set()):
                ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}]
                affected = [{"package": asked["package"], "ranges": ranges, "versions": [version]}]
                told = {"vulns": [{"id": "PYSEC-2026-1", "summary": "bad", "affected": affected}]}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def audit(folder: Path, address: str) -> tuple[int, str]:
    pins = folder / "constraints.txt"
    pins.write_text("flask==3.1.3\nenvoy-server==1.40.0 ; sys_platform == 'linux'\n", encoding="utf-8")
    script = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(pins)]
    ended = subprocess.run(
        [*script, "--vulnerability-service=osv", f"--osv-url={address}", f"--cache-dir={folder / 'cache'}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def test_a_vulnerable_pin_fails_and_is_named(tmp_path: Path) -> None:
    with service(CANARY | {"flask": {"3.1.3"}}) as address:
        status, told = audit(tmp_path, address)
    assert status == 1
    assert "VULNERABLE: flask 3.1.3: PYSEC-2026-1" in told


def test_pins_without_a_known_vulnerability_pass(tmp_path: Path) -> None:
    with service(CANARY) as address:
        status, told = audit(tmp_path, address)
    assert status == 0
    assert told == "no known vulnerability in 2 pinned packages\n"


def test_a_service_that_knows_nothing_is_not_taken_for_a_good_sign(tmp_path: Path) -> None:
    with service({}) as address:
        status, told = audit(tmp_path, address)
    assert status == 0
    assert "NOT AUDITED" in told


def test_without_network_it_is_said_in_one_line_and_nothing_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    status, told = audit(tmp_path, f"http://127.0.0.1:{port}/v1/query")
    assert status == 0
    assert "NOT AUDITED" in told


@pytest.mark.parametrize("word", ["audit:", "lint types imports audit test"])
def test_make_check_audits(word: str) -> None:
    assert word in (ROOT / "Makefile").read_text(encoding="utf-8")
