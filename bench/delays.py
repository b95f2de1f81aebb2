"""A server that is further away: stands before the sandbox's API and delays each request by so much.

    python -m bench.delays FOLDER READ_MS WRITE_MS

Waits for ``FOLDER/kubeconfig`` and writes ``FOLDER/kubeconfig.delayed``, which leads here. A real API server
takes about 3 ms for a read and 6 for a patch, the sandbox half a millisecond; what a request costs its client
is the same. Answers, watches among them, pass as they come.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

CHUNK: Final = 65_536
REQUEST: Final = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) /\S* HTTP/1\.1\r\n")
READS: Final = frozenset({b"GET", b"HEAD"})
SERVER: Final = re.compile(r"127\.0\.0\.1:(\d+)")


def find_delay(chunk: bytes, *, read: float, write: float) -> float:
    """Seconds by which what a client sends is held back: only where a request begins."""
    begun = REQUEST.match(chunk)
    if begun is None:
        return 0.0
    return read if begun[1] in READS else write


async def forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, read: float = 0.0, write: float = 0.0
) -> None:
    """Hand on what one side sends until it ends."""
    try:
        while chunk := await reader.read(CHUNK):
            await asyncio.sleep(find_delay(chunk, read=read, write=write))
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def connect(
    client: asyncio.StreamReader, back: asyncio.StreamWriter, *, port: int, read: float, write: float
) -> None:
    """One connection of a client, with one of our own behind it."""
    try:
        server, forth = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        back.close()
        return
    await asyncio.gather(forward(client, forth, read=read, write=write), forward(server, back))
    for writer in (back, forth):
        with suppress(ConnectionError):
            await writer.wait_closed()


def wait_for(file: Path) -> str:
    """What a file says, once it is there."""
    while not file.exists():
        time.sleep(0.02)
    return file.read_text()


async def serve(given: str, delayed: Path, *, read: float, write: float) -> None:
    """Until the process is ended; ``given``, a kubeconfig, tells the server."""
    found = SERVER.search(given)
    if found is None:
        raise SystemExit("the kubeconfig leads to no server on 127.0.0.1")
    connected = partial(connect, port=int(found[1]), read=read, write=write)
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    ours = server.sockets[0].getsockname()[1]
    written = delayed.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(given.replace(found[0], f"127.0.0.1:{ours}"))
    written.replace(delayed)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    _, folder_, *delays_ = sys.argv
    read_, write_ = (float(one) / 1000 for one in delays_)
    given_ = wait_for(Path(folder_) / "kubeconfig")
    asyncio.run(serve(given_, Path(folder_) / "kubeconfig.delayed", read=read_, write=write_))
