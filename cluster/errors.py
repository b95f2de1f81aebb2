"""What a cluster refuses or fails to answer: one exception per meaning, each a Problem for people.

"Not yet" (``Unavailable``, ``Conflict``, ``Expired``) and "never" are different types, so that a wait never
spins on what will not change. Nothing here retries; that is in ``waiting``. Messages are the server's own
and never hold what a request carried in its headers.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import urllib3.exceptions

from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Cause:
    """One of the details of a refusal, as the API lists them."""

    reason: str
    message: str
    field: str


class ClusterError(Problem):
    """The cluster said no. ``status`` is its HTTP status, 0 where none came."""

    slug: ClassVar[str] = "cluster-refused"
    title: ClassVar[str] = "The cluster refused a request"
    next_step: ClassVar[str] = "Correct what the message names, then deploy again."

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", causes: tuple[Cause, ...] = ()
    ) -> None:
        super().__init__(self.slug, self.title, detail=message, next_step=self.next_step)
        self.message = message
        self.status = status
        self.reason = reason
        self.causes = causes


class Invalid(ClusterError):
    """The object itself is wrong; asking again changes nothing."""

    slug = "cluster-invalid-object"
    title = "The cluster does not accept an object"
    next_step = "Correct the manifest that the message names, push a new tag."


class NotFound(ClusterError):
    """There is no such object, namespace or kind."""

    slug = "cluster-not-found"
    title = "Something is missing in the cluster"
    next_step = "Create what the message names (a namespace, Istio's custom resources), then deploy again."


class AlreadyExists(ClusterError):
    """Somebody created the object first."""

    slug = "cluster-already-exists"
    title = "An object exists already"
    next_step = "Deploy again: Verdigris reads what is there before it writes."


class Conflict(ClusterError):
    """The object changed after it was read, or others own its fields: read again."""

    slug = "cluster-conflict"
    title = "An object was changed by somebody else at the same time"
    next_step = "Find out who else writes the object (`kubectl get -o yaml --show-managed-fields`)."

    @property
    def is_about_fields(self) -> bool:
        """Whether other managers own fields; else the resourceVersion was stale."""
        return any(cause.reason == "FieldManagerConflict" for cause in self.causes)


class Forbidden(ClusterError):
    """Verdigris may not do this, or a quota or an admission rule forbids it."""

    slug = "cluster-forbidden"
    title = "Verdigris is not allowed to do this in the cluster"
    next_step = "Give Verdigris' service account the role that the message names, then deploy again."


class Unauthorized(ClusterError):
    """The cluster does not know who we are."""

    slug = "cluster-unauthorized"
    title = "The cluster does not accept Verdigris' credentials"
    next_step = "Renew the credentials in the kubeconfig that the workers use."


class Untrusted(ClusterError):
    """The API server's certificate is not the one that the kubeconfig trusts."""

    slug = "cluster-untrusted"
    title = "The cluster's certificate is not trusted"
    next_step = "Check the server address and certificate-authority in the kubeconfig that the workers use."


class Unavailable(ClusterError):
    """No answer, or one that says later. ``retry_after``: seconds that the server asked for."""

    slug = "cluster-unavailable"
    title = "The cluster's API can't be reached"
    next_step = "Check the API server and the network between it and the workers, then retry."

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        causes: tuple[Cause, ...] = (),
        retry_after: float = 0,
    ) -> None:
        super().__init__(message, status=status, reason=reason, causes=causes)
        self.retry_after = retry_after


class Expired(ClusterError):
    """The history that a watch wanted is gone: list again."""

    slug = "cluster-expired"
    title = "The cluster's history does not reach back that far"
    next_step = "Retry: Verdigris lists again."


_BY_STATUS: dict[int, type[ClusterError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: Unavailable,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}

TYPED_PATCH = "failed to create typed patch object"
"""How a real server words an apply whose fields have wrong names or types. It answers 500 for it."""


def from_answer(status: int, body: bytes, headers: Mapping[str, str]) -> ClusterError:
    """The error that an answer of 400 and above means."""
    document = _parse(body)
    message = str(document.get("message") or body.decode("utf-8", "replace").strip() or f"HTTP {status}")
    causes = tuple(_cause(item) for item in (document.get("details") or {}).get("causes") or ())
    reason = str(document.get("reason") or "")
    if _type(status, reason, message) is Unavailable:
        seconds = headers.get("Retry-After", "")
        wait = float(seconds) if seconds.isdigit() else 0.0
        return Unavailable(message, status=status, reason=reason, causes=causes, retry_after=wait)
    return _type(status, reason, message)(message, status=status, reason=reason, causes=causes)


def from_transport(error: urllib3.exceptions.HTTPError, host: str) -> ClusterError:
    """The error that a failed connection means: worth waiting, except a certificate nobody trusts."""
    reasons = (error, error.__cause__, error.__context__, *error.args)
    if any(isinstance(reason, ssl.SSLCertVerificationError) for reason in reasons):
        return Untrusted(f"{host}: {error}")
    return Unavailable(f"{host}: {_words(error)}")


def _words(error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return str(error).partition("): ")[2]  # before it stands the connection's own name again
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "no connection in time"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    return str(error)


def _type(status: int, reason: str, message: str) -> type[ClusterError]:
    if reason == "AlreadyExists":
        return AlreadyExists
    if message.startswith(TYPED_PATCH):
        return Invalid
    return _BY_STATUS.get(status, ClusterError)


def _cause(item: Mapping[str, Any]) -> Cause:
    return Cause(item.get("reason", ""), item.get("message", ""), item.get("field", ""))


def _parse(body: bytes) -> dict[str, Any]:
    """The Status object of an answer; empty for the text that proxies and unknown paths answer."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
