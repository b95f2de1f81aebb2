"""Many more slow clients than the web process has threads: none of them holds a signed delivery up."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.datastore import DatastoreError, find_redis_server, start_redis
from tests.integration.hasty import HastyWorker
from tests.integration.test_web_process import WebProcess, head, running, wait_until
from tests.unit.webhook.fakes import dump, push
from webhook.bodies import HOOK_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs_redis

MANY = 60
"""Slow clients: nearly four times as many as there are threads."""
NUMBERS = count()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    folder = tmp_path_factory.mktemp("slow")
    try:
        server = find_redis_server()
    except DatastoreError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a real Redis: {error}")
        pytest.skip(str(error))
    with start_redis(folder / "redis", server=server) as redis, running(folder, redis) as process:
        yield process


@contextmanager
def clients(
    web: WebProcess, number: int, begun: bytes, *, room: int | None = None
) -> Iterator[list[socket.socket]]:
    """Connections that have sent ``begun`` and then nothing more; ``room``: bytes for what is not read."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            one = stack.enter_context(socket.socket())
            one.settimeout(20)
            if room:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            one.connect(("127.0.0.1", web.port))
            one.sendall(begun)
            opened.append(one)
        yield opened


def deliver_in_time(web: WebProcess) -> None:
    """A signed delivery of a tag of its own is taken within a second."""
    body = dump(push(ref=f"refs/tags/v{next(NUMBERS)}.0-blue"))
    began = time.monotonic()
    answer = web.deliver(body, **{"X-GitHub-Delivery": f"slow-{next(NUMBERS)}"})
    assert answer.status_code == 202
    assert time.monotonic() - began < 1


BEGUN = {
    "nothing": b"",
    "half a line": b"POST /webhooks/gi",
    "half a head": b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "a head and half a body": head(b"", **{"Content-Length": "500"}) + b'{"ref": ',
    "a head and half a chunk": head(b"", **{"Transfer-Encoding": "chunked"}) + b"500\r\n{",
    "a head that waits for a go-ahead": head(b"", **{"Content-Length": "500", "Expect": "100-continue"}),
    "the head of a body that is too large": head(b"", **{"Content-Length": str(HOOK_LIMIT * 2)}),
}


ASKED = b"GET /static/style.css HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN.keys())
def test_clients_that_send_slowly_hold_nobody_up(web: WebProcess, begun: bytes) -> None:
    with clients(web, MANY, begun):
        for _ in range(3):
            deliver_in_time(web)


def test_clients_that_do_not_hang_up_after_their_answer_hold_nobody_up(web: WebProcess) -> None:
    with clients(web, MANY, b"GET /healthz HTTP/1.0\r\n\r\n") as opened:
        assert all(b" 200 " in one.recv(4096) for one in opened[-2:])
        deliver_in_time(web)


def test_more_of_them_than_are_accepted_hold_nobody_up(web: WebProcess) -> None:
    # Given more than the two processes accept together, which wait for a thread that reads long bodies
    with clients(web, 600, BEGUN["a head and half a chunk"]):
        for _ in range(3):
            deliver_in_time(web)


def test_clients_that_ask_and_do_not_read_hold_nobody_up(web: WebProcess) -> None:
    # Given clients that ask for more than fits between them and the server, and read nothing of it
    with clients(web, 24, ASKED * 1000, room=4096):
        # When signed deliveries come, while they are answered and after nothing more fits: they are taken
        enough = time.monotonic() + 10
        while time.monotonic() < enough:
            body = dump(push(ref=f"refs/tags/v{next(NUMBERS)}.0-blue"))
            assert web.deliver(body, **{"X-GitHub-Delivery": f"slow-{next(NUMBERS)}"}).status_code == 202
        deliver_in_time(web)


def test_answers_that_are_read_late_come_whole(web: WebProcess) -> None:
    # Given more answers than fit between client and server
    number, received = 300, b""
    with clients(web, 1, ASKED * (number - 1) + ASKED[:-2] + b"Connection: close\r\n\r\n", room=4096) as (
        one,
    ):
        deliver_in_time(web)
        # When they are read in the end
        while part := one.recv(65536):
            received += part
    # Then none lacks anything
    answers = received.split(b"HTTP/1.1 200 OK\r\n")[1:]
    bodies = {answer.partition(b"\r\n\r\n")[2] for answer in answers}
    assert len(answers) == number
    assert bodies == {Path("webhook/static/style.css").read_bytes()}


