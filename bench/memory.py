"""Whether web process and worker grow with the releases they have carried out.

    python -m bench.memory [--releases N] [--seconds S] [--markdown | --json]

Releases go through one after the other, in several apps, whole but for pods that pretend. Memory is the
proportional set size of a process and all below it, read at the half and at the end. By default the half is
what fits in two minutes; the whole is asked for with --releases 1000 --seconds 3600.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Final

from bench.house import Plan, house
from bench.measure import FEWEST_SAMPLES, Figures, Report, Result, Row, add_options, show_progress
from bench.spent import pss_bytes

if TYPE_CHECKING:
    from bench.house import House

GOAL: Final = 1.05
RELEASES: Final = 1000
SECONDS: Final = 240.0
LATER: Final = 2.0
"""Times the seconds, after which it ends in any case: as many again may take longer on a busy machine."""

APPS: Final = 4
AHEAD: Final = 3
"""Releases that wait while one runs: no worker is idle in between."""

PAUSE: Final = 0.05
MIB: Final = 2**20
WATCHED: Final = ("web", "releases")


def measure(_samples: int = FEWEST_SAMPLES, *, releases: int = RELEASES, seconds: float = SECONDS) -> Result:
    """Half of the releases, or as many as fit in half of the time; a look; as many again; a look."""
    tags = tuple(f"v{number}-green" for number in range(1, releases + 1))
    plan = Plan(tags, apps=APPS, workers=("releases",), is_instant=True)
    with house(plan) as place:
        numbers = count(1)
        began = time.monotonic()
        half = _drive(place, numbers, 0, upto=releases // 2, until=began + seconds / 2)
        before = {name: _look(place, name) for name in WATCHED}
        whole = _drive(place, numbers, half, upto=2 * half, until=began + seconds * LATER)
        after = {name: _look(place, name) for name in WATCHED}
    rows = tuple(
        Row(f"memory of {name} after {whole:,} releases, beside that after {half:,}", *pair, "MiB PSS", GOAL)
        for name, pair in ((name, (after[name], before[name])) for name in WATCHED)
    )
    took = time.monotonic() - began
    return Result(rows, (f"{whole:,} releases in {took:.0f} s, one worker",))


def _drive(place: House, numbers: count[int], done: int, *, upto: int, until: float) -> int:
    """Let releases run until there are enough, or the time is up; how many ended so far."""
    open_jobs: list[str] = []
    while time.monotonic() < until and done < upto:
        while len(open_jobs) <= AHEAD and done + len(open_jobs) < upto:
            number = next(numbers)
            told = place.deliver(f"v{number}-green", app=f"app-{number % APPS}")
            open_jobs.append(told["job"])
        if place.get(f"jobs/{open_jobs[0]}")["ended_at"]:
            done += 1
            place.finish(open_jobs.pop(0))
            show_progress(done, upto)
        else:
            time.sleep(PAUSE)
    for job in open_jobs:
        place.finish(job)
    return done + len(open_jobs)


def _look(place: House, name: str) -> Figures:
    """A few looks, whose median counts: what is about to be freed is nobody's growth."""
    found = []
    for _ in range(FEWEST_SAMPLES):
        found.append(pss_bytes(place.pid(name)) / MIB)
        time.sleep(PAUSE)
    return Figures.of(found)


def main() -> None:
    """0 when nothing grew by more than it may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    parser.add_argument("--releases", type=int, default=RELEASES, help="at most (%(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="at most (%(default)s)")
    options = parser.parse_args()
    report = Report((measure(releases=options.releases, seconds=options.seconds),))
    print(report.shown(options))
    sys.exit(0 if report.is_reached else 1)


if __name__ == "__main__":
    main()
