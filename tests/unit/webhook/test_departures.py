from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from webhook.departures import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Pair = tuple[Outgoing, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Outgoing(ours), theirs


def test_nothing_is_sent_before_it_is_flushed(pair: Pair, tmp_path: Path) -> None:
    outgoing, client = pair
    (tmp_path / "file").write_bytes(b"0123456789")
    outgoing.sendall(b"head ")
    with (tmp_path / "file").open("rb") as file:
        outgoing.sendfile(file, offset=2, count=3)
    client.settimeout(0)
    with pytest.raises(BlockingIOError):
        client.recv(1)

    assert outgoing.flush()
    assert client.recv(100) == b"head 234"


def test_what_does_not_fit_is_sent_when_there_is_room_again(pair: Pair) -> None:
    outgoing, client = pair
    content = bytes(range(256)) * 20_000
    outgoing.sendall(content)

    assert not outgoing.flush()

    received = b""
    while len(received) < len(content):
        received += client.recv(65536)
        outgoing.flush()
    assert received == content
    assert outgoing.flush()


def test_a_client_that_has_hung_up_is_told(pair: Pair) -> None:
    outgoing, client = pair
    client.close()
    outgoing.sendall(b"x")

    with pytest.raises(OSError, match="Broken pipe"):
        outgoing.flush()


def test_all_but_the_answer_goes_to_the_connection(pair: Pair) -> None:
    outgoing, client = pair
    outgoing.send(b"HTTP/1.1 100 Continue")

    assert client.recv(100) == b"HTTP/1.1 100 Continue"
    assert outgoing.fileno() == outgoing.connection.fileno()
