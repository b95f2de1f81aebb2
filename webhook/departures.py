"""An answer on its way out: kept, so that no thread waits for a client that does not read.

What the client takes at once is sent at once; for the rest ``arrivals``' loop waits. An answer that goes on
as things happen (``streams``) is sent by that loop as well.
"""

from __future__ import annotations

from contextlib import suppress
from socket import MSG_DONTWAIT
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from socket import socket
    from typing import BinaryIO

    from webhook.streams import Stream

READING: Final = 20.0
"""Seconds in which a client has to read its answer."""
LAST_CHUNK: Final = b"0\r\n\r\n"
"""Ends an answer whose length was not told at its beginning (RFC 9112, 7.1)."""


class Outgoing:
    """A connection, as gunicorn sees it while it handles a request: the answer alone stays here.

    With a ``stream``, the answer goes on with what is told there, until that is over. ``is_whole``: the
    request has arrived to its last byte, so reading it waits for nobody.
    """

    def __init__(self, connection: socket, *, is_whole: bool = False) -> None:
        self.connection = connection
        self.is_whole = is_whole
        self.kept = bytearray()
        self.stream: Stream | None = None
        self._is_in_chunks = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever a socket has
        return getattr(self.connection, name)

    def sendall(self, data: bytes) -> None:
        """Keep a part of the answer; its end, where it goes on, is gunicorn's mistake."""
        if self.stream and data == LAST_CHUNK:
            self._is_in_chunks = True
        else:
            self.kept += data

    def follow(self) -> bool:
        """Keep what was told by now; whether that was all. In HTTP/1.0 the connection's end is the end."""
        if self.stream is None:
            return True
        is_over = self.stream.is_over
        if told := self.stream.take():
            self.kept += b"%X\r\n%b\r\n" % (len(told), told) if self._is_in_chunks else told
        if is_over and self._is_in_chunks:
            self.kept += LAST_CHUNK
        return is_over

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> None:
        """Keep a file that is the answer, or a part of it."""
        file.seek(offset)
        self.kept += file.read(-1 if count is None else count)

    def flush(self) -> bool:
        """Send what the client takes now; whether that was the rest.

        Raises:
            OSError: it has hung up.
        """
        with suppress(BlockingIOError):
            while self.kept:
                del self.kept[: self.connection.send(self.kept, MSG_DONTWAIT)]
        return not self.kept
