"""Pages that stay open on the real web process: they keep no thread, lose no line, and end when they must."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

import pytest
import requests

from release.jobs import NewJob, NewRelease
from release.model import Actor, Color, JobKind
from release.queue import Queue, Timing
from release.redis_access import connect
from release.store import Store
from sandbox.datastore import DatastoreError, find_redis_server, start_redis
from tests.integration.test_web_process import WebProcess, running, wait_until
from tests.unit.webhook.fakes import COMMIT, KEY, dump, push
from webhook.tickets import issue_ticket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.datastore import RunningRedis

pytestmark = pytest.mark.needs_redis

MANY = 60
"""Open pages: nearly four times as many as there are threads."""
HOUR = 3_600_000
NUMBERS = count(1)
ANNA = Actor("person", "anna")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRedis]:
    try:
        server = find_redis_server()
    except DatastoreError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a real Redis: {error}")
        pytest.skip(str(error))
    with start_redis(tmp_path_factory.mktemp("live") / "redis", server=server) as started:
        yield started


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, redis: RunningRedis) -> Iterator[WebProcess]:
    with running(tmp_path_factory.mktemp("live"), redis) as process:
        yield process


@dataclass
class Core:
    """A hand that plays the workers."""

    store: Store
    queue: Queue

    def begin(self) -> str:
        """A release whose first stage runs."""
        number = next(NUMBERS)
        release = NewRelease(f"RLIVE{number}", "shop", f"v{number}.0-blue", Color.BLUE, COMMIT, ANNA, "")
        job = NewJob(
            id=f"JLIVE{number}",
            app="shop",
            kind=JobKind.DEPLOY,
            queue=f"live-{number}",
            color=Color.BLUE,
            release_id=release.id,
            tag=release.tag,
            actor=ANNA,
            release=release,
        )
        assert self.queue.accept(job).status == "accepted"
        return release.id

    def say(self, release_id: str, *lines: str) -> None:
        for line in lines:
            assert self.queue.tell_of_release(release_id, mark=line, text=line)


@pytest.fixture
def core(redis: RunningRedis) -> Iterator[Core]:
    client = connect(redis.url, timeout=5)
    yield Core(Store(client), Queue(client, Timing(lease=HOUR, grace=HOUR)))
    client.close()


def sign_in(web: WebProcess) -> requests.Session:
    session = requests.Session()
    ticket = issue_ticket("maria", key=KEY, clock=lambda: datetime.now(UTC))
    assert session.get(f"{web.url}/enter/{ticket}", timeout=10, allow_redirects=False).status_code == 303
    return session


@dataclass
class Page:
    """One open page, as a browser listens."""

    answer: requests.Response
    text: str = ""
    is_over: bool = False

    def read(self, until: str, *, seconds: float = 10) -> None:
        """Until that came, or the end did."""
        deadline = time.monotonic() + seconds
        while until not in self.text and time.monotonic() < deadline:
            part = next(self._parts, b"")
            if not part:
                self.is_over = True
                return
            self.text += part.decode()
        assert until in self.text, self.text

    @cached_property
    def _parts(self) -> Iterator[bytes]:
        """One for all: when it is given up, so is the connection."""
        return self.answer.raw.stream(1, decode_content=False)

    @property
    def lines(self) -> list[str]:
        return re.findall(r"<span>([^<]*)</span></p>", self.text)

    @property
    def last_id(self) -> str:
        return re.findall(r"^id: (\S+)$", self.text, re.MULTILINE)[-1]


@contextmanager
def listening(web: WebProcess, session: requests.Session, path: str, **headers: str) -> Iterator[Page]:
    accept = {"Accept": "text/event-stream", **headers}
    with session.get(f"{web.url}{path}", headers=accept, stream=True, timeout=20) as answer:
        assert answer.status_code == 200, answer.status_code
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Cache-Control"] == "no-store"
        yield Page(answer)


def deliver_in_time(web: WebProcess) -> None:
    """A signed delivery of a tag of its own is taken within a second."""
    body = dump(push(ref=f"refs/tags/v{next(NUMBERS)}.1-blue"))
    began = time.monotonic()
    answer = web.deliver(body, **{"X-GitHub-Delivery": f"live-{next(NUMBERS)}"})
    assert answer.status_code == 202
    assert time.monotonic() - began < 1


def test_what_happens_is_told_at_once(web: WebProcess, core: Core) -> None:
    session = sign_in(web)
    with listening(web, session, "/live?app=shop") as page:
        page.read("event: changed")
        page.text = ""
        began = time.monotonic()
        core.begin()
        page.read("event: changed")
        assert time.monotonic() - began < 2


def test_more_open_pages_than_threads_hold_no_delivery_up(web: WebProcess, core: Core) -> None:
    session, release_id = sign_in(web), core.begin()
    with ExitStack() as stack:
        pages = [
            stack.enter_context(listening(web, session, f"/releases/{release_id}/live")) for _ in range(MANY)
        ]
        for _ in range(3):
            deliver_in_time(web)
        began = time.monotonic()
        assert session.get(f"{web.url}/releases/{release_id}", timeout=10).ok
        assert time.monotonic() - began < 2
        core.say(release_id, "all of them hear this")
        for page in pages:
            page.read("all of them hear this")


def test_no_line_is_lost_or_doubled_when_the_connection_is_cut(web: WebProcess, core: Core) -> None:
    # Given a page that listens, while lines are written
    session, release_id = sign_in(web), core.begin()
    with listening(web, session, f"/releases/{release_id}/live") as first:
        core.say(release_id, "line 1", "line 2")
        first.read("line 2</span></p>\n\n")
    # When lines are written while nobody listens, and the browser comes back
    core.say(release_id, "line 3", "line 4")
    again = {"Last-Event-ID": first.last_id}
    with listening(web, session, f"/releases/{release_id}/live?after=0", **again) as second:
        second.read("line 4</span></p>\n\n")
        core.say(release_id, "line 5")
        second.read("line 5</span></p>\n\n")
    # Then it has each once
    told = [line for line in first.lines + second.lines if line.startswith("line ")]
    assert told == [f"line {number}" for number in range(1, 6)]


def test_who_has_signed_out_is_told_no_more_within_seconds(web: WebProcess) -> None:
    session = sign_in(web)
    with listening(web, session, "/live") as page:
        page.read("event: changed")
        other = requests.Session()
        other.cookies.update(session.cookies)
        form = other.get(f"{web.url}/queue", timeout=10).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        assert token
        assert other.post(f"{web.url}/logout", data={"csrf_token": token[1]}, timeout=10).ok
        page.read("an end without a word", seconds=12)
        assert page.is_over
    # On a connection of its own: the session's was idle for so long that it may be closed just now.
    refused = requests.get(
        f"{web.url}/live", headers={"Accept": "text/event-stream"}, cookies=session.cookies, timeout=10
    )
    assert refused.status_code == 401


def test_pages_that_are_not_read_are_let_go(web: WebProcess, core: Core) -> None:
    # Given clients that listen to a release's output and read nothing
    session, release_id = sign_in(web), core.begin()
    cookie = "; ".join(f"{one.name}={one.value}" for one in session.cookies)
    request = (
        f"GET /releases/{release_id}/live HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n"
        "Accept: text/event-stream\r\n\r\n"
    )
    with ExitStack() as stack:
        deaf = []
        for _ in range(10):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", web.port))
            one.sendall(request.encode())
            deaf.append(one)
        # When far more is written than fits between them
        for number in range(400):
            core.say(release_id, f"{number} " + "x" * 8000)
        # Then others are told, and deliveries are taken
        with listening(web, session, f"/releases/{release_id}/live") as page:
            page.read("399 xxx", seconds=20)
        deliver_in_time(web)


def test_an_old_proxy_gets_the_stream_too(web: WebProcess) -> None:
    cookie = "; ".join(f"{one.name}={one.value}" for one in sign_in(web).cookies)
    with socket.create_connection(("127.0.0.1", web.port), timeout=20) as connection:
        connection.sendall(f"GET /live HTTP/1.0\r\nCookie: {cookie}\r\n\r\n".encode())
        received = b""
        while b"event: changed" not in received:
            part = connection.recv(4096)
            assert part
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert body.startswith(b"retry: ")


def test_a_process_that_is_to_end_waits_for_no_page(tmp_path: Path, redis: RunningRedis, core: Core) -> None:
    with running(tmp_path, redis) as web:
        session, release_id = sign_in(web), core.begin()
        with ExitStack() as stack:
            path = f"/releases/{release_id}/live"
            pages = [stack.enter_context(listening(web, session, path)) for _ in range(5)]
            for page in pages:
                page.read("event: changed")
            # When the process is asked to end
            began = time.monotonic()
            web.process.send_signal(signal.SIGTERM)
            wait_until(lambda: web.process.poll() is not None, "the web process to end", seconds=20)
            # Then it is gone before its grace is over, and each page was told so by a whole answer
            assert time.monotonic() - began < 4.5
            for page in pages:
                page.read("an end without a word")
                assert page.is_over
