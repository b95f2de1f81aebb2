"""A cluster at one moment: what a decision has read once it does not ask for again.

A decision looks at the route and at both colors from several sides. Read each time they would be neither
fresher nor safer (what counts is compared by the server when it is written), only slower: each read is a
round trip. Make one for each decision, and another for the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from cluster.connection import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import urllib3

    from cluster.connection import Body

Answer = TypeVar("Answer")


class Moment(Cluster):
    """The same server and credentials. What was read is forgotten with each write, whatever becomes of it.

    For one thread.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[tuple[str, tuple[tuple[str, str], ...]], bytes] = {}

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
        """Send a request, unless the same was read before. Raises as a cluster's."""
        if method != "GET":
            self._known.clear()
            return self._cluster.request(method, path, query=query, body=body)
        name = path, tuple(sorted((query or {}).items()))
        if name not in self._known:
            self._known[name] = self._cluster.request(method, path, query=query)
        return self._known[name]

    def stream(self, path: str, *, query: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """An answer that goes on is of more than a moment: it is the cluster's own."""
        return self._cluster.stream(path, query=query)

    def renewing(self, call: Callable[[], Answer]) -> Answer:
        """As the cluster does."""
        return self._cluster.renewing(call)
