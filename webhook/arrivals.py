"""The gunicorn worker: a request gets a thread once it is there whole, so that nobody slow keeps one.

gunicorn's own worker reads and writes in its threads, without limit: as many slow clients as there are
threads keep everybody out, and one that does not hang up when it should stops the loop for two seconds. Here
the loop receives and sends for all and waits for nobody; the slowest are let go when there are too many. A
body without a length or too long to wait for is read by a few threads of its own. An answer that goes on as
things happen is sent from here, too: an open page keeps no thread.
"""

from __future__ import annotations

import re
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any, Final

from gunicorn import http  # type: ignore[import-untyped]  # it has no stubs
from gunicorn.http.body import LengthReader  # type: ignore[import-untyped]  # the same
from gunicorn.util import write_nonblock  # type: ignore[import-untyped]  # the same
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # the same

from webhook.departures import READING, Outgoing
from webhook.open_streams import OpenStreams
from webhook.unreadable import told_as_problem

if TYPE_CHECKING:
    from concurrent.futures import Future

HEAD_LIMIT: Final = 64 * 1024
BODY_LIMIT: Final = 1024 * 1024
"""Bytes. A longer body is not waited for: its head is enough to refuse it."""
PIECE: Final = 64 * 1024
SIDE_THREADS: Final = 2
FILES: Final = 4096
"""More than all its connections: often 1024 are allowed at first, and gunicorn ends when it can't accept."""
GOODBYE: Final = 2.0
"""Seconds in which a client may still read its last answer, before the connection is cut."""

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,10})[ \t]*\r\n", re.IGNORECASE)
_LONGER: Final = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)


class Stage(Enum):
    """How much of a request is there."""

    PARTIAL = auto()
    WHOLE = auto()
    LONG = auto()
    TOO_LONG = auto()


@dataclass(slots=True)
class Arrival:
    """What was received of one request. Only new bytes are looked at, in however small pieces they come."""

    deadline: float
    received: bytearray = field(default_factory=bytearray)
    size: int | None = None
    """Bytes of the whole request, once its head is there."""

    def add(self, part: bytes) -> Stage:
        """Take what came; what to do now."""
        start = max(0, len(self.received) - len(_END) + 1)
        self.received += part
        if self.size is None:
            end = self.received.find(_END, start)
            if end < 0:
                return Stage.TOO_LONG if len(self.received) > HEAD_LIMIT else Stage.PARTIAL
            stage = self._read_head(end + len(_END))
            if stage is not Stage.PARTIAL:
                return stage
        return Stage.WHOLE if len(self.received) >= (self.size or 0) else Stage.PARTIAL

    def _read_head(self, end: int) -> Stage:
        head = bytes(self.received[:end])
        if _LONGER.search(head):
            return Stage.LONG
        length = _LENGTH.search(head)
        body = int(length[1]) if length else 0
        self.size = end + body
        return Stage.PARTIAL if body <= BODY_LIMIT else Stage.LONG


