"""The verdict: pure functions over the cluster's journal, the workers' logs and what was accepted.

Each rule answers with what breaks it. Verdigris' own records are read for one thing only: what it says in
the end has become of each release, which the logs must bear out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.faults.chronicle import Subject
from tests.faults.journal import NOBODY, Command, Refusal, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tests.faults.chronicle import Chronicle
    from tests.faults.journal import Entry
    from tests.faults.ledger import Asked, Outcome, ReleaseEnd

UNFINISHED: Final = frozenset({"waiting", "queued", "running"})
TESTED: Final = frozenset({"ready", "live", "standby", "rolled-back", "superseded", "retired"})
LIVED: Final = frozenset({"live", "standby", "rolled-back", "retired"})
EXPLAINED: Final = frozenset({"stage-lost", "command-lost"})
"""Failures that faults explain: a migration whose worker or connection was lost is not repeated by itself."""


SILENCE: Final = 20.0
"""Seconds without a stage after which a queue may stand still, where it isn't only the others' turn."""

ROUNDS: Final = 3
"""How often every other app can have had its turn before one that had none counts as left behind."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known when a campaign is over. ``gave_up``: when it ran out of time, where it did."""

    entries: Sequence[Entry]
    chronicle: Chronicle
    asked: Mapping[str, Sequence[Asked]]
    switches: Mapping[str, Sequence[Outcome]]
    finals: Sequence[ReleaseEnd]
    repeatable: frozenset[str] = frozenset()
    gave_up: float | None = None

    @property
    def writes(self) -> list[Write]:
        """Accepted writes, in the cluster's order."""
        return sorted((one for one in self.entries if isinstance(one, Write)), key=lambda one: one.revision)

    @property
    def commands(self) -> list[Command]:
        """Commands in pods, by their beginning."""
        return sorted((one for one in self.entries if isinstance(one, Command)), key=lambda one: one.began)

    @property
    def refused_late(self) -> int:
        """Writes of a lower fence than the object's that were refused: what a fenced-out worker tried."""
        refusals = (one for one in self.entries if isinstance(one, Refusal))
        return sum(NOBODY < one.sent < one.standing for one in refusals)

    def deploys(self, app: str) -> list[str]:
        """Releases in the order of their acceptance, a retry as a second entry."""
        return [one.release for one in self.asked.get(app, ()) if one.kind == "deploy"]


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that must not be."""

    rule: str
    app: str
    text: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a turn did to the cluster at a moment."""

    at: float
    subject: Subject


def judge(evidence: Evidence) -> list[Loss]:
    """Every loss, by rule."""
    return [Loss(rule, app, text) for rule, find in RULES.items() for app, text in find(evidence)]


