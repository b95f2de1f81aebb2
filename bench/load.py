"""Sends prepared requests over kept connections, each as soon as the one before is answered.

Bare sockets in one thread: what the client takes must not hide what the server takes.
"""

from __future__ import annotations

import re
import selectors
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONNECTIONS: Final = 8
TIMEOUT: Final = 30.0
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def as_request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as it goes over the wire. ``headers`` may claim another length."""
    given = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


@dataclass
class _Line:
    """One connection, and what came of the answer that it waits for."""

    connection: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def take(self) -> int | None:
        """Read what is there; the status once the answer is whole."""
        part = self.connection.recv(65_536)
        if not part:
            raise ConnectionError("the server hung up")
        self.received += part
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = _LENGTH.search(self.received, 0, end)
        if len(self.received) < end + 4 + (int(length[1]) if length else 0):
            return None
        status = int(self.received[9:12])
        self.received.clear()
        return status


def send_all(port: int, prepared: Sequence[bytes], *, connections: int = CONNECTIONS) -> list[int]:
    """Send every request; the statuses that were answered, in the order of the answers."""
    statuses: list[int] = []
    waiting = iter(prepared)
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(connections):
            address = ("127.0.0.1", port)
            connection = stack.enter_context(socket.create_connection(address, timeout=TIMEOUT))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _send_next(connection, waiting)
            selector.register(connection, selectors.EVENT_READ, _Line(connection))
        while len(statuses) < len(prepared):
            ready = selector.select(TIMEOUT)
            if not ready:
                raise TimeoutError(f"no answer within {TIMEOUT:.0f} s")
            for key, _ in ready:
                status = key.data.take()
                if status is not None:
                    statuses.append(status)
                    _send_next(key.data.connection, waiting)
    return statuses


def send_each(port: int, prepared: Sequence[bytes]) -> list[int]:
    """Each over a connection of its own, whose answer is read to its end: for what the server hangs up on."""
    statuses = []
    for request in prepared:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
            connection.sendall(request)
            answer = connection.recv(65_536)
            statuses.append(int(answer[9:12]))
    return statuses


def _send_next(connection: socket.socket, waiting: Iterator[bytes]) -> None:
    request = next(waiting, None)
    if request is not None:
        connection.sendall(request)
