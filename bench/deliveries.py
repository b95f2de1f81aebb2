"""Webhooks accepted by one gunicorn worker, beside the least that an endpoint can do under the same settings.

    python -m bench.deliveries [--samples N] [--markdown | --json]

Both write to the same Redis, which has every change on the disk before it answers. What is refused or ignored
is measured in processor time of the web process: it must not cost more than what is accepted.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from bench.house import Plan, free_port, house
from bench.load import as_request, send_all, send_each
from bench.measure import FEWEST_SAMPLES, Result, Row, by_turns, run
from bench.spent import cpu_seconds
from cli.commands.processes import gunicorn_arguments
from cli.demo.crew import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from bench.house import House

GOAL: Final = 0.5
DELIVERIES: Final = 100
"""In one sample."""

APPS: Final = 20
PATH: Final = "/webhooks/github"
LONG: Final = 30 * 2**20
ACCEPTED: Final = 202
OK: Final = frozenset({200})
REFUSED: Final = frozenset({401, 429})
"""Who is refused too often is told to wait: that is a part of what a flood costs."""

TOO_LONG: Final = frozenset({413, 429})


class Deliveries:
    """Requests prepared before the clock runs."""

    def __init__(self, place: House) -> None:
        self._place = place
        self._numbers = count(1)

    def accepted(self, amount: int = DELIVERIES) -> list[bytes]:
        """Tags that start releases of several apps."""
        return [self._request(f"v{number}-blue", number) for number in self._next(amount)]

    def ignored(self) -> list[bytes]:
        """Tags that start nothing."""
        return [self._request(f"nightly-{number}", number) for number in self._next(DELIVERIES)]

    def unsigned(self) -> list[bytes]:
        """Signed with another secret."""
        return [
            self._request(f"v{number}-blue", number, secret="somebody else's")  # noqa: S106 -- it is wrong
            for number in self._next(DELIVERIES)
        ]

    def too_long(self) -> list[bytes]:
        """Longer than a delivery may be, by what the head says: the rest is never sent."""
        body, headers = self._place.delivery("v0-blue", app="app-0")
        return [as_request(PATH, body, {**headers, "Content-Length": str(LONG)})] * DELIVERIES

    def _request(self, tag: str, number: int, *, secret: str = "") -> bytes:
        body, headers = self._place.delivery(tag, app=f"app-{number % APPS}", secret=secret)
        return as_request(PATH, body, headers)

    def _next(self, amount: int) -> Iterator[int]:
        return (next(self._numbers) for _ in range(amount))


def measure(samples: int = FEWEST_SAMPLES, *, apps: int = APPS) -> Result:
    """Deliveries a second of both; then what the others cost."""
    with house(Plan(apps=apps, workers=(), needs_cluster=False)) as place, _bare(place) as bare_port:
        made = Deliveries(place)
        for port in (place.web_port, bare_port):
            send_all(port, made.accepted(), connections=4)
        ours, bare = by_turns(
            lambda: per_second(place.web_port, made.accepted()),
            lambda: per_second(bare_port, made.accepted()),
            samples=samples,
        )
        refused = _costs(place, made, samples=samples)
    row = Row("webhooks accepted on one worker", ours, bare, "deliveries/s", GOAL, is_at_least=True)
    return Result((row, *refused))


def _costs(place: House, made: Deliveries, *, samples: int) -> tuple[Row, ...]:
    """Processor time of the web process for a delivery of each kind."""
    pid = place.pid("web")
    kinds = {
        "a tag that starts nothing": (made.ignored, send_all, OK),
        "a bad signature": (made.unsigned, send_all, REFUSED),
        "an over-long body": (made.too_long, send_each, TOO_LONG),
    }
    accepted, *others = by_turns(
        lambda: _cost(pid, place.web_port, made.accepted(), send_all, frozenset({ACCEPTED})),
        *(partial(_cost_of, pid, place.web_port, *kind) for kind in kinds.values()),
        samples=samples,
    )
    return tuple(
        Row(f"{name}, beside an accepted delivery", figures, accepted, "CPU ms", 1.0)
        for name, figures in zip(kinds, others, strict=True)
    )


def per_second(port: int, prepared: Sequence[bytes]) -> float:
    """Deliveries accepted a second."""
    began = time.perf_counter()
    statuses = send_all(port, prepared)
    took = time.perf_counter() - began
    _check(statuses, frozenset({ACCEPTED}))
    return len(prepared) / took


def _cost(
    pid: int,
    port: int,
    prepared: Sequence[bytes],
    send: Callable[[int, Sequence[bytes]], list[int]],
    expected: AbstractSet[int],
) -> float:
    before = cpu_seconds(pid)
    _check(send(port, prepared), expected)
    return 1000 * (cpu_seconds(pid) - before) / len(prepared)


def _cost_of(
    pid: int,
    port: int,
    make: Callable[[], Sequence[bytes]],
    send: Callable[[int, Sequence[bytes]], list[int]],
    expected: AbstractSet[int],
) -> float:
    return _cost(pid, port, make(), send, expected)


def _check(statuses: Sequence[int], expected: AbstractSet[int]) -> None:
    if not set(statuses) <= expected:
        raise RuntimeError(f"answered with {sorted(set(statuses))}, expected {sorted(expected)}")


@contextmanager
def _bare(place: House) -> Iterator[int]:
    """The other endpoint, under the same gunicorn."""
    port = free_port()
    *options, _ = gunicorn_arguments(f"127.0.0.1:{port}", 1)
    command = (sys.executable, "-m", "gunicorn", *options, "bench.bare:create()")
    place.crew.start(Member("bare", command))
    place.wait_until("bare", lambda: place.answers(f"http://127.0.0.1:{port}/readyz"))
    yield port


if __name__ == "__main__":
    run(__doc__, measure)
