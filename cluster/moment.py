"""A cluster at one moment: what a decision has read once it does not ask for again.

A decision looks at the route and at both colors from several sides. Read each time they would be neither
fresher nor safer (what counts is compared by the server when it is written), only slower: each read is a
round trip. Make one for each decision, and another for the next. Where a decision is held up, by a cluster or
a Redis that is away, it reads again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cluster.connection import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import urllib3

    from cluster.connection import Body

Answer = TypeVar("Answer")

LASTING: Final = 3.0
"""Seconds after which what was read is not of this moment any more."""


class Moment(Cluster):
    """The same server and credentials. What was read is forgotten with each write, whatever becomes of it.

    For one thread.
    """

    def __init__(self, cluster: Cluster, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._monotonic = monotonic
        self._known: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[float, bytes]] = {}

    @property
    def configuration(self) -> Any:  # noqa: ANN401 -- the library is untyped
        """As the cluster has it now."""
        return self._cluster.configuration

    @property
    def host(self) -> str:
        """The server's name and port, for messages."""
        return self._cluster.host

    def headers(self) -> dict[str, str]:
        """What proves who we are."""
        return self._cluster.headers()

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The whole address of a path."""
        return self._cluster.url(path, query)

    def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Body | None = None
    ) -> bytes:
        """Send a request, unless the same was read a moment ago. Raises as a cluster's."""
        if method != "GET":
            self._known.clear()
            return self._cluster.request(method, path, query=query, body=body)
        name = path, tuple(sorted((query or {}).items()))
        known, now = self._known.get(name), self._monotonic()
        if known and now - known[0] <= LASTING:
            return known[1]
        answer = self._cluster.request(method, path, query=query)
        self._known[name] = now, answer
        return answer

    def stream(self, path: str, *, query: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """An answer that goes on is of more than a moment: it is the cluster's own."""
        return self._cluster.stream(path, query=query)

    def renewing(self, call: Callable[[], Answer]) -> Answer:
        """As the cluster does."""
        return self._cluster.renewing(call)
