"""How long a client may take to send a body: one that trickles must not keep a thread for hours.

gunicorn's threads have no limit of their own, and a timeout on each read would not stop one byte a second.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from socket import SHUT_RD
from threading import Timer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socket import socket

    from flask import Request

SOCKET: Final = "gunicorn.socket"


@contextmanager
def limited_patience(request: Request, *, seconds: float) -> Iterator[None]:
    """Stop listening to the client after ``seconds``: reading then ends as if it had hung up.

    Other servers than gunicorn show no socket; their own limits hold.
    """
    connection: socket | None = request.environ.get(SOCKET)
    if connection is None:
        yield
        return
    timer = Timer(seconds, _stop_listening, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _stop_listening(connection: socket) -> None:
    with suppress(OSError):  # it was closed in the meantime
        connection.shutdown(SHUT_RD)
