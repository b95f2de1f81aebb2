"""Connections that are kept open: how many, again and again, whatever becomes of one cluster."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject

from cluster.connection import Cluster
from cluster.errors import Unavailable
from worker.warmth import Warmth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 10.0


class Server:
    """An API server that knows how many connections were opened, and what was asked."""

    def __init__(self) -> None:
        self.opened: list[object] = []
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def setup(self) -> None:
                super().setup()
                server.opened.append(self.client_address)

            def do_GET(self) -> None:
                server.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Nothing on the terminal."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = False  # so that its end is theirs
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def connect(self) -> Cluster:
        configuration = Configuration()
        configuration.host = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.pool = RESTClientObject(configuration).pool_manager
        return Cluster(configuration, self.pool)

    def close(self) -> None:
        self.pool.clear()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        threading.Event().wait(0.005)


def test_as_many_connections_as_wanted_are_open_and_used_again(server: Server) -> None:
    cluster = server.connect()

    cluster.keep_open(3)
    cluster.keep_open(3)
    cluster.request("GET", "/a")

    assert len(server.opened) == 3
    assert server.asked == ["/version"] * 6 + ["/a"]


def test_they_are_used_again_and_again_until_it_is_stopped(server: Server) -> None:
    cluster = server.connect()
    warmth = Warmth([lambda: cluster], interval=0.01, kept=2)

    warmth.start()
    wait_until(lambda: len(server.asked) >= 6)
    warmth.stop()

    assert len(server.opened) == 2
    assert not [thread for thread in threading.enumerate() if thread.name == "warmth"]


@pytest.mark.parametrize("trouble", [Unavailable("away"), ValueError("unforeseen")])
def test_one_cluster_in_trouble_does_not_keep_others_from_being_asked(
    server: Server, trouble: Exception
) -> None:
    cluster = server.connect()

    def refuse() -> Cluster:
        raise trouble

    warmth = Warmth([refuse, lambda: cluster], interval=0.01, kept=1)
    warmth.start()
    wait_until(lambda: len(server.asked) >= 2)
    warmth.stop()
