"""A cluster at one moment: what a decision has read once it does not ask for again.

A decision looks at the route and at both colors from several sides. Read each time they would be neither
fresher nor safer (what counts is compared by the server when it is written), only slower: each read is a
round trip. Make one for each decision, and another for the next. Where a decision is held up, by a cluster or
a Redis that is away, it reads again.

Reads that don't depend on each other may begin together: ``ahead`` lets those run that a decision is going to
ask for.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cluster.connection import Cluster
from cluster.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import urllib3

    from cluster.connection import Body
    from cluster.readers import Readers

Answer = TypeVar("Answer")
Question = tuple[str, tuple[tuple[str, str], ...]]

LASTING: Final = 3.0
"""Seconds after which what was read is not of this moment any more."""


class Moment(Cluster):
    """The same server and credentials. What was read is forgotten with each write, whatever becomes of it.

    For one thread, and for those that run ahead of it.
    """

    def __init__(self, cluster: Cluster, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._memory = _Memory(monotonic)
        self._era: int | None = None

    @property
    def configuration(self) -> Any:  # noqa: ANN401 -- the library is untyped
        """As the cluster has it now."""
        return self._cluster.configuration

    @property
    def readers(self) -> Readers:
        """The cluster's."""
        return self._cluster.readers

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
        """Send a request, unless the same was read a moment ago, or is on its way. Raises as a cluster's.

        An error is told once. That the cluster was away, when somebody read ahead, is no reason to believe
        that it is: then it is asked.
        """
        if method != "GET":
            self._memory.forget()
            return self._cluster.request(method, path, query=query, body=body)
        question = _question(path, query)
        while True:
            reading, is_new = self._memory.recall(question)
            try:
                return self._read(reading, question) if is_new else reading.answer.result()
            except Exception as error:
                self._memory.drop(question, reading)
                if is_new or not isinstance(error, Unavailable):
                    raise

    def ahead(self, *reads: Callable[[Moment], object]) -> None:
        """Begin reads that are going to be asked for, all at once, and go on without waiting for them.

        They are given what to ask, and may go further ahead themselves. Whoever then asks the same gets what
        they were answered, waits for it, or is told why not; what nobody asks for is lost, errors as well.
        None begins after a write.
        """
        scout = _Scout(self._cluster, self._memory, self._memory.era if self._era is None else self._era)
        for read in reads:
            self.readers.run(partial(scout.go, read))

    def stream(self, path: str, *, query: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """An answer that goes on is of more than a moment: it is the cluster's own."""
        return self._cluster.stream(path, query=query)

    def renewing(self, call: Callable[[], Answer]) -> Answer:
        """As the cluster does."""
        return self._cluster.renewing(call)

    def _read(self, reading: _Reading, question: Question) -> bytes:
        """Ask, for everybody who waits for the answer."""
        path, query = question
        try:
            answer = self._cluster.request("GET", path, query=dict(query))
        except BaseException as error:
            reading.answer.set_exception(error)
            raise
        reading.answer.set_result(answer)
        return answer


class _Scout(Moment):
    """Reads for a moment, from a thread of its own, until something is written.

    What it is told stays for whoever asks for it, an error too.
    """

    def __init__(self, cluster: Cluster, memory: _Memory, era: int) -> None:
        self._cluster = cluster
        self._memory = memory
        self._era = era

    def go(self, read: Callable[[Moment], object]) -> None:
        """One read to its end; it may be of several requests. Whoever asks the same hears of its errors."""
        with suppress(Exception):
            read(self)

    def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Body | None = None
    ) -> bytes:
        """Read, unless it was read. Raises as a cluster's, and ``_Over`` once something was written."""
        if method != "GET" or body:
            message = f"{method} {path}: only reads may go ahead"
            raise TypeError(message)
        question = _question(path, query)
        reading, is_new = self._memory.recall(question, era=self._era)
        return self._read(reading, question) if is_new else reading.answer.result()


class _Over(Exception):
    """Something was written: what would be read now is of another moment."""


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """A question that was asked at this time, and its answer, once it is there."""

    asked_at: float
    answer: Future[bytes] = field(default_factory=Future)


class _Memory:
    """What was read, by question. An era ends with each write. Threads may share it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._readings: dict[Question, _Reading] = {}
        self._lock = Lock()
        self.era = 0

    def recall(self, question: Question, *, era: int | None = None) -> tuple[_Reading, bool]:
        """The reading that answers a question; True where it is new, and the caller has to ask.

        Raises:
            _Over: ``era`` is not this one.
        """
        with self._lock:
            if era not in {None, self.era}:
                raise _Over
            known, now = self._readings.get(question), self._monotonic()
            if known and now - known.asked_at <= LASTING:
                return known, False
            made = self._readings[question] = _Reading(now)
            return made, True

    def drop(self, question: Question, reading: _Reading) -> None:
        """Forget one reading, if it is still what answers."""
        with self._lock:
            if self._readings.get(question) is reading:
                del self._readings[question]

    def forget(self) -> None:
        """All of it; what is on its way belongs to the era before."""
        with self._lock:
            self._readings.clear()
            self.era += 1


def _question(path: str, query: Mapping[str, str] | None) -> Question:
    return path, tuple(sorted((query or {}).items()))
