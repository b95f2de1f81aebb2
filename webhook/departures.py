"""An answer on its way out: kept, so that no thread waits for a client that does not read.

What the client takes at once is sent at once; for the rest ``arrivals``' loop waits.
"""

from __future__ import annotations

from contextlib import suppress
from socket import MSG_DONTWAIT
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socket import socket
    from typing import BinaryIO


class Outgoing:
    """A connection, as gunicorn sees it while it handles a request: the answer alone stays here."""

    def __init__(self, connection: socket) -> None:
        self.connection = connection
        self.kept = bytearray()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever a socket has
        return getattr(self.connection, name)

    def sendall(self, data: bytes) -> None:
        """Keep a part of the answer."""
        self.kept += data

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
