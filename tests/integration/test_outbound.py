"""Requests go to hosts that the configuration names and to no other, wherever an answer points."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from release.problems import Problem
from source.checkout import Repositories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def host(asked: list[str], *, leads_to: str = "") -> Iterator[str]:
    """A Git host's address, which notes what it is asked and points elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302 if leads_to else 404)
            self.send_header("Location", f"{leads_to}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_git_host_that_points_elsewhere_is_not_followed(tmp_path: Path) -> None:
    # Given a configured host that sends Git to an address inside
    here: list[str] = []
    inside: list[str] = []
    # When a tag is looked up there
    with (
        host(inside) as secret,
        host(here, leads_to=secret) as address,
        pytest.raises(Problem) as caught,
    ):
        Repositories(tmp_path / "cache").resolve_tag(f"{address}/shop.git", "v1-blue")
    # Then nobody was asked but that host, and the problem tells of it
    assert here
    assert inside == []
    assert caught.value.document.slug in {"repository-unreachable", "repository-refused"}
    assert "302" in caught.value.document.detail or "redirect" in caught.value.document.detail
