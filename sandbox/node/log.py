"""A container's log: what its process wrote, the last part of it, on disk.

stdout and stderr share it, in the order of writing. One log is one run: the container's next has its own.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

_LIMIT = 1024 * 1024
_BACKLOG = 1000
_CUT_SHORT = 1.0


class Log(asyncio.Protocol):
    """A log file fed by a pipe. Holds the last one to two MiB; what came before is dropped, whole lines."""

    def __init__(self, file: Path, *, limit: int = _LIMIT) -> None:
        """`limit`: bytes that are always kept."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._path = file
        self._file = file.open("w+b", buffering=0)
        self._limit = limit
        self._size = 0
        self._followers: set[asyncio.Queue[bytes]] = set()
        self._ended = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None

    async def open(self) -> int:
        """A file descriptor for the process to write to; the caller closes it once the process has it."""
        reading, writing = os.pipe()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(lambda: self, os.fdopen(reading, "rb", 0))
        return writing

    async def finish(self) -> None:
        """Wait until everything that was written is here.

        A process that left the container's group may hold the pipe open for ever: it is not waited for.
        """
        try:
            await asyncio.wait_for(self._ended.wait(), _CUT_SHORT)
        except TimeoutError:
            self._close()

    def read(self, tail_lines: int | None = None) -> bytes:
        """The log's last lines, or all that is kept."""
        self._file.seek(0)
        content = self._file.read()
        if tail_lines is None:
            return content
        lines = content.splitlines(keepends=True)
        return b"".join(lines[max(0, len(lines) - tail_lines) :])

    async def follow(self, tail_lines: int | None = None) -> AsyncIterator[bytes]:
        """The log, then what comes, until the run ends. A reader that can't keep up is let go."""
        news: asyncio.Queue[bytes] = asyncio.Queue(_BACKLOG)
        self._followers.add(news)
        if self._ended.is_set():
            news.put_nowait(b"")
        try:
            if written := self.read(tail_lines):
                yield written
            while part := await news.get():
                yield part
        finally:
            self._followers.discard(news)

    def discard(self) -> None:
        """Remove it: whoever still follows it has reached its end."""
        self._close()
        self._file.close()
        self._path.unlink(missing_ok=True)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(data)
        self._size += len(data)
        if self._size > 2 * self._limit:
            self._shorten()
        self._tell(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop: nobody holds the other end of the pipe any more."""
        del exc
        self._ended.set()
        self._tell(b"")

    def _shorten(self) -> None:
        kept = self.read()[-self._limit :]
        kept = kept[kept.find(b"\n") + 1 :]
        self._file.seek(0)
        self._file.write(kept)
        self._file.truncate()
        self._size = len(kept)

    def _tell(self, part: bytes) -> None:
        for news in tuple(self._followers):
            if news.full():
                self._followers.discard(news)
                news.get_nowait()
                news.put_nowait(b"")
            else:
                news.put_nowait(part)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