def test_who_is_too_slow_is_cut_off(web: WebProcess) -> None:
    # Given clients that have sent a part, and one that has sent a head
    begun = head(b"", **{"Content-Length": "500"}) + b"{"
    with clients(web, MANY, b"POST /web") as silent, clients(web, 1, begun) as (told,):
        began = time.monotonic()
        # When the time is over in which a request has to be there
        ends = [one.recv(4096) for one in silent]
        answer = told.recv(4096)
    # Then all have been cut, and who can understand it was told why
    assert set(ends) == {b""}
    assert b" 400 " in answer.splitlines()[0]
    assert time.monotonic() - began < HastyWorker.patience + 5


def test_of_too_many_slow_clients_the_first_are_let_go(web: WebProcess) -> None:
    # Given more of them than may wait in the two processes together
    with clients(web, 3 * HastyWorker.most_waiting, b"POST /web") as opened:
        # When a signed delivery comes, then it is taken, and the first of them was let go before its time
        deliver_in_time(web)
        opened[0].settimeout(20)
        assert opened[0].recv(1) == b""


def memory(web: WebProcess) -> int:
    """Bytes that the web process and its children hold."""
    pids = [str(web.process.pid)]
    children = Path(f"/proc/{web.process.pid}/task/{web.process.pid}/children").read_text(encoding="ascii")
    pages = [
        int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        for pid in pids + children.split()
    ]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="tells memory as Linux does")
def test_what_slow_clients_have_sent_takes_little_memory(web: WebProcess) -> None:
    # Given clients that together send eight times what may wait, each nearly a whole body
    begun = head(b"", **{"Content-Length": str(HOOK_LIMIT)}) + b" " * (HOOK_LIMIT - 1)
    before = memory(web)
    with ExitStack() as stack:
        for _ in range(8 * HastyWorker.most_held // HOOK_LIMIT):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=20))
            try:
                one.sendall(begun)
            except ConnectionError:
                continue  # it was let go already
        # When their memory is looked at, then it is bounded
        assert memory(web) - before < 2 * HastyWorker.most_held + 24 * 1024 * 1024
        deliver_in_time(web)


def test_a_body_over_the_limit_is_refused_by_its_head(web: WebProcess) -> None:
    answer = web.send_raw(head(b"", **{"Content-Length": str(HOOK_LIMIT + 1)}))
    assert {413, 429} & {int(answer.split()[1])}  # those before it have come from the same address


def test_a_head_without_end_is_cut_off(web: WebProcess) -> None:
    assert web.send_raw(b"GET /healthz HTTP/1.1\r\nX: ", *[b"x" * 8192] * 10) == b""
    deliver_in_time(web)


def test_several_requests_on_one_connection_are_answered_in_turn(web: WebProcess) -> None:
    # Given two requests in one piece, and a third in many
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", web.port), timeout=20) as connection:
        connection.sendall(request * 2 + request[:9])
        while received.count(b'"alive"') < 2:
            received += connection.recv(4096)
        for byte in request[9:]:
            connection.sendall(bytes([byte]))
        # Then each has its answer
        while received.count(b'"alive"') < 3:
            received += connection.recv(4096)
    assert received.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000, 431),
        (b"GET /api/v1/apps?app=" + b"x" * 4100 + b" HTTP/1.1\r\nHost: x", 414),
        (b"GET /api/v1/apps HTTP/1.1\r\nHost: x\r\nno header", 400),
    ],
)
def test_what_never_gets_to_the_application_is_refused_in_the_same_form(
    web: WebProcess, sent: bytes, status: int
) -> None:
    head_, _, body = web.send_raw(sent + b"\r\n\r\n").partition(b"\r\n\r\n")

    assert head_.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nContent-Type: application/problem+json" in head_
    assert json.loads(body)["status"] == status


def test_a_peer_says_nothing_of_itself_that_counts(web: WebProcess) -> None:
    # Given headers that gunicorn would take from a proxy on this machine
    forged = b"X-Forwarded-Proto: https\r\nScript_Name: /webhooks\r\nPath_Info: /readyz\r\n"
    answer = web.send_raw(b"GET /healthz HTTP/1.0\r\nHost: evil.example\r\n" + forged + b"\r\n")
    # Then they change nothing
    assert b'"alive"' in answer or b" 400 " in answer.splitlines()[0]
    assert b"evil" not in answer
    wait_until(lambda: web.process.poll() is None, "the process to be there")
