"""A prober: asks through the gateway as users and testers do while a switch is made, and tells what it saw.

It never decides anything. Versions are told apart by what their own answers differ in: a header or the body
that is the same in every answer at the end, was another one at the beginning, and one of the two in between.
Where nothing differs so, the times stay unknown: the route is not marked for this.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from release.model import Probe
from release.problems import Problem
from tasks.checks import GATEWAY_ERRORS, TIMEOUT
from tasks.routing import get_known_route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from release.clock import Clock
    from release.config import Gateway
    from tasks.step import Act

INTERVAL: Final = 0.02
"""Seconds between two requests of one route."""

LAST: Final = 5
"""Answers that have to agree at the end. At the beginning one is enough: a switch waits for no more."""

BODY: Final = "the body"
VOLATILE: Final = frozenset(
    {"date", "age", "expires", "last-modified", "set-cookie", "x-request-id", "x-envoy-upstream-service-time"}
)
"""Headers that change by themselves, and might do so just when the switch is made."""

READ: Final = 65_536

BEGINNING: Final = 0.25
"""Seconds that a switch waits at most for users' first answer, without which there is nothing to compare."""

Traits = dict[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: when it was answered, on which route, and what the answer can be known by; or lost."""

    at: float
    is_user: bool
    traits: Traits | None


@contextmanager
def probing(act: Act, *, keep: Callable[[Probe], None]) -> Iterator[None]:
    """Ask on both routes while the block makes a switch; what was seen is told, and kept with ``keep``."""
    reading = next((one for one in act.app.smoke.requests if one.method == "GET"), None)
    with Prober(
        act.app.gateway,
        path=reading.path if reading else "/",
        cookie=act.app.test_cookie,
        called_at=act.job.created_at,
        clock=act.clock,
    ) as prober:
        prober.was_live = get_known_route(act).live is not None
        prober.wait_for_users()
        try:
            yield
        except Problem:
            _conclude(act, prober.tell(), keep)
            raise
        _conclude(act, prober.tell(), keep)


def _conclude(act: Act, probe: Probe, keep: Callable[[Probe], None]) -> None:
    act.tell(describe(probe))
    keep(probe)


def describe(probe: Probe) -> str:
    """In words."""
    asked = f"a prober sent {probe.requests} requests on both routes: {probe.lost or 'none'} lost"
    if probe.first_new is None or probe.last_old is None:
        return f"{asked}; no answer differs from those before it, so it can't be told when users changed over"
    return (
        f"{asked}; since the call, the new version answered first after {probe.first_new:.2f} s,"
        f" the old one last after {probe.last_old:.2f} s"
    )


class Prober:
    """Asks both routes from the beginning of a ``with`` block to its end; then ``tell`` what was seen."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        path: str,
        cookie: str,
        called_at: datetime,
        clock: Clock,
        was_live: bool = True,
    ) -> None:
        """``called_at``: when the switch was asked for. ``was_live``: whether users had a version before."""
        self._gateway = gateway
        self._path = path
        self._cookie = cookie
        self.was_live = was_live
        age = max(0.0, (clock() - called_at).total_seconds())
        self._called = time.monotonic() - age
        self._seen: list[Seen] = []
        self._begun, self._ended = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_on, args=(is_user,), name="prober", daemon=True)
            for is_user in (True, False)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def wait_for_users(self) -> None:
        """Wait for users' first answer, but not for long: to be asked before the switch is made."""
        self._begun.wait(BEGINNING)

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(TIMEOUT + 1)

    def tell(self) -> Probe:
        """What was seen so far."""
        seen = sorted(self._seen, key=lambda one: one.at)
        answers = _answers(seen)
        first_new, last_old = find_crossing(answers)
        return Probe(
            requests=len(seen),
            lost=sum(one.traits is None and self._counts(one, answers) for one in seen),
            first_new=first_new - self._called if first_new is not None else None,
            last_old=last_old - self._called if last_old is not None else None,
        )

    def _counts(self, lost: Seen, answers: Sequence[Seen]) -> bool:
        """Before a first promote nobody is live: until the app answers, users have nothing to lose."""
        return self.was_live or not lost.is_user or bool(answers and lost.at > answers[0].at)

    def _ask_on(self, is_user: bool) -> None:  # noqa: FBT001 -- the thread's one argument
        headers = {"Host": self._gateway.host} if self._gateway.host else {}
        if not is_user:
            headers["Cookie"] = self._cookie
        if not is_user:
            self._ended.wait(INTERVAL)  # a switch waits for what users get, not for this
        # Not by ``requests``: two of these ask while the stage has better use for the interpreter.
        with urllib3.PoolManager(ca_certs=DEFAULT_CA_BUNDLE_PATH, headers=headers, retries=False) as pool:
            while not self._ended.is_set():
                traits = self._ask(pool)
                self._seen.append(Seen(time.monotonic(), is_user, traits))
                if is_user:
                    self._begun.set()
                self._ended.wait(INTERVAL)

    def _ask(self, pool: urllib3.PoolManager) -> Traits | None:
        """What the answer can be known by; None where the app did not answer."""
        address = self._gateway.address + self._path
        try:
            answer = pool.request("GET", address, redirect=False, timeout=TIMEOUT, preload_content=False)
            try:
                body = answer.read(READ, decode_content=True)
            finally:
                answer.close()  # a connection whose answer was read to its end is kept all the same
        except urllib3.exceptions.HTTPError:
            return None
        if answer.status in GATEWAY_ERRORS:
            return None
        told = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in VOLATILE}
        return told | {BODY: hashlib.sha256(body).hexdigest()}


def _answers(seen: Sequence[Seen]) -> list[Seen]:
    return [one for one in seen if one.is_user and one.traits is not None]


def find_crossing(answers: Sequence[Seen]) -> tuple[float | None, float | None]:
    """When users first met the new version and last the old one; None where they can't be told apart."""
    if len(answers) <= LAST:
        return None, None
    begin, end = _common(answers[:1]), _common(answers[-LAST:])
    for name in sorted(begin.keys() & end.keys()):
        old, new = begin[name], end[name]
        values = [(one.traits or {}).get(name) for one in answers]
        if old != new and set(values) == {old, new}:
            first_new = next(one.at for one, value in zip(answers, values, strict=True) if value == new)
            last_old = max(one.at for one, value in zip(answers, values, strict=True) if value == old)
            return first_new, last_old
    return None, None


def _common(answers: Sequence[Seen]) -> Traits:
    """What all of these answers have in common."""
    first, *others = [one.traits or {} for one in answers]
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}
