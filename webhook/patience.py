"""How long a client may take to send a body: one that trickles must not keep a thread for hours.

gunicorn's threads have no limit of their own, and a timeout on each read would not stop one byte a second.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from socket import SHUT_RD
from threading import Timer
from typing import TYPE_CHECKING, Final

from webhook.departures import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socket import socket

    from flask import Request

SOCKET: Final = "gunicorn.socket"


@contextmanager
def limited_patience(request: Request, *, seconds: float) -> Iterator[None]:
    """Stop listening to the client after ``seconds``: reading then ends as if it had hung up.

    Nobody waits for what has arrived already, so there is no need to: a timer is a thread. Other servers than
    gunicorn show no socket; their own limits hold.
    """
    connection: socket | Outgoing | None = request.environ.get(SOCKET)
    if connection is None or (isinstance(connection, Outgoing) and connection.is_whole):
        yield
        return
    timer = Timer(seconds, _stop_listening, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _stop_listening(connection: socket | Outgoing) -> None:
    with suppress(OSError):  # it was closed in the meantime
        connection.shutdown(SHUT_RD)
