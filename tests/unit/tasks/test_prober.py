"""What a prober tells of a switch: lost requests, and when users met the new version."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from release.config import Gateway
from release.model import Probe
from tasks.prober import LAST, Prober, Seen, describe, find_crossing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DEADLINE = 10.0


@dataclass
class App:
    """What the gateway answers with at the moment, and what it was asked."""

    address: str = ""
    status: int = 200
    version: str = "v1"
    asked: list[str] = field(default_factory=list)
    silence: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it."""

    def __post_init__(self) -> None:
        self.silence.set()


@pytest.fixture
def app() -> Iterator[App]:
    known = App()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            known.asked.append(f"{self.path} {self.headers['Host']} {self.headers.get('Cookie', '')}".strip())
            assert known.silence.wait(DEADLINE)
            self.send_response(known.status)
            self.send_header("X-Version", known.version)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


def prober(app: App, *, called: float = 0.0, was_live: bool = True) -> Prober:
    gateway = Gateway(address=app.address, host="shop.example.com")
    called_at = NOW - timedelta(seconds=called)
    return Prober(
        gateway, path="/health", cookie="test=true", called_at=called_at, clock=lambda: NOW, was_live=was_live
    )


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def answered(app: App, more: int) -> Callable[[], bool]:
    before = len(app.asked)
    return lambda: len(app.asked) >= before + more


def test_it_asks_as_users_and_as_testers(app: App) -> None:
    with prober(app):
        wait_until(answered(app, 6))

    assert set(app.asked) == {"/health shop.example.com", "/health shop.example.com test=true"}


def test_a_switch_is_timed_from_the_call(app: App) -> None:
    with prober(app, called=100) as asking:
        wait_until(answered(app, 6))
        app.version = "v2"
        wait_until(answered(app, 4 * LAST))
        told = asking.tell()

    assert told.lost == 0
    assert told.requests >= 2 * LAST
    assert told.first_new is not None
    assert told.last_old is not None
    assert 100 < told.last_old < told.first_new < 100 + 2 * DEADLINE


def test_a_switch_that_is_made_at_once_is_told_from_what_was_before(app: App) -> None:
    with prober(app) as asking:
        asking.wait_for_users()
        app.version = "v2"
        wait_until(answered(app, 4 * LAST))
        told = asking.tell()

    assert told.first_new is not None


def test_a_switch_does_not_wait_for_a_gateway_that_keeps_silent(app: App) -> None:
    app.silence.clear()
    with prober(app) as asking:
        asking.wait_for_users()
        told = asking.tell()
        app.silence.set()

    assert told.requests == 0


def test_what_a_gateway_answers_in_the_apps_place_is_lost(app: App) -> None:
    app.status = 503
    with prober(app) as asking:
        wait_until(answered(app, 6))
        told = asking.tell()

    assert told.lost == told.requests > 0


def test_before_a_first_promote_users_have_nothing_to_lose(app: App) -> None:
    app.status = 503
    with prober(app, was_live=False) as asking:
        wait_until(lambda: asking.tell().requests >= 20)
        before = asking.tell()
        app.status = 200
        wait_until(lambda: asking.tell().requests >= before.requests + 10)
        app.status = 503
        wait_until(lambda: asking.tell().lost >= before.lost + 10)

    assert before.lost < before.requests, "only testers lost something"


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (
            Probe(90, 0, 0.314, 0.298),
            "none lost; since the call, the new version answered first after 0.31 s",
        ),
        (Probe(90, 2, 0.3, 0.25), "2 lost; since the call"),
        (Probe(90, 0), "none lost; no answer differs from those before it"),
    ],
)
def test_it_is_told_in_words(probe: Probe, words: str) -> None:
    assert words in describe(probe)


def test_what_the_app_says_is_no_loss(app: App) -> None:
    app.status = 500
    with prober(app) as asking:
        wait_until(answered(app, 6))

    assert asking.tell().lost == 0


def test_nobody_answering_is_lost() -> None:
    with prober(App(address="http://127.0.0.1:1")) as asking:
        wait_until(lambda: asking.tell().lost > 1)

    assert asking.tell().first_new is None


def test_versions_that_look_alike_are_not_timed(app: App) -> None:
    with prober(app) as asking:
        wait_until(answered(app, 6 * LAST))

    assert (asking.tell().first_new, asking.tell().last_old) == (None, None)


def seen(*values: str) -> list[Seen]:
    return [
        Seen(float(at), is_user=True, traits={"x-color": value, "x-host": "h"})
        for at, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "crossing"),
    [
        ("aaaaabbbbb", (5.0, 4.0)),
        ("aaaaababbbbbb", (5.0, 6.0)),
        ("aaaaaaaaaa", (None, None)),
        ("aaaaacbbbbb", (None, None)),
        ("abaaabbbbb", (1.0, 4.0)),
        ("bbbbb", (None, None)),
    ],
)
def test_only_what_is_one_of_two_throughout_tells_versions_apart(
    values: str, crossing: tuple[float | None, float | None]
) -> None:
    assert find_crossing(seen(*values)) == crossing
