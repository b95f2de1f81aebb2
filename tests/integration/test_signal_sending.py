"""Signals over real HTTP: whatever receivers answer, nothing hangs, leads away or leaks."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

import pytest
import trustme

from release.secret import Secret
from release.signal_texts import Request
from tests.integration.receivers import Got, Receiver, Reply
from tests.integration.registries import raw_server
from worker.signal_sending import Outcome, find_rest, send

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from threading import Event

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
PATH = "/services/T0123/B0123/verysecretpart"


def saying(status: int, body: bytes = b"", **headers: str) -> Callable[[Got], Reply]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: (status, named, body)


def tell(base: str, *, patience: float = 5, told_already: bytes | None = None) -> Outcome:
    url = f"{base}{PATH}"
    request = Request(
        url, {"Content-Type": "application/json"}, b'{"text": "hello"}', told_already=told_already
    )
    return send(request, Secret(url), now=NOW, patience=patience)


def told_by(reply: Callable[[Got], Reply], *, told_already: bytes | None = None) -> Outcome:
    with Receiver(reply) as receiver:
        return tell(receiver.url, told_already=told_already)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_what_is_taken_is_told(status: int) -> None:
    with Receiver(saying(status)) as receiver:
        assert tell(receiver.url) == Outcome()

    (got,) = receiver.got
    assert (got.method, got.path, got.json) == ("POST", PATH, {"text": "hello"})
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == "verdigris"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_what_may_be_over_soon_is_tried_again(status: int) -> None:
    outcome = told_by(saying(status, b"busy\nnow"))

    assert (outcome.error, outcome.is_final, outcome.wait) == (f"{status}: busy now", False, None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_is_refused_is_not_tried_again(status: int) -> None:
    assert told_by(saying(status, b"no_service", Retry_After="5")) == Outcome(
        f"{status}: no_service", is_final=True
    )
    assert told_by(saying(status)) == Outcome(f"{status}", is_final=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Mon, 05 Jan 2026 12:01:30 GMT", 90.0),
        ("Mon, 05 Jan 2026 11:00:00 GMT", 0.0),
        ("Mon, 05 Jan 2026 12:01:30", None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
    ],
)
def test_a_receiver_says_when_to_come_back(text: str, seconds: float | None) -> None:
    raw = text.encode("utf-8").decode("latin-1")

    assert told_by(saying(503, Retry_After=raw)).wait == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_final(status: int) -> None:
    with Receiver() as elsewhere:
        outcome = told_by(saying(status, Location=f"{elsewhere.url}/x"))

    assert outcome.is_final
    assert "it redirects, and is not followed" in outcome.error
    assert elsewhere.got == []


def test_of_a_huge_answer_the_beginning_is_read() -> None:
    began = monotonic()
    assert told_by(saying(200, b"x" * 50_000_000)) == Outcome()
    outcome = told_by(saying(503, b"x" * 50_000_000))

    assert outcome.error == "503: " + "x" * 200
    assert monotonic() - began < 5


def test_an_answer_that_drips_is_cut_off() -> None:
    def drip(connection: socket.socket, over: Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.1):
            connection.sendall(b"x")

    with raw_server(drip) as host:
        began = monotonic()
        outcome = tell(f"http://{host}", patience=0.5)

    assert monotonic() - began < 2
    assert (outcome.error, outcome.is_final) == ("no answer: no answer in time", False)


def test_no_answer_at_all_and_no_http_are_tried_again() -> None:
    def keep_silent(_: socket.socket, over: Event) -> None:
        over.wait(5)

    def babble(connection: socket.socket, _: Event) -> None:
        connection.sendall(b"+OK hello\r\n\r\n")

    with raw_server(keep_silent) as host:
        assert tell(f"http://{host}", patience=0.3) == Outcome("no answer: no answer in time")
    with raw_server(babble) as host:
        outcome = tell(f"http://{host}")
    assert outcome.error.startswith("an answer that can't be read: no HTTP")
    assert not outcome.is_final


def test_a_port_where_nobody_listens_is_told() -> None:
    with Receiver() as receiver:
        url = receiver.url

    assert tell(url) == Outcome("no answer: Connection refused")


def test_a_certificate_that_nobody_vouches_for_is_refused_and_nothing_is_sent() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with Receiver(tls=context) as receiver:
        outcome = tell(receiver.url)

    assert outcome.error.startswith("no answer: TLS: ")
    assert not outcome.is_final
    assert receiver.got == []


@pytest.mark.parametrize(
    "said",
    [PATH.encode(), b"unknown hook verysecretpart", PATH.encode().replace(b"/", b"%2F"), b"\x1b[2J\x00ok"],
)
def test_an_answer_gives_no_secret_away_and_no_control_character(said: bytes) -> None:
    outcome = told_by(saying(404, said))

    assert "verysecretpart" not in outcome.error
    assert outcome.error.isprintable()


def test_what_a_host_knows_already_counts_as_told() -> None:
    said = b'{"message": "Cannot transition status via :run from :running"}'

    assert told_by(saying(400, said), told_already=b"Cannot transition status") == Outcome()
    assert told_by(saying(400, b"other"), told_already=b"Cannot transition status").is_final
    assert told_by(saying(500, said), told_already=b"Cannot transition status").error


def test_a_channel_rests_longer_with_each_failure_and_as_long_as_it_is_asked_to() -> None:
    plain = [find_rest(failures, Outcome("503"), jitter=lambda: 0) for failures in (0, 1, 2, 7, 8, 99)]

    assert plain == [5, 10, 20, 640, 900, 900]
    assert find_rest(0, Outcome("503"), jitter=lambda: 1) == 2.5
    assert find_rest(0, Outcome("503", wait=120), jitter=lambda: 0) == 120
    assert find_rest(0, Outcome("503", wait=1), jitter=lambda: 0) == 5
    assert find_rest(0, Outcome("503", wait=1e9), jitter=lambda: 0) == 3600