def find_fence_losses(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """On each object fences never go down, and no write comes from a lower fence than the object's."""
    for write in evidence.writes:
        if write.after < write.before:
            yield write.app, f"{write.object}: fence {write.before} became {write.after}"
        if NOBODY < write.sent < write.before:
            yield write.app, f"{write.object}: fence {write.sent} wrote over {write.before}"


def find_late_writes(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Who has lost a stage writes nothing more, but for the one request that was on its way by then.

    That one is harmless: whoever takes over stamps the object before reading it, or the request is refused.
    """
    lost = {one.fence: one.at for one in evidence.chronicle.noticed}
    late: dict[tuple[str, int], list[Write]] = defaultdict(list)
    for write in evidence.writes:
        if write.at > lost.get(write.sent, write.at):
            late[write.app, write.sent].append(write)
    for (app, fence), writes in late.items():
        if len(writes) > 1:
            objects = ", ".join(write.object for write in writes)
            yield app, f"fence {fence} was lost and wrote {len(writes)} times after: {objects}"


def find_overlaps(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """What the turns of one queue did never mingles: each job's acts stand together."""
    for app, acts in acts_of(evidence).items():
        runs = Counter(subject for subject in _runs(acts))
        allowed = Counter(Subject(one.kind, one.release) for one in evidence.asked.get(app, ()))
        for subject, count in runs.items():
            if count > allowed[subject]:
                yield app, f"{subject.kind} of {subject.release} acted in {count} separate runs"


def find_disorder(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Deploys act, and begin, in the order in which they were accepted."""
    begun: dict[str, list[Act]] = defaultdict(list)
    for one in evidence.chronicle.begun:
        begun[one.app].append(Act(one.at, one.subject))
    for what, every in (("acted", acts_of(evidence)), ("began", begun)):
        for app, acts in every.items():
            order = _runs([act for act in acts if act.subject.kind == "deploy"])
            if not _is_subsequence([subject.release for subject in order], evidence.deploys(app)):
                yield app, f"deploys {what} as {[subject.release for subject in order]}"


def find_unclaimed(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Every fence that wrote came out of a task that some worker had received."""
    for write in evidence.writes:
        if write.sent != NOBODY and write.sent not in evidence.chronicle.fences:
            yield write.app, f"{write.object}: fence {write.sent} belongs to no task that a worker received"


def find_unended(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Every accepted release has ended, and so have all of its jobs.

    Where the time was up first, one whose queue still moved is late and not lost: see ``find_late``.
    """
    told = {final.release for final in evidence.finals}
    for app in evidence.asked:
        for release in dict.fromkeys(evidence.deploys(app)):
            if release not in told:
                yield app, f"{release} was accepted and is not known any more"
    for final in _unfinished(evidence):
        if not _is_moving(evidence, final.app):
            yield final.app, f"{final.tag} ({final.release}) is {final.state}"


def find_late(evidence: Evidence) -> list[ReleaseEnd]:
    """Releases on their way when the time was up: not lost, but the campaign is incomplete."""
    return [final for final in _unfinished(evidence) if _is_moving(evidence, final.app)]


def find_strangers(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """No release exists but those that were accepted, and each tag once, however often it was delivered."""
    accepted = {one.release for every in evidence.asked.values() for one in every}
    tags = Counter((final.app, final.tag) for final in evidence.finals)
    for final in evidence.finals:
        if final.release not in accepted:
            yield final.app, f"{final.tag} ({final.release}) exists, though nobody was told of it"
        if tags[final.app, final.tag] > 1:
            yield final.app, f"{final.tag} was released {tags[final.app, final.tag]} times"


def find_unexplained(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """A release fails only for what the campaign did to it."""
    for final in evidence.finals:
        if final.state == "failed" and final.slug not in EXPLAINED:
            yield final.app, f"{final.tag} ({final.release}) failed: {final.slug}"
    for app, switches in evidence.switches.items():
        for switch in switches:
            if switch.state != "done" and switch.slug not in EXPLAINED:
                yield app, f"{switch.asked.kind} of {switch.asked.tag} is {switch.state}: {switch.slug}"
    for line in evidence.chronicle.unexpected:
        yield "", line


def find_unproved(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """What is called ready or more was migrated to the end and passed; what is called live was live once."""
    migrated = {one.release for one in evidence.commands if one.ended}
    passed = {one.release for one in evidence.writes if one.passed}
    lived = {one.live for one in evidence.writes}
    for final in evidence.finals:
        if final.state in TESTED and final.release not in migrated & passed:
            yield final.app, f"{final.tag} ({final.release}) is {final.state}, and the cluster saw no tests"
        if final.state in LIVED and final.release not in lived and final.state != "retired":
            yield final.app, f"{final.tag} ({final.release}) is {final.state}, and never was live"


def find_repeated_migrations(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """A migration begins once for each time it was asked for; a repeatable one never twice at once."""
    by_release: dict[tuple[str, str], list[Command]] = defaultdict(list)
    for command in evidence.commands:
        by_release[command.app, command.release].append(command)
    for (app, release), commands in by_release.items():
        asked = evidence.deploys(app).count(release)
        if app not in evidence.repeatable and len(commands) > asked:
            yield app, f"the migration of {release} began {len(commands)} times, asked for {asked} times"
        if any(later.began < earlier.at for earlier, later in pairwise(commands)):
            yield app, f"two migrations of {release} ran at once"


def find_untested_switches(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Users are only ever led to a color whose Deployment runs, tested, the release that is then live."""
    running: dict[tuple[str, str], Write] = {}
    live: dict[str, str] = {}
    for write in evidence.writes:
        if write.object.startswith("deployments"):
            running[write.app, write.object.rpartition("-")[2]] = write
        if not write.object.startswith("virtualservices") or write.live == live.get(write.app, ""):
            continue
        live[write.app] = write.live
        there = running.get((write.app, write.default))
        if there is None or there.release != write.live or not there.passed:
            found = f"{there.release}, passed: {there.passed or 'no'}" if there else "nothing"
            yield write.app, f"{write.live} went live on {write.default}, which ran {found}"


def find_wrong_ends(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Route and annotations say what the last switch did that was reported as done."""
    last = {one.app: one for one in evidence.writes if one.object.startswith("virtualservices")}
    for app, switches in evidence.switches.items():
        if not switches or switches[-1].state != "done" or app not in last:
            continue  # an explained failure may have come before or after the switch itself
        if len(switches) < sum(one.kind != "deploy" for one in evidence.asked[app]):
            continue  # the time was up while another switch was under way
        asked, write = switches[-1].asked, last[app]
        if (write.live, write.default) != (asked.release, asked.color):
            yield (
                app,
                (
                    f"the last {asked.kind} was to {asked.release} on {asked.color}, the route says "
                    f"{write.live} on {write.default}"
                ),
            )


RULES: Final[dict[str, Callable[[Evidence], Iterable[tuple[str, str]]]]] = {
    "fences never go down": find_fence_losses,
    "every fence is known": find_unclaimed,
    "who lost a stage writes no more": find_late_writes,
    "no two jobs of a queue overlap": find_overlaps,
    "deploys keep their order": find_disorder,
    "every accepted release ended": find_unended,
    "each tag was released once": find_strangers,
    "failures are explained": find_unexplained,
    "what is ready was tested": find_unproved,
    "migrations are not repeated": find_repeated_migrations,
    "nothing untested went live": find_untested_switches,
    "the route says what was promoted last": find_wrong_ends,
}


def acts_of(evidence: Evidence) -> dict[str, list[Act]]:
    """What turns did to the cluster, app by app, in the order of time."""
    acts: dict[str, list[Act]] = defaultdict(list)
    for write in evidence.writes:
        subject = evidence.chronicle.fences.get(write.sent)
        if subject:
            acts[write.app].append(Act(write.at, subject))
    for command in evidence.commands:
        subject = Subject("deploy", command.release)
        acts[command.app] += [Act(command.began, subject), Act(command.at, subject)]
    for every in acts.values():
        every.sort(key=lambda act: act.at)
    return acts


def _unfinished(evidence: Evidence) -> list[ReleaseEnd]:
    return [
        final
        for final in evidence.finals
        if final.app in evidence.asked and (final.state in UNFINISHED or final.open_jobs)
    ]


def _is_moving(evidence: Evidence, app: str) -> bool:
    """Whether an app's queue went on until the time was up, as far as its turn had come at all.

    Every app offers one stage at a time, and workers take them in turn. So one that had none for a while,
    though the others had several each, or though nobody had any, was left behind.
    """
    if evidence.gave_up is None:
        return False
    last = max((one.at for one in evidence.chronicle.begun if one.app == app), default=0.0)
    if evidence.gave_up - last < SILENCE:
        return True
    since = [one.at for one in evidence.chronicle.begun if one.at > last]
    are_others_busy = any(one > evidence.gave_up - SILENCE / 4 for one in since)
    return are_others_busy and len(since) < ROUNDS * len(evidence.asked)


def _runs(acts: Sequence[Act]) -> list[Subject]:
    """Subjects in the order in which they acted; what one does in a row counts once."""
    subjects = [act.subject for act in acts]
    return subjects[:1] + [later for earlier, later in pairwise(subjects) if later != earlier]


def _is_subsequence(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether ``whole`` holds the items of ``part`` in their order, others in between."""
    rest = iter(whole)
    return all(item in rest for item in part)
