"""One campaign, from its first process to its verdict."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING, Final, Self

from tests.faults.chronicle import read_chronicle
from tests.faults.dice import dice
from tests.faults.drive import COLORS, Driver, Share
from tests.faults.host import Host, Stopped
from tests.faults.house import House
from tests.faults.journal import now, read_journal
from tests.faults.judge import Evidence, Loss, judge
from tests.faults.ledger import Ledger, ReleaseEnd
from tests.faults.place import Place, free_ports
from tests.faults.report import report, say
from tests.faults.spent import Phases, read_processors
from tests.faults.storm import LONG, Storm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.storm import Fault, Plan

LAST_WORDS: Final = 25.0
"""Seconds kept for ending and judging."""

CLOSING: Final = 0.85
"""The part of the time after which nothing more is pushed or broken: what is on its way must end.

At most a burst of each app is, half of what workers that nobody disturbs do meanwhile.
"""

TELL_INTERVAL: Final = 20.0


@dataclass(frozen=True)
class Options:
    """How large a campaign is. ``seconds``: it is over by then, whatever is left."""

    releases: int = 300
    apps: int = 20
    workers: int = 4
    seconds: float = 285
    seed: int = 0
    plan: Plan = LONG
    keep: bool = False


@dataclass(frozen=True)
class Clock:
    """When a campaign's phases end, on the monotonic clock."""

    began: float
    closing: float
    over: float

    @classmethod
    def starting_now(cls, seconds: float) -> Self:
        """A campaign that lasts for so long at most."""
        began = time.monotonic()
        return cls(began, began + CLOSING * (seconds - LAST_WORDS), began + seconds - LAST_WORDS)

    @property
    def progress(self) -> float:
        """How much of the time for pushing and breaking is over: a slow campaign has its outages as well."""
        return (time.monotonic() - self.began) / (self.closing - self.began)


@dataclass(frozen=True)
class Result:
    """What came of it."""

    stood: bool
    losses: list[Loss]
    faults: list[Fault]
    evidence: Evidence


def run(options: Options) -> Result:
    """Play, judge, tell. What each process said is kept where something went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="verdigris-faults-"))
    say(f"each process writes to {folder / 'logs'}")
    result = _run_in(folder, options)
    if result.stood and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _run_in(folder: Path, options: Options) -> Result:
    clock, began, idle = Clock.starting_now(options.seconds), now(), read_processors()
    apps = tuple(f"app-{number:02}" for number in range(1, options.apps + 1))
    place = Place(folder, apps, options.seed, free_ports())
    place.write(_tags(options))
    ledger = Ledger(options.releases)
    with House(place, workers=options.workers) as house:
        storm = Storm(
            house,
            place.gateway,
            options.plan,
            progress=lambda: max(ledger.progress, clock.progress),
            random=dice(options.seed),
        )
        played = now()
        gave_up = _play(place, ledger, storm, _shares(options, apps), clock)
        ended = now()
        finals = _ask_for_ends(place, ledger)
    place.write_faults(storm.faults)
    evidence = replace(_gather(place, house, ledger, finals), gave_up=gave_up)
    losses = judge(evidence)
    part_busy = read_processors().part_busy_since(idle)
    phases = Phases(began, played, storm.calm, ended, over=now(), part_busy=part_busy)
    stood = report(evidence, ledger, storm.faults, losses, missed=storm.missed, phases=phases)
    return Result(stood, losses, storm.faults, evidence)


def _gather(place: Place, house: House, ledger: Ledger, finals: list[ReleaseEnd]) -> Evidence:
    """What the logs hold, once nobody writes to them any more."""
    return Evidence(
        entries=read_journal(place.journal),
        chronicle=read_chronicle((name, house.log_of(name)) for name in house.workers),
        asked=ledger.asked,
        switches=ledger.switches,
        finals=finals,
        repeatable=frozenset(app for app in place.apps if place.is_repeatable(app)),
    )


def _play(place: Place, ledger: Ledger, storm: Storm, shares: list[Share], clock: Clock) -> float | None:
    """Everybody asks, everything breaks, until all has ended. Or until the time is up; then it says when."""
    closing, over = Event(), Event()
    drivers = [
        Thread(target=_driver(share, place, ledger, closing=closing, over=over).play, name=share.app)
        for share in shares
    ]
    for thread in drivers:
        thread.start()
    storm.start()
    try:
        _wait(drivers, clock.closing, ledger, storm)
        closing.set()
        storm.stop()
        _wait(drivers, clock.over, ledger, storm)
        return now() if any(thread.is_alive() for thread in drivers) else None
    finally:
        over.set()
        storm.stop()
        for thread in drivers:
            thread.join()


def _driver(share: Share, place: Place, ledger: Ledger, *, closing: Event, over: Event) -> Driver:
    return Driver(share, host=Host(place, ledger, over=over), ledger=ledger, closing=closing)


def _wait(drivers: list[Thread], until: float, ledger: Ledger, storm: Storm) -> None:
    """Until nobody asks for anything more, or the time has come; with a word now and then."""
    told = time.monotonic()
    while any(thread.is_alive() for thread in drivers) and time.monotonic() < until:
        time.sleep(0.2)
        if time.monotonic() > told + TELL_INTERVAL:
            told = time.monotonic()
            say(f"  … {ledger.ended} of {ledger.total} releases ended, {len(storm.faults)} faults")


def _ask_for_ends(place: Place, ledger: Ledger) -> list[ReleaseEnd]:
    """What became of every release. What the web process does not tell any more counts as lost."""
    over, told = Event(), list[ReleaseEnd]()
    patience = Timer(LAST_WORDS / 2, over.set)
    patience.start()
    try:
        for final in _finals(Host(place, ledger, over=over), place.apps):
            told.append(final)
    except Stopped:
        say(f"  the web process did not answer any more: {len(told)} releases read back")
    finally:
        patience.cancel()
    return told


def _finals(host: Host, apps: tuple[str, ...]) -> Iterator[ReleaseEnd]:
    """What the API says of every release."""
    for app in apps:
        for release in host.get(f"releases?app={app}&limit=200")["releases"]:
            jobs = host.get(f"releases/{release['id']}")["jobs"]
            deploys = [job for job in jobs if job["kind"] == "deploy"]
            problem = deploys[-1]["problem"]
            yield ReleaseEnd(
                app=app,
                release=release["id"],
                tag=release["tag"],
                color=release["color"],
                state=release["state"],
                slug=problem["type"].rpartition("/")[2] if problem else "",
                open_jobs=tuple(job["id"] for job in jobs if not job["ended_at"]),
            )


def _shares(options: Options, apps: tuple[str, ...]) -> list[Share]:
    """How many releases each app gets."""
    each, rest = divmod(options.releases, options.apps)
    return [
        Share(app, each + (index < rest), dice(f"{options.seed} {app}")) for index, app in enumerate(apps)
    ]


def _tags(options: Options) -> list[str]:
    """Every tag that any app may push."""
    most = options.releases // options.apps + 1
    return [f"v{number}.0-{color}" for number in range(1, most + 1) for color in COLORS]
