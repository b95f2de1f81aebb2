"""A connection to one cluster: requests over kept connections, each with timeouts, each error one of ours.

What requests mean is in ``objects``. Credentials are the library's business: it reads kubeconfigs, runs
their credential plugins and renews tokens whose end it knows. Credentials that the server refuses are read
again from where they came: they may have been exchanged in the middle of a release.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import incluster_config, kube_config
from kubernetes.config.config_exception import ConfigException

from cluster import errors
from cluster.readers import Readers
from release.document import NoDocument, read_document
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The library says which of its modules are typed, then leaves functions without annotations.
_in_cluster: Callable[..., None] = incluster_config.load_incluster_config
_from_kubeconfig: Callable[..., None] = kube_config.load_kube_config
_merge: Callable[[str], Any] = kube_config.KubeConfigMerger

Answer = TypeVar("Answer")

_LISTS: Final = ("clusters", "contexts", "users")

CONNECT_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 30.0
FIRST_ERROR: Final = 400
VERSION: Final = "/version"

CONNECTIONS: Final = 10
"""Kept to one server by a process: more than ever ask at the same time."""

PROOF_LASTS: Final = 1.0
"""Seconds for which a token is taken as it was read last. The library renews it minutes before its end."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries."""

    content: object
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class _Proof:
    """The token of a configuration, and until when it counts, by the monotonic clock."""

    configuration: object
    bearer: str | None = field(repr=False)
    until: float


class Cluster:
    """One API server and our credentials for it. Threads may share it; processes may not."""

    def __init__(
        self,
        configuration: Any,  # noqa: ANN401 -- the library is untyped
        pool: urllib3.PoolManager,
        *,
        read_again: Callable[[], tuple[Any, urllib3.PoolManager]] | None = None,
    ) -> None:
        """Use ``connect``; tests pass a pool of their own."""
        self.configuration = configuration
        self._pool = pool
        self._read_again = read_again
        self._readings = 0
        self._reading = Lock()
        self._readers = Readers()
        self._proof: _Proof | None = None
        self._proving = Lock()
        self._address = _without_credentials(str(configuration.host)).rstrip("/")

    @classmethod
    def connect(cls, kubeconfig: Path | None = None, context: str | None = None) -> Self:
        """Read credentials: this file, else ``KUBECONFIG``, else ``~/.kube/config``, else the pod's own.

        Nothing is sent yet.

        Raises:
            Problem: no usable configuration.
        """
        read = partial(_read, kubeconfig, context)
        configuration, pool = read()
        return cls(configuration, pool, read_again=read)

    @property
    def readers(self) -> Readers:
        """Threads of this process that may ask the cluster."""
        return self._readers

    @property
    def host(self) -> str:
        """The server's name and port, for messages."""
        return urlsplit(self._address).netloc

    def headers(self) -> dict[str, str]:
        """What proves who we are, renewed where it expired. Never log these.

        The library is asked once for requests that follow each other: it looks through the environment each
        time, and where a token has ended it would run the credential plugin for each of several threads.
        """
        with self._proving:
            known, configuration, now = self._proof, self.configuration, time.monotonic()
            if known is None or known.configuration is not configuration or known.until <= now:
                bearer = configuration.auth_settings().get("BearerToken", {}).get("value")
                known = self._proof = _Proof(configuration, bearer, now + PROOF_LASTS)
        return {"authorization": known.bearer} if known.bearer else {}

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The whole address of a path."""
        return f"{self._address}{path}{'?' + urlencode(query) if query else ''}"

    def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Body | None = None
    ) -> bytes:
        """Send one request and return the answer's body.

        Never repeats it: only the caller knows what is safe.

        Raises:
            ClusterError: by what the answer, or its absence, means.
        """
        answer = self._send(method, path, query=query, body=body, stream=False)
        return answer.data

    def stream(self, path: str, *, query: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """Begin to read an answer that goes on, as watches do. The caller closes it.

        Raises:
            ClusterError: as ``request``.
        """
        return self._send("GET", path, query=query, body=None, stream=True)

    def keep_open(self, number: int) -> None:
        """Use so many connections, which are kept then: open them where they are not.

        Raises:
            ClusterError: as ``request``.
        """
        # An answer that was not read yet keeps its connection from being used for the next.
        answers = []
        try:
            for _ in range(number):
                answers.append(self.stream(VERSION, query={}))  # noqa: PERF401 -- what came before is closed
        finally:
            for answer in answers:
                answer.drain_conn()

    def renewing(self, call: Callable[[], Answer]) -> Answer:
        """Make a call; if our credentials are refused, read them again and make it once more.

        Nothing was done by a call that was refused so.

        Raises:
            Unauthorized: the new ones are refused as well, or there is nowhere to read them.
        """
        readings = self._readings
        try:
            return call()
        except errors.Unauthorized:
            if not self._renew(readings):
                raise
        return call()

    def _renew(self, readings: int) -> bool:
        """Read the credentials again, unless another thread has done so since ``readings``."""
        with self._reading:
            if self._read_again is None:
                return False
            if self._readings == readings:
                self.configuration, self._pool = self._read_again()
                self._readings += 1
            return True

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None, body: Body | None, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        return self.renewing(lambda: self._exchange(method, path, query=query, body=body, stream=stream))

    def _exchange(
        self, method: str, path: str, *, query: Mapping[str, str] | None, body: Body | None, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        headers = {"accept": "application/json, */*", "user-agent": "verdigris", **self.headers()}
        if body:
            headers["content-type"] = body.content_type
        try:
            answer = self._pool.request(
                method,
                self.url(path, query),
                body=json.dumps(body.content).encode() if body else None,
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
                retries=False,
                redirect=False,
                preload_content=not stream,
            )
            if answer.status < FIRST_ERROR:
                return answer
            content = answer.data
        except urllib3.exceptions.HTTPError as error:
            raise errors.from_transport(error, self.host) from error
        raise errors.from_answer(answer.status, content, answer.headers)


def _without_credentials(address: str) -> str:
    """The address alone: it ends up in messages, and nobody takes credentials from it."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _find_kubeconfig(given: Path | None) -> str | None:
    """The file, or files as ``KUBECONFIG`` may list them; None where only the pod's account is left."""
    if given:
        return str(given)
    named = os.environ.get("KUBECONFIG")
    usual = Path("~/.kube/config").expanduser()
    return named or (str(usual) if usual.exists() else None)


