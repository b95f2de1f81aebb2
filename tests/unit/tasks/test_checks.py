"""One HTTP check, against a server that answers as each test wants."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from release.config import Gateway
from release.smoke import HttpCheck
from tasks.checks import find_failure, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Say = Callable[[BaseHTTPRequestHandler], None]

OK = HttpCheck()


class Server(ThreadingHTTPServer):
    """Answers with what ``say`` writes; remembers what it was asked."""

    daemon_threads = True

    def __init__(self, say: Say) -> None:
        self.asked: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append({"path": self.path, **dict(self.headers)})
                say(self)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def serving(say: Say) -> Iterator[tuple[Server, Gateway]]:
    server = Server(say)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server, Gateway(address=f"http://127.0.0.1:{server.server_port}", host="shop.example.com")
    finally:
        server.shutdown()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("X-Version", "2")
    handler.end_headers()
    handler.wfile.write(json.dumps({"shop": "open", "items": [{"id": 7}], "sold_out": False}).encode())


def test_a_check_asks_through_the_gateway_with_host_and_cookie() -> None:
    check = HttpCheck(path="/health?deep=1", headers={"Accept": "application/json"})
    with serving(answer) as (server, gateway):
        assert find_failure(check, gateway, cookie="test=true") is None
        assert find_failure(check, gateway, cookie=None) is None

    first, second = server.asked
    assert first["path"] == "/health?deep=1"
    assert first["Host"] == "shop.example.com"
    assert first["Cookie"] == "test=true"
    assert first["Accept"] == "application/json"
    assert "Cookie" not in second


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere")
        handler.end_headers()

    with serving(redirect) as (server, gateway):
        assert find_failure(OK, gateway, cookie=None) == "status 302, expected 200"
    assert len(server.asked) == 1


def test_nobody_listening_is_a_failure_in_words() -> None:
    with serving(answer) as (_, gateway):
        pass

    assert find_failure(OK, gateway, cookie=None) == "no answer: ConnectionError"


def test_a_body_that_never_ends_does_not_hold_the_check() -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            return

    with serving(pour) as (_, gateway):
        assert find_failure(OK, gateway, cookie=None) is None


def test_a_body_that_trickles_is_given_up() -> None:
    ended = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not ended.wait(0.05):
                handler.wfile.write(b"x")
        except OSError:
            return

    began = time.monotonic()
    with serving(trickle) as (_, gateway):
        assert find_failure(OK, gateway, cookie=None, timeout=0.3) == "no answer: Timeout"
        ended.set()
    assert time.monotonic() - began < 3


def test_an_answer_cut_off_in_its_body_is_a_failure() -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"half")

    with serving(cut) as (_, gateway):
        assert (find_failure(OK, gateway, cookie=None) or "").startswith("no answer: ")


BODY = b'{"shop": "open", "items": [{"id": 7}], "sold_out": false, "price": 2.0}'


@pytest.mark.parametrize(
    ("check", "failure"),
    [
        (HttpCheck(status=503), "status 200, expected 503"),
        (HttpCheck(expect_headers={"x-version": "2"}), None),
        (HttpCheck(expect_headers={"X-Version": "3"}), "header X-Version: '2', expected '3'"),
        (HttpCheck(expect_headers={"X-Color": "blue"}), "header X-Color: None, expected 'blue'"),
        (HttpCheck(body_contains="open"), None),
        (HttpCheck(body_contains="closed"), "the body does not contain 'closed'"),
        (HttpCheck(json_equals={"shop": "open", "items.0.id": 7, "sold_out": False}), None),
        (HttpCheck(json_equals={"price": 2}), None),
        (HttpCheck(json_equals={"items.1.id": 7}), "JSON items.1.id: None, expected 7"),
        (HttpCheck(json_equals={"sold_out": 0}), "JSON sold_out: False, expected 0"),
        (HttpCheck(json_equals={"items.id": 7}), "JSON items.id: None, expected 7"),
        (HttpCheck(json_equals={"gone": None}), None),
    ],
)
def test_what_must_hold_of_an_answer(check: HttpCheck, failure: str | None) -> None:
    assert judge(check, 200, {"x-Version": "2"}, BODY) == failure


def test_a_body_that_is_no_json_fails_a_json_check() -> None:
    assert judge(HttpCheck(json_equals={"a": 1}), 200, {}, b"<html>") == "the body is no JSON"


def test_an_answer_that_did_not_come_through_the_release_s_own_entry_does_not_count() -> None:
    def signed_as(release: str) -> Callable[[BaseHTTPRequestHandler], None]:
        def say(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("X-Verdigris-Release", release)
            handler.end_headers()

        return say

    with serving(signed_as("two")) as (_, gateway):
        assert find_failure(OK, gateway, cookie="test=true", release="two") is None
        failure = find_failure(OK, gateway, cookie="test=true", release="three")
    assert failure
    assert "does not lead the test cookie to this release yet (x-verdigris-release: two)" in failure
    with serving(answer) as (_, gateway):
        assert "missing" in (find_failure(OK, gateway, cookie="test=true", release="two") or "")
