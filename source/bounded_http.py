"""HTTP for asking a server that is not trusted with our time: bounded in every direction, led nowhere else.

``requests`` limits each read, so a byte every few seconds would hold it for ever: here the limit is on the
whole of an answer, also on what HTTP puts around its body. No redirect is followed, and ``~/.netrc`` is not
read; proxies and ``REQUESTS_CA_BUNDLE`` of the environment count, as they do for Git.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.client import HTTPException, RemoteDisconnected
from threading import Event, Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3.response import HTTPResponse

CHUNK: Final = 64 * 1024
SHORTEST: Final = 0.01
"""Seconds that a request is given at least: 0 would mean something else to a socket."""


class NoAnswer(Exception):
    """No answer came: the name, the connection, the certificate or the time; the message says which."""


class BadAnswer(Exception):
    """Something came that is not HTTP, or more of it than is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; the names of ``headers`` are in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Patience:
    """For several questions, which together may take ``seconds`` besides the resolver's time."""

    def __init__(self, *, seconds: float) -> None:
        self._until = monotonic() + seconds

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        limit: int,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        is_cut: bool = False,
    ) -> Answer:
        """The answer, with a body of at most ``limit`` bytes as the server sent them.

        ``body`` is sent along. ``is_cut``: of a longer answer its beginning is enough.

        Raises:
            NoAnswer: none came in time.
            BadAnswer: one came that can't be read.
        """
        plain = {"Accept-Encoding": "identity", "User-Agent": "verdigris", **headers}
        try:
            # A connection of its own for each: what one answer left over must not begin the next.
            with (
                _new_session() as session,
                session.request(
                    method,
                    url,
                    params=query,
                    data=body,
                    headers=plain,
                    timeout=urllib3.Timeout(total=self._left()),  # type: ignore[arg-type]  # it is taken
                    allow_redirects=False,
                    stream=True,
                    auth=_as_it_is,
                ) as answer,
            ):
                return Answer(answer.status_code, answer.headers, self._read(answer, limit, is_cut=is_cut))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _told(error) from None

    def _left(self) -> float:
        return max(SHORTEST, self._until - monotonic())

    def _read(self, answer: requests.Response, limit: int, *, is_cut: bool) -> bytes:
        # ``read1`` gives what has come, where ``iter_content`` would wait for a chunk to be full.
        body = b""
        with answer.raw.cut_off:  # type: ignore[union-attr]  # of ``_in_time``
            while part := bytes(answer.raw.read1(CHUNK, decode_content=False)):
                body += part
                if len(body) > limit and is_cut:
                    return body[:limit]
                if len(body) > limit:
                    raise BadAnswer(f"more than {limit} bytes")
        return body


def _new_session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _BoundedAdapter())
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """In the place of credentials: without it ``requests`` would look for some in ``~/.netrc``."""
    return request


def _told(error: Exception) -> NoAnswer | BadAnswer:
    """In one line, without the address that libraries repeat around the innermost reason."""
    if isinstance(error, requests.exceptions.SSLError):
        return NoAnswer(f"TLS: {_innermost(error)}")
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return NoAnswer("no answer in time")
    reason = _innermost(error)
    if isinstance(reason, HTTPException) and not isinstance(reason, RemoteDisconnected):
        return BadAnswer(f"no HTTP ({type(reason).__name__})")
    said = reason.strerror if isinstance(reason, OSError) else None
    return NoAnswer(said or str(reason) or type(reason).__name__)


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


class _CutOff:
    """Ends every read of a connection after ``seconds``. One read may be many: of the lines around a chunk.

    Leaving the block ends it. What was cut off may look like something that ended, or broke: all is late.
    """

    def __init__(self, connection: HTTPConnection, *, seconds: float) -> None:
        # The connection gives its socket away where an answer says that it is the last one.
        self._socket: socket.socket = connection.sock
        self._is_late = Event()
        self._timer = Timer(seconds, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._timer.cancel()
        if self._is_late.is_set():
            raise TimeoutError from error

    def _give_up(self) -> None:
        """Not by the socket's own ``shutdown``: TLS would want to say good-bye first."""
        self._is_late.set()
        with suppress(OSError):  # it was closed in the meantime
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _in_time(connection: HTTPConnection, get_head: Callable[[], HTTPResponse]) -> HTTPResponse:
    """The head of an answer, in the time that ``urllib3`` means for one read; its body has what is left.

    Raises:
        TimeoutError: it took longer.
    """
    with ExitStack() as stack:
        cut_off = stack.enter_context(_CutOff(connection, seconds=connection.timeout or SHORTEST))
        head = get_head()
        stack.pop_all()
    head.cut_off = cut_off  # type: ignore[attr-defined]  # for whoever reads the body
    return head


class _BoundedConnection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        return _in_time(self, super().getresponse)


class _BoundedTlsConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        return _in_time(self, super().getresponse)


class _BoundedPool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _BoundedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTlsConnection


POOLS: Final = {"http": _BoundedPool, "https": _BoundedTlsPool}


class _BoundedAdapter(HTTPAdapter):
    """Makes the connections above, also through a proxy."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 -- the library's signature
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> urllib3.ProxyManager:  # noqa: ANN401 -- the library's
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = POOLS
        return manager
