"""Where a campaign's time went: its phases, its workers' hours, the machine's processors.

None of it is judged. It tells a slow machine from a slow Verdigris, and both from a campaign that asks late.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.faults.chronicle import Doing, Mark
from tests.faults.storm import FROZEN, GROUP, MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.faults.ledger import Ledger
    from tests.faults.storm import Fault

DEADLY: Final = frozenset({MAIN, GROUP})
"""Faults after which a worker starts anew; a dead pool child costs it only the task in hand."""

BUSY: Final = 0.9
"""From this part of the processors' time on, a campaign without enough time blames the machine."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, in seconds of the machine's clock."""

    start: float
    end: float

    def within(self, other: Span) -> Span:
        """The part that lies in another span; one of no length if there is none."""
        start = max(self.start, other.start)
        return Span(start, max(start, min(self.end, other.end)))

    @property
    def milliseconds(self) -> int:
        """How long it is."""
        return round(1000 * (self.end - self.start))


@dataclass(frozen=True, slots=True)
class Processors:
    """The machine's processors since it started, in ticks: at anybody's work, and altogether."""

    busy: int
    total: int

    def part_busy_since(self, earlier: Processors) -> float:
        """From 0 to 1; it counts everybody's work, not only the campaign's."""
        return (self.busy - earlier.busy) / max(1, self.total - earlier.total)


@dataclass(frozen=True, slots=True)
class Phases:
    """When each phase of a campaign began, in seconds of the machine's clock.

    ``calm``: nothing is broken any more. ``ended``: nobody waits for anything any more, or the time was up.
    ``part_busy``: of the processors, over all phases.
    """

    began: float
    played: float
    calm: float
    ended: float
    over: float
    part_busy: float

    @property
    def is_machine_busy(self) -> bool:
        """Whether a faster machine, or a quieter one, would have got further."""
        return self.part_busy >= BUSY


def read_processors() -> Processors:
    """From Linux's own count; idle and waiting for a disk are no work."""
    ticks = [int(count) for count in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = sum(ticks[3:5])
    return Processors(sum(ticks) - idle, sum(ticks))


def tell_spent(
    phases: Phases, ledger: Ledger, faults: Sequence[Fault], marks: Sequence[Mark]
) -> Iterator[str]:
    """Lines for people: how long each phase took, and what workers did meanwhile."""
    pushing, broken = ledger.last_push - phases.played, phases.calm - phases.played
    yield f"  start         {phases.played - phases.began:.0f} s until every process answered"
    yield f"  arrivals      {pushing:.0f} s, {_pace(ledger.deploys, pushing)} releases a second"
    yield f"  faults        {broken:.0f} s, {_pace(60 * len(faults), broken)} a minute"
    yield f"  drain         {phases.ended - ledger.last_push:.0f} s from the last push to the last end"
    yield f"  reading back  {phases.over - phases.ended:.0f} s, every process ended"
    spent = split_time(marks, faults, since=phases.played, until=phases.ended)
    workers = max(1, len({mark.worker for mark in marks}))
    parts = ", ".join(f"{100 * spent[doing] / max(1, spent.total()):.0f} % {doing}" for doing in Doing)
    yield f"  {workers} workers     {parts}"
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    yield f"  machine       {os.cpu_count()} processors, {100 * phases.part_busy:.0f} % busy, load {load}"


def split_time(
    marks: Iterable[Mark], faults: Iterable[Fault], *, since: float, until: float
) -> Counter[Doing]:
    """Milliseconds of all workers by what they did, between two moments."""
    found: Counter[Doing] = Counter()
    by_worker: dict[str, list[Mark]] = defaultdict(list)
    for mark in (*marks, *(Mark(one.at, one.victim, Doing.STARTING) for one in faults if one.kind in DEADLY)):
        by_worker[mark.worker].append(mark)
    for worker, own in by_worker.items():
        freezes = [Span(one.at, one.until) for one in faults if (one.kind, one.victim) == (FROZEN, worker)]
        for span, doing in _spans(sorted(own, key=lambda mark: mark.at), until):
            counted = span.within(Span(since, until))
            frozen = sum(counted.within(freeze).milliseconds for freeze in freezes)
            found[Doing.FROZEN] += frozen
            found[doing] += counted.milliseconds - frozen
    return found


def _spans(marks: Sequence[Mark], until: float) -> Iterator[tuple[Span, Doing]]:
    """What one worker did from when to when.

    A killed main process is up again only once it says so: the child that it left may still end a task.
    """
    doing, at = Doing.STARTING, 0.0
    for mark in marks:
        if doing is Doing.STARTING and not mark.is_up:
            continue
        yield Span(at, mark.at), doing
        doing, at = mark.doing, mark.at
    yield Span(at, until), doing


def _pace(count: float, seconds: float) -> str:
    return f"{count / seconds:.1f}" if seconds > 0 else "no"