class ArrivalWorker(ThreadWorker):  # type: ignore[misc]  # it has no stubs
    """gunicorn's worker with threads, behind a loop that receives.

    ``patience`` is how many seconds a request may take to arrive; ``most_waiting`` and ``most_held`` are how
    many connections, and how many bytes of theirs, may wait. ``most_long`` may wait for a thread that reads
    long bodies, ``most_sending`` for their client to read, ``most_idle`` for the next request. All of them
    together are fewer than gunicorn accepts, so that there is always room for one more.
    """

    patience = 10.0
    most_waiting = 500
    most_held = 32 * 1024 * 1024
    most_long = 50
    most_sending = 200
    most_idle = 100

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 -- handed on to gunicorn
        super().__init__(*arguments, **options)
        self.max_keepalived = self.most_idle
        self._long: dict[Any, Future[Any]] = {}
        self._arrivals: dict[Any, Arrival] = {}
        self._unsent: dict[Any, Outgoing] = {}
        self._sending: dict[Any, tuple[float, Outgoing]] = {}
        self._leaving: dict[Any, float] = {}
        self._going_on: dict[Any, Outgoing] = {}
        self._streams = OpenStreams(self)
        self._held = 0
        self._side: ThreadPoolExecutor

    def init_process(self) -> None:
        """Called in the new process, and does not return before it ends."""
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(FILES, most)), most))
        self._side = ThreadPoolExecutor(SIDE_THREADS)
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:  # noqa: ANN401 -- gunicorn's connection, which has no type
        """Begin to receive a request: the first of a connection, or the next one.

        What the thread before has read of the next one goes in front.
        """
        conn.sock.settimeout(0)
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
        arrival = Arrival(time.monotonic() + self.patience)
        self._arrivals[conn] = arrival
        self.poller.register(conn.sock, EVENT_READ, partial(self._receive, conn))
        self._take(conn, arrival, conn.parser.unreader.take_buffered())
        self._make_room()

    def murder_pending(self) -> None:
        """Those whose time is over are read no further: the application says so to who sent a head.

        A process that is to end waits for nobody who has sent nothing.
        """
        now = time.monotonic()
        for conn, arrival in list(self._arrivals.items()):
            if not self.alive and not arrival.received:
                self._drop(conn)
            elif arrival.deadline <= now:
                with suppress(OSError):  # it has hung up
                    conn.sock.shutdown(socket.SHUT_RD)
                self._hand_over(conn, self.tpool)
        for conn in [one for one, (deadline, _) in self._sending.items() if deadline <= now]:
            self._cut_short(conn)
        for conn in [one for one, deadline in self._leaving.items() if deadline <= now]:
            self._cut(conn)
        self._streams.look_after(now, is_last=not self.alive)
        super().murder_pending()

    def handle_request(self, req: Any, conn: Any) -> Any:  # noqa: ANN401 -- as above
        """In a thread: answer, but don't wait until all of it is taken."""
        outgoing = Outgoing(conn.sock, is_whole=_is_whole(req))
        conn.sock = outgoing
        try:
            goes_on = super().handle_request(req, conn)
        finally:
            conn.sock = outgoing.connection
        if outgoing.stream:
            self._going_on[conn] = outgoing
        elif not outgoing.flush():
            self._unsent[conn] = outgoing
        return goes_on

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ANN401 -- as above
        """In a thread: what gunicorn refuses by itself is told as all other refusals are."""
        said = Outgoing(client)
        super().handle_error(req, said, addr, exc)
        with suppress(OSError):  # it has hung up
            write_nonblock(client, told_as_problem(bytes(said.kept)))

    def finish_request(self, conn: Any, done: Future[Any]) -> None:  # noqa: ANN401 -- as above
        """After the answer: on to the next request of the connection, or goodbye to it, without waiting."""
        self._long.pop(conn, None)
        if conn in self._going_on:
            self._streams.open(conn, self._going_on.pop(conn))
            return
        outgoing = self._unsent.pop(conn, None)
        if outgoing:
            self._sending[conn] = time.monotonic() + READING, outgoing
            self.poller.register(conn.sock, EVENT_WRITE, partial(self._send_on, conn, outgoing, done))
            self._make_room_to_send()
            return
        if not done.cancelled() and done.exception() is None and done.result():
            super().finish_request(conn, done)
            return
        self.say_goodbye(conn)

    def say_goodbye(self, conn: Any) -> None:  # noqa: ANN401 -- as above
        """No more is sent to it."""
        self.nr_conns -= 1
        try:
            conn.sock.settimeout(0)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it has hung up
            conn.close()
            return
        self._leaving[conn] = time.monotonic() + GOODBYE
        self.poller.register(conn.sock, EVENT_READ, partial(self._see_off, conn))
        if len(self._leaving) > self.most_sending:
            self._cut(next(iter(self._leaving)))

    def _send_on(self, conn: Any, outgoing: Outgoing, done: Future[Any], _sock: object) -> None:  # noqa: ANN401 -- as above
        if conn not in self._sending:
            return
        try:
            is_sent = outgoing.flush()
        except OSError:  # it has hung up
            self._cut_short(conn)
            return
        if is_sent:
            del self._sending[conn]
            self.poller.unregister(conn.sock)
            self.finish_request(conn, done)

    def _make_room_to_send(self) -> None:
        held = sum(len(outgoing.kept) for _, outgoing in self._sending.values())
        while self._sending and (len(self._sending) > self.most_sending or held > self.most_held):
            first = next(iter(self._sending))
            held -= len(self._sending[first][1].kept)
            self._cut_short(first)

    def _cut_short(self, conn: Any) -> None:  # noqa: ANN401 -- as above
        del self._sending[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _see_off(self, conn: Any, _sock: object) -> None:  # noqa: ANN401 -- as above
        """Until it has hung up: cut off while it still sends, it might lose the end of its answer."""
        if conn not in self._leaving:
            return
        with suppress(OSError):
            if conn.sock.recv(PIECE):
                return
        self._cut(conn)

    def _cut(self, conn: Any) -> None:  # noqa: ANN401 -- as above
        del self._leaving[conn]
        self.poller.unregister(conn.sock)
        conn.close()

    def _receive(self, conn: Any, _sock: object) -> None:  # noqa: ANN401 -- as above
        if conn not in self._arrivals:  # let go a moment ago, for one that was ready as well
            return
        try:
            part = conn.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            self._drop(conn)
            return
        if part:
            self._take(conn, self._arrivals[conn], part)
            self._make_room()
        elif self._arrivals[conn].received:
            self._hand_over(conn, self.tpool)
        else:
            self._drop(conn)

    def _take(self, conn: Any, arrival: Arrival, part: bytes) -> None:  # noqa: ANN401 -- as above
        self._held += len(part)
        match arrival.add(part):
            case Stage.WHOLE:
                self._hand_over(conn, self.tpool)
            case Stage.LONG:
                self._long[conn] = self._hand_over(conn, self._side)
                self._make_room_for_long()
            case Stage.TOO_LONG:
                self._drop(conn)

    def _make_room(self) -> None:
        """Let go of who has waited longest: who sends at a normal pace is through long before."""
        while self._arrivals and (len(self._arrivals) > self.most_waiting or self._held > self.most_held):
            self._drop(next(iter(self._arrivals)))

    def _make_room_for_long(self) -> None:
        """Those that a thread reads already are left to its patience."""
        if len(self._long) > self.most_long:
            for conn, future in list(self._long.items()):
                if future.cancel():
                    del self._long[conn]
                    return

    def _hand_over(self, conn: Any, threads: ThreadPoolExecutor) -> Future[Any]:  # noqa: ANN401 -- as above
        arrival = self._forget(conn)
        conn.parser.unreader.unread(bytes(arrival.received))
        conn.data_ready = True
        future = threads.submit(self.handle, conn)
        future.add_done_callback(partial(self._finish, conn))
        return future

    def _finish(self, conn: Any, done: Future[Any]) -> None:  # noqa: ANN401 -- as above
        self.method_queue.defer(self.finish_request, conn, done)

    def _drop(self, conn: Any) -> None:  # noqa: ANN401 -- as above
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _forget(self, conn: Any) -> Arrival:  # noqa: ANN401 -- as above
        arrival = self._arrivals.pop(conn)
        self._held -= len(arrival.received)
        self.poller.unregister(conn.sock)
        return arrival


def _is_whole(req: Any) -> bool:  # noqa: ANN401 -- gunicorn's request, which has no type
    """Whether all of a request's body is here, as gunicorn itself reads its length."""
    reader = req.body.reader
    return isinstance(reader, LengthReader) and len(req.unreader.buf.getbuffer()) >= reader.length
