"""What a campaign prints: what was done, what survived, what was lost. The last line is the verdict."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.faults.judge import RULES, Evidence, Loss, find_late
from tests.faults.spent import Phases, tell_spent
from tests.faults.storm import FROZEN, KILLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.chronicle import Begun
    from tests.faults.ledger import Ledger
    from tests.faults.storm import Fault

GOAL: Final = 10.0
"""Seconds from a fault until the stage is another worker's."""

SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A stage that lost its worker. Seconds from the fault: until noticed, until begun again."""

    fault: Fault
    noticed: float
    begun: float


def say(line: str = "") -> None:
    """Print one line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def take_overs(evidence: Evidence, faults: Sequence[Fault]) -> list[TakeOver]:
    """Each stage that began again, with the fault that had cost it its worker."""
    found = []
    earlier: dict[tuple[str, str], Begun] = {}
    for begun in evidence.chronicle.begun:
        before = earlier.get((begun.job, begun.stage))
        earlier[begun.job, begun.stage] = begun
        if before is None or begun.attempt == before.attempt:
            continue
        notices = (one.at for one in evidence.chronicle.noticed if one.job == begun.job)
        noticed = next((at for at in notices if before.at <= at <= begun.at), None)
        cause = _find_cause(faults, before, until=noticed)
        if cause and noticed:
            found.append(TakeOver(cause, noticed - cause.at, begun.at - cause.at))
    return found


def _find_cause(faults: Sequence[Fault], begun: Begun, *, until: float | None) -> Fault | None:
    """What was done last to the worker of a stage before the stage was noticed as lost."""
    causes = [one for one in faults if one.victim == begun.worker and begun.at <= one.at <= (until or 0)]
    return causes[-1] if causes else None


def report(
    evidence: Evidence,
    ledger: Ledger,
    faults: Sequence[Fault],
    losses: Sequence[Loss],
    *,
    missed: Sequence[str],
    phases: Phases,
) -> bool:
    """Print everything. Returns whether the campaign stood the test."""
    spent = ("Spent", *tell_spent(phases, ledger, faults, evidence.chronicle.marks))
    for lines in (_done(evidence, ledger, faults), spent, _survived(evidence, faults), _lost(losses)):
        for line in lines:
            say(line)
        say()
    broken = [*ledger.refused, *(f"not played: {kind}" for kind in missed), *_late(evidence, ledger, phases)]
    for line in broken:
        say(f"  INCOMPLETE {line}")
    stood = not losses and not broken
    word = "STOOD" if stood else "LOST" if losses else "INCOMPLETE"
    say(
        f"{word}: {ledger.deploys} releases over {len(ledger.asked)} apps, {len(faults)} faults, "
        f"{len(losses)} losses, in {phases.over - phases.began:.0f} s"
    )
    return stood


def _late(evidence: Evidence, ledger: Ledger, phases: Phases) -> Iterator[str]:
    """What there was no time for, and whether the machine is to blame."""
    late = find_late(evidence)
    if ledger.deploys < ledger.total:
        yield f"time for {ledger.deploys} of {ledger.total} releases only"
    if late:
        yield f"{len(late)} releases were still on their way when the time was up, none of them stuck"
    if not late and ledger.deploys == ledger.total:
        return
    busy = f"its processors were {100 * phases.part_busy:.0f} % busy"
    if phases.is_machine_busy:
        yield f"the machine was too slow, or others used it: {busy}. Try again when it is quiet"
    else:
        yield f"the machine was not the reason: {busy}. See above what the time was spent on"


def _done(evidence: Evidence, ledger: Ledger, faults: Sequence[Fault]) -> Iterator[str]:
    asked = Counter(one.kind for every in ledger.asked.values() for one in every)
    yield "Done"
    yield f"  accepted      {ledger.deploys} releases over {len(ledger.asked)} apps"
    retries = asked["deploy"] - ledger.deploys
    yield f"  asked besides {asked['promote']} promotes, {asked['rollback']} rollbacks, {retries} retries"
    yield f"  asked again   {ledger.redeliveries} times, of a web process or a Redis that was away"
    for kind, count in sorted(Counter(fault.kind for fault in faults).items()):
        yield f"  fault         {count:>3} x {kind}"
    yield f"  cluster saw   {len(evidence.writes)} writes, {len(evidence.commands)} commands in pods"


def _survived(evidence: Evidence, faults: Sequence[Fault]) -> Iterator[str]:
    yield "Survived"
    states = Counter(final.state for final in evidence.finals)
    yield "  releases      " + ", ".join(f"{count} {state}" for state, count in states.most_common())
    slugs = Counter(final.slug for final in evidence.finals if final.state == "failed")
    if slugs:
        yield "  failed for    " + ", ".join(f"{count} x {slug}" for slug, count in slugs.most_common())
    switches = Counter(
        f"{one.asked.kind} {one.state}" for every in evidence.switches.values() for one in every
    )
    yield "  switches      " + ", ".join(f"{count} x {what}" for what, count in sorted(switches.items()))
    yield (
        f"  fenced out    {evidence.chronicle.fenced_out} stages noticed that another worker had them; "
        f"{evidence.refused_late} of their writes came late and were refused"
    )
    yield from _speed(take_overs(evidence, faults))


def _speed(found: Sequence[TakeOver]) -> Iterator[str]:
    """How long a stage was without a worker, by the kind of fault."""
    for kind in (*KILLS, FROZEN):
        ours = [one for one in found if one.fault.kind == kind]
        if ours:
            noticed, begun = [one.noticed for one in ours], [one.begun for one in ours]
            told = f"noticed within {_spread(noticed)}, begun again within {_spread(begun)}"
            yield f"  take-over     {len(ours):>3} after {kind}: {told}"
    if found:
        offered = sum(one.noticed <= GOAL for one in found)
        running = sum(one.begun <= GOAL for one in found)
        yield f"  take-over     within {GOAL:.0f} s {offered} of {len(found)} were offered to other workers;"
        yield f"                within {GOAL:.0f} s {running} ran again, the others waited for a free one"


def _spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.1f} s (at most {max(seconds):.1f})"


def _lost(losses: Sequence[Loss]) -> Iterator[str]:
    yield "Lost"
    counts = Counter(loss.rule for loss in losses)
    for rule in RULES:
        yield f"  {counts[rule]:>4}  {rule}"
    for loss in losses[:SHOWN]:
        yield f"  LOSS {loss.rule}: {loss.app}: {loss.text}"
    if len(losses) > SHOWN:
        yield f"  … and {len(losses) - SHOWN} more"
