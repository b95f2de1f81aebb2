"""Answers that go on as things happen, as ``arrivals``' loop sends them: an open page keeps no thread.

Whoever tells something wakes the loop; who does not read, or has hung up, is let go.
"""

from __future__ import annotations

import time
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any, Final

from webhook.departures import READING

if TYPE_CHECKING:
    from webhook.departures import Outgoing

MOST_UNREAD: Final = 256 * 1024
"""Bytes that a client may leave unread."""
PIECE: Final = 4096

Connection = Any
"""gunicorn's, which has no type. So has the worker."""


class OpenStreams:
    """Those of one worker. Only its loop calls the methods."""

    def __init__(self, worker: Any) -> None:  # noqa: ANN401 -- it has no type
        self._worker = worker
        self._open: dict[Connection, Outgoing] = {}
        self._behind: dict[Connection, float] = {}

    def open(self, conn: Connection, outgoing: Outgoing) -> None:
        """Send from now on what is told."""
        conn.sock.settimeout(0)
        self._open[conn] = outgoing
        self._worker.poller.register(conn.sock, EVENT_READ, partial(self._tend, conn))
        if outgoing.stream:
            outgoing.stream.call_when_told(partial(self._worker.method_queue.defer, self._send, conn))
        self._send(conn)

    def look_after(self, now: float, *, is_last: bool) -> None:
        """Let go of who does not read. A process that is to end waits for no page: it asks the next one."""
        for conn in [one for one, deadline in self._behind.items() if deadline <= now]:
            self._cut(conn)
        for outgoing in list(self._open.values()) if is_last else ():
            if outgoing.stream:
                outgoing.stream.end()

    def _tend(self, conn: Connection, _sock: object) -> None:
        """It takes more, or has hung up; what it may send is not asked for."""
        if conn not in self._open:  # let go a moment ago, for one that was ready as well
            return
        try:
            if not conn.sock.recv(PIECE):
                self._cut(conn)
                return
        except BlockingIOError:
            pass
        except OSError:
            self._cut(conn)
            return
        self._send(conn)

    def _send(self, conn: Connection) -> None:
        outgoing = self._open.get(conn)
        if outgoing is None:
            return
        is_over = outgoing.follow()
        try:
            is_sent = outgoing.flush()
        except OSError:  # it has hung up
            self._cut(conn)
            return
        if is_sent and is_over:
            self._forget(conn)
            self._worker.say_goodbye(conn)
        elif len(outgoing.kept) > MOST_UNREAD:
            self._cut(conn)
        else:
            self._wait(conn, is_sent=is_sent)

    def _wait(self, conn: Connection, *, is_sent: bool) -> None:
        """For more to be told or, for a while, for the client to read."""
        if is_sent:
            self._behind.pop(conn, None)
        else:
            self._behind.setdefault(conn, time.monotonic() + READING)
        events = EVENT_READ if is_sent else EVENT_READ | EVENT_WRITE
        self._worker.poller.modify(conn.sock, events, partial(self._tend, conn))

    def _cut(self, conn: Connection) -> None:
        self._forget(conn)
        self._worker.nr_conns -= 1
        conn.close()

    def _forget(self, conn: Connection) -> None:
        outgoing = self._open.pop(conn)
        self._behind.pop(conn, None)
        self._worker.poller.unregister(conn.sock)
        if outgoing.stream:
            outgoing.stream.end()
