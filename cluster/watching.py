"""One watch: the long answer in which the API tells what happens to the objects of a kind.

It ends for many reasons; going on after each is in ``feed``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import urllib3
import urllib3.exceptions

from cluster import objects
from cluster.errors import from_answer, from_transport
from cluster.kinds import collection_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.connection import Cluster
    from cluster.kinds import Object

WATCH_SECONDS: Final = 20
"""How long the server keeps one watch open: below the read timeout, so that silence is no error."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects to follow; the selectors in the API's own notation."""

    kind: str
    namespace: str
    labels: str = ""
    fields: str = ""


class Watch:
    """The changes after one resourceVersion, as ``(event type, object)``, until the server ends it."""

    def __init__(self, cluster: Cluster, selection: Selection, resource_version: str) -> None:
        """Open the watch.

        Raises:
            ClusterError: as any request; ``Expired`` where the version is too old.
        """
        query = {
            "watch": "1",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
            "allowWatchBookmarks": "true",
            **objects.selection(selection.labels, selection.fields),
        }
        self._host = cluster.host
        self._answer = cluster.stream(collection_path(selection.kind, selection.namespace), query=query)

    def __iter__(self) -> Iterator[tuple[str, Object]]:
        """Raises ``Expired`` or another ClusterError where the server says so in the stream."""
        try:
            for line in _lines(self._answer):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise from_answer(status.get("code", 0), json.dumps(status).encode(), {})
                yield event["type"], event["object"]
        except urllib3.exceptions.HTTPError as error:
            raise from_transport(error, self._host) from error
        finally:
            self._answer.close()

    def stop(self) -> None:
        """End the watch from another thread: a read that waits returns."""
        try:
            self._answer.shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # it ended by itself in the meantime


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Whole lines only: what a broken connection cuts off is no event."""
    rest = b""
    for chunk in answer.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line)
