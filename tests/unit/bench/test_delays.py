"""What stands before a server to delay it: which requests, and that all comes through."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest

from bench.delays import find_delay, forward

READ, WRITE = 0.03, 0.06


@pytest.mark.parametrize(
    ("sent", "delay"),
    [
        (b"GET /api/v1 HTTP/1.1\r\nHost: a\r\n\r\n", READ),
        (b"PATCH /apis/apps/v1 HTTP/1.1\r\nHost: a\r\n\r\n{}", WRITE),
        (b"POST / HTTP/1.1\r\n", WRITE),
        (b'{"the rest": "of a body"}', 0.0),
        (b"GET into the body, but no request", 0.0),
    ],
)
def test_a_request_is_held_back_where_it_begins(sent: bytes, delay: float) -> None:
    assert find_delay(sent, read=READ, write=WRITE) == delay


class Far:
    """The other side."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.is_closed = False

    def write(self, chunk: bytes) -> None:
        self.came.append(chunk)

    async def drain(self) -> None:
        """It takes all at once."""

    def close(self) -> None:
        self.is_closed = True


def test_what_is_held_back_comes_through_and_so_does_its_end() -> None:
    far = Far()

    async def play() -> float:
        near = asyncio.StreamReader()
        near.feed_data(b"GET / HTTP/1.1\r\n\r\n")
        near.feed_eof()
        began = time.monotonic()
        await forward(near, cast("asyncio.StreamWriter", far), read=READ, write=WRITE)
        return time.monotonic() - began

    assert asyncio.run(play()) >= READ
    assert far.came == [b"GET / HTTP/1.1\r\n\r\n"]
    assert far.is_closed