def _read(kubeconfig: Path | None, context: str | None) -> tuple[Any, urllib3.PoolManager]:
    configuration = Configuration()
    try:
        _load(configuration, _find_kubeconfig(kubeconfig), context)
    except (ConfigException, OSError) as error:
        raise _unconfigured(kubeconfig, context, str(error)) from error
    configuration.connection_pool_maxsize = CONNECTIONS  # by itself five for each core
    return configuration, RESTClientObject(configuration).pool_manager


def _load(configuration: Configuration, kubeconfig: str | None, context: str | None) -> None:
    if kubeconfig is None:
        _in_cluster(client_configuration=configuration)
        return
    for name in kubeconfig.split(os.pathsep):
        _check_form(Path(name).expanduser())
    _from_kubeconfig(
        config_file=kubeconfig, context=context, client_configuration=configuration, persist_config=False
    )
    if not configuration.api_key and not configuration.cert_file:
        _check_plugin(kubeconfig, context)


def _check_form(file: Path) -> None:
    """The library raises whatever its parser does, or an ``AttributeError`` in the middle of a text.

    Nothing of the file is quoted, as the parser would do: it may be a password. One that does not exist is
    left to the library, which passes over it among others.

    Raises:
        ConfigException: the file is no YAML, or not the form of a kubeconfig; with file and line.
    """
    if not file.is_file():
        return
    try:
        document = read_document(file.read_text(encoding="utf-8"))
    except NoDocument as error:
        raise ConfigException(f"{file}:{error.line}: no valid YAML") from None
    except UnicodeDecodeError as error:
        raise ConfigException(f"{file}: is no UTF-8 text (byte {error.start})") from None
    if document.data is not None and not isinstance(document.data, dict):
        raise ConfigException(f"{file}:1: is no kubeconfig: a mapping was expected")
    for part in _LISTS:
        if not isinstance((document.data or {}).get(part) or [], list):
            raise ConfigException(f"{file}:{document.line_of((part,))}: {part} must be a list")


def _check_plugin(kubeconfig: str, context: str | None) -> None:
    """The library logs a credential plugin that fails and goes on without credentials: we do not.

    Raises:
        ConfigException: the context's user has such a plugin.
    """
    document = _merge(kubeconfig).config
    chosen = document["contexts"].get_with_name(context or document["current-context"])["context"]
    user = document["users"].get_with_name(chosen["user"])["user"]
    if "exec" in user:
        command = user["exec"]["command"]
        raise ConfigException(f"the credential plugin {command} of user {chosen['user']} gave no credentials")


def _unconfigured(kubeconfig: Path | None, context: str | None, why: str) -> Problem:
    where = str(kubeconfig) if kubeconfig else "KUBECONFIG, ~/.kube/config and the pod's service account"
    wanted = f" with context {context}" if context else ""
    return Problem(
        "cluster-config",
        "No usable kubeconfig",
        detail=f"{where}{wanted}: {why}",
        next_step="Name a kubeconfig that the workers can read, and a context that it has. A credential"
        " plugin must run where the workers run; what it says is in their log.",
        status=500,
    )


def parse(content: bytes) -> dict[str, Any]:
    """An answer's JSON object."""
    return cast("dict[str, Any]", json.loads(content))
