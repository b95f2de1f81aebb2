"""What a cluster is and offers, asked in a few quick requests for ``verdigris doctor``.

Every request has a short time limit of its own, where stages would wait. Each answer's ``Date`` is kept: it
tells the cluster's clock.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, cast

import urllib3
from kubernetes.client.rest import RESTClientObject

from cluster.connection import Cluster, parse
from cluster.errors import Forbidden, NotFound
from cluster.kinds import KINDS, Ref, collection_path, object_path
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ISTIO: Final = "networking.istio.io"
ROUTING: Final = ("VirtualService", "DestinationRule", "Gateway")
CONTROL_PLANE: Final = {"namespace": "istio-system", "selector": "app=istiod"}
BEARER: Final = "Bearer "


class HastyPool:
    """The pool of a cluster, with another time limit, and an ear for the server's clock."""

    def __init__(self, pool: urllib3.PoolManager, *, seconds: float) -> None:
        self._pool = pool
        self._seconds = seconds
        self.ahead: float | None = None

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:  # noqa: ANN401 -- handed on to urllib3
        """As the pool's own."""
        options["timeout"] = urllib3.Timeout(connect=self._seconds, read=self._seconds)
        before = time.time()
        answer = self._pool.request(method, url, **options)
        self.ahead = find_lead(answer.headers.get("Date", ""), before=before, after=time.time())
        return answer


def find_lead(date: str, *, before: float, after: float) -> float | None:
    """Seconds by which a clock is ahead of ours, from a ``Date`` header; it counts whole seconds only."""
    try:
        told = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    return told + 0.5 - (before + after) / 2


class PluginFailed(Exception):
    """A credential plugin gave no credentials; the message is what it said itself."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection, and the ear on it."""

    cluster: Cluster
    pool: HastyPool


@dataclass(frozen=True, slots=True)
class Offer:
    """The versions in which Istio's API is served, and the kinds for routing that ours has not got."""

    versions: tuple[str, ...]
    missing: tuple[str, ...]


def reach(kubeconfig: Path | None, context: str | None, *, seconds: float) -> Reached:
    """Read the credentials; a credential plugin is run, but nothing is sent yet.

    Raises:
        PluginFailed: the kubeconfig's credential plugin gave no credentials.
        Problem: ``cluster-config``.
    """
    with _heard() as heard:
        try:
            configuration = Cluster.connect(kubeconfig, context).configuration
        except Problem as problem:
            if heard:
                raise PluginFailed("; ".join(heard)) from problem
            raise
    pool = HastyPool(RESTClientObject(configuration).pool_manager, seconds=seconds)
    cluster = Cluster(configuration, cast("urllib3.PoolManager", pool))
    return Reached(cluster, pool)


def read_version(cluster: Cluster) -> str:
    """The server's version; raises ``ClusterError`` where it can't be asked."""
    return str(parse(cluster.request("GET", "/version")).get("gitVersion", ""))


def find_istio(cluster: Cluster) -> Offer | None:
    """What is served of Istio's API; None without its custom resources. Asks as ourselves, unlike a version.

    Raises:
        ClusterError: it can't be asked.
    """
    ours = KINDS[ROUTING[0]].api_version
    try:
        group = parse(cluster.request("GET", f"/apis/{ISTIO}"))
    except NotFound:
        return None
    versions = tuple(str(one["version"]) for one in group.get("versions") or ())
    if ours.rpartition("/")[2] not in versions:
        return Offer(versions, ROUTING)
    served = parse(cluster.request("GET", f"/apis/{ours}")).get("resources") or ()
    plurals = {one["name"] for one in served}
    return Offer(versions, tuple(kind for kind in ROUTING if KINDS[kind].plural not in plurals))


def find_control_plane(cluster: Cluster) -> int | None:
    """How many pods of Istio's control plane are available; None where we may not look, -1 without one."""
    path = collection_path("Deployment", CONTROL_PLANE["namespace"])
    try:
        answer = cluster.request("GET", path, query={"labelSelector": CONTROL_PLANE["selector"]})
    except (Forbidden, NotFound):
        return None
    found = parse(answer).get("items") or []
    return sum(one.get("status", {}).get("availableReplicas") or 0 for one in found) if found else -1


def has_namespace(cluster: Cluster, name: str) -> bool | None:
    """Whether there is such a namespace; None where we may not look, as the Role of workers has it.

    Raises:
        ClusterError: it can't be asked.
    """
    try:
        cluster.request("GET", object_path(Ref("Namespace", "", name)))
    except NotFound:
        return False
    except Forbidden:
        return None
    return True


def find_expiry(cluster: Cluster) -> datetime | None:
    """When our token ends, where it is one that says so (a JSON Web Token)."""
    token = cluster.headers().get("authorization", "").removeprefix(BEARER)
    payload = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 -- header.payload.signature
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What the library logs in this thread: of a plugin that fails it tells nobody else."""
    told: list[str] = []
    ours = threading.get_ident()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == ours:
                told.append(record.getMessage())

    ear = Ear(logging.ERROR)
    logging.getLogger().addHandler(ear)
    try:
        yield told
    finally:
        logging.getLogger().removeHandler(ear)
