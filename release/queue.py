"""The queue: jobs that never overlap, one at a time per queue, whatever dies.

Each method is one Lua script, atomic and safe to repeat after a lost reply (but for ``log``, whose lines
would stand twice). A job's chain is published only when the job is at its queue's head, and the job
leaves the head only when its chain has ended. The record in Redis is the outbox: an offer that nobody
claims within its grace is published again under the same fence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from release.model import Actor
from release.records import Offer, dump, dump_problem, told_of_app
from release.redis_access import load_script
from release.retention import FINISHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from release.ci import Check
    from release.jobs import NewJob, NewRelease
    from release.model import StageState
    from release.observation import Observation
    from release.problems import ProblemDocument
    from release.records import Move
    from release.redis_access import Client


CHECKS_KEPT: Final = 30 * 86_400
"""How long, in seconds, what CI said of a commit is known: a tag may follow its commit after days."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits of the queue, in milliseconds and counts.

    ``lease``: how long a claim holds without a renewal. ``grace``: how long an offer waits for a claim before
    it is published again. ``attempts``: how often a stage is tried when its workers die. ``log_lines``: how
    many lines a log keeps.
    """

    lease: int = 5_000
    grace: int = 2_000
    attempts: int = 5
    log_lines: int = 5_000


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a request, and whose job answers it.

    ``accepted``; ``duplicate``: it came before; ``clash``: a job that it must not join stands in the queue;
    ``moved``: a release is no longer where a move begins, and no job is named; ``look``: what waits to start
    has to be looked at first, and again none is named. ``offer``: to be published.
    """

    status: str
    job_id: str
    release_id: str | None
    offer: Offer | None
    gave_way: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A stage taken. ``give_up``: fail it, and why; ``cancelled_by``: end it as cancelled."""

    attempt: int
    give_up: str | None
    cancelled_by: Actor | None


@dataclass(frozen=True, slots=True)
class Held:
    """The claim still stands; ``cancelled_by`` once somebody asked for an end."""

    cancelled_by: Actor | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How it went, in a word, and what it made possible.

    ``status``: ``next``, ``over``, ``repeated``, ``requested``, ``begun``, ``cancelled``, ``started``,
    ``postponed`` or ``lost``.
    ``offers``: what is to be published now. The end of a job may make two possible: the next of its queue,
    and the next of its app in another queue.
    """

    status: str
    offers: tuple[Offer, ...] = ()

    @property
    def offer(self) -> Offer | None:
        """The first of the offers."""
        return next(iter(self.offers), None)


@dataclass(frozen=True, slots=True)
class LostStage:
    """A running stage whose lease is over."""

    job_id: str
    fence: int
    owner: str


@dataclass(frozen=True, slots=True)
class Reaped:
    """What is past its deadline: stages to take from their workers, offers to publish again.

    ``resumed``: offers that nothing but time made possible. ``expired``: ids of jobs that waited too long.
    """

    lost: tuple[LostStage, ...] = ()
    overdue: tuple[Offer, ...] = ()
    resumed: tuple[Offer, ...] = ()
    expired: tuple[str, ...] = ()
    redis_was_away: bool = False


class Queue:
    """Every queue of this installation, in Redis."""

    def __init__(self, client: Client, timing: Timing | None = None) -> None:
        self.timing = timing or Timing()
        self._accept = load_script(client, "accept")
        self._claim = load_script(client, "claim")
        self._renew = load_script(client, "renew")
        self._done = load_script(client, "done")
        self._lost = load_script(client, "lost")
        self._reap = load_script(client, "reap")
        self._cancel = load_script(client, "cancel")
        self._move = load_script(client, "move")
        self._log = load_script(client, "log")
        self._tell_of_job = load_script(client, "tell_of_job")
        self._tell_of_release = load_script(client, "tell_of_release")
        self._recover = load_script(client, "recover")
        self._forget = load_script(client, "forget")
        self._settle = load_script(client, "settle")
        self._start = load_script(client, "start")
        self._postpone = load_script(client, "postpone")
        self._wait = load_script(client, "wait")
        self._unmet = load_script(client, "unmet")
        self._checks = load_script(client, "checks")

    def accept(self, job: NewJob, *, looks_first: bool = False) -> Acceptance:
        """Queue a job, with its release where it brings one. Durable when this returns.

        With ``looks_first`` nothing is queued while others of its app wait to start: so whoever lets them in
        needs no round trip to find that there are none.
        """
        answer = json.loads(self._accept([job.as_json(self.timing, looks_first=looks_first)]))
        return Acceptance(
            status=answer["status"],
            job_id=answer.get("job", ""),
            release_id=answer.get("release") or None,
            offer=Offer.parse(answer["offer"]) if answer.get("offer") else None,
            gave_way=tuple(answer.get("gave_way") or ()),
        )

    def claim(
        self, job_id: str, *, index: int, fence: int, owner: str, moves: Iterable[Move] = ()
    ) -> Claim | None:
        """Take an offered stage; None when it is not offered under this fence (any more).

        ``owner`` is this run's own name: asking again with it, after a lost reply, finds the claim standing.
        """
        arguments: list[str | int] = [job_id, index, fence, owner, self.timing.lease, _dump(moves)]
        answer = json.loads(self._claim(arguments))
        if not answer["claimed"]:
            return None
        return Claim(answer["attempt"], answer.get("give_up"), _find_actor(answer.get("cancel")))

    def renew(self, job_id: str, *, fence: int) -> Held | None:
        """Extend the lease; None when the claim is somebody else's: write nothing more."""
        return self._ask(job_id, fence, extend=True)

    def look(self, job_id: str, *, fence: int) -> Held | None:
        """Whether the claim still stands, without extending it: asked between a read and a write."""
        return self._ask(job_id, fence, extend=False)

    def _ask(self, job_id: str, fence: int, *, extend: bool) -> Held | None:
        answer = self._renew([job_id, fence, self.timing.lease, int(extend)])
        return Held(_find_actor(answer[1])) if int(answer[0]) else None

    def done(
        self,
        job_id: str,
        *,
        index: int,
        fence: int,
        outcome: StageState,
        problem: ProblemDocument | None = None,
        moves: Iterable[Move] = (),
    ) -> Ending:
        """End a stage: the next one is offered, or the job is over and the queue's next job is offered."""
        arguments: list[str | int] = [job_id, index, fence, outcome, dump_problem(problem), _dump(moves)]
        return _ending(self._done(arguments))

    def lost(self, job_id: str, *, fence: int, why: str) -> Ending:
        """Take a stage from a worker that is gone and offer it again under a new fence."""
        return _ending(self._lost([job_id, fence, why, self.timing.attempts]))

    def reap(self, *, limit: int = 100, sweep: bool = False) -> Reaped:
        """What is past its deadline now. After Redis was away: nothing, and every deadline moves.

        It was away when it was restarted, or when no reconciler could look for longer than a lease.

        ``sweep`` looks at the head of every queue as well, for one whose turn has come unnoticed: a record
        that was removed by hand, a Redis that went back to an older copy.
        """
        answer = json.loads(self._reap([self.timing.lease, limit, int(sweep)]))
        return Reaped(
            lost=tuple(LostStage(one["job"], one["fence"], one["owner"]) for one in answer["lost"]),
            overdue=_parse_offers(answer["overdue"]),
            resumed=_parse_offers(answer["resumed"]),
            expired=tuple(answer["expired"]),
            redis_was_away=answer["away"],
        )

    def cancel(
        self, job_id: str, *, actor: Actor, problem: ProblemDocument, moves: Iterable[Move] = ()
    ) -> Ending:
        """End a job that has not begun, at once; ask one that runs to stop.

        It keeps ``problem`` as its end, unless the stage that is asked to stop ends with its own.
        """
        return _ending(self._cancel([job_id, str(actor), dump_problem(problem), _dump(moves)]))

    def start(
        self, job_id: str, *, moves: Iterable[Move], fields: Mapping[str, str], is_past_freeze: bool = False
    ) -> Ending:
        """Let a job into its queue whose wait is over, with new fields of its release; else ``begun``.

        ``is_past_freeze``: somebody decided that it goes on in a freeze.
        """
        return _ending(self._start([job_id, _dump(moves), dump(dict(fields)), int(is_past_freeze)]))

    def postpone(
        self,
        job_id: str,
        *,
        fence: int,
        moves: Iterable[Move],
        fields: Mapping[str, str],
        patience: int,
        reason: str,
    ) -> Ending:
        """Let a job whose turn has come wait outside of its queue again, for ``patience`` seconds at most.

        ``begun`` where it has, or where it was let past a freeze.
        """
        told: list[str | int] = [_dump(moves), dump(dict(fields)), patience * 1000, reason]
        return _ending(self._postpone([job_id, fence, *told]))

    def wait(
        self, job_id: str, *, reason: str, fields: Mapping[str, str], till: datetime | None = None
    ) -> bool:
        """Tell what a job still waits for, with new fields of its release; False if it was told already."""
        deadline = round(till.timestamp() * 1000) if till else 0
        return bool(self._wait([job_id, reason, dump(dict(fields)), deadline]))

    def end_wait(self, job_id: str, *, problem: ProblemDocument, moves: Iterable[Move]) -> Ending:
        """Fail a job that still waits to start; ``begun`` where it has gone into its queue meanwhile."""
        return _ending(self._unmet([job_id, dump_problem(problem), _dump(moves)]))

    def note_checks(self, app: str, commit: str, checks: Iterable[Check]) -> None:
        """Keep what CI says of a commit; of each check the newest word counts."""
        told = [
            {"name": one.name, "state": one.state, "at": round(one.at.timestamp() * 1000) if one.at else 0}
            for one in checks
        ]
        self._checks([app, commit, dump(told), CHECKS_KEPT * 1000])

    def forget(self, app: str, release_ids: Sequence[str]) -> int:
        """Forget finished releases with all that belongs to them; how many went."""
        return int(self._forget([app, dump(sorted(FINISHED)), dump(list(release_ids))]))

    def settle(self, moves: Iterable[Move]) -> None:
        """Carry out steps that no job causes, where they still fit: the cluster shows their reason."""
        self._settle([_dump(moves)])

    def recover(self, releases: Iterable[NewRelease]) -> list[str]:
        """Record releases that run in the cluster; the ids of those that were not known."""
        return list(self._recover([dump([release.as_json() for release in releases])]))

    def move(
        self,
        job_id: str,
        *,
        fence: int,
        moves: Iterable[Move] = (),
        release_id: str = "",
        fields: Mapping[str, str] | None = None,
        job_fields: Mapping[str, str] | None = None,
        seen: Observation | None = None,
    ) -> bool:
        """Change releases, or what is told of the job, while a stage holds its turn; False if it does not.

        ``seen``: what shows the same of the cluster, kept in the same moment.
        """
        told: list[str | int] = [release_id, dump(fields or {}), dump(job_fields or {})]
        return bool(self._move([job_id, fence, _dump(moves), *told, *(told_of_app(seen) if seen else ())]))

    def log(self, job_id: str, *, fence: int, subject: str, stage: str, lines: Sequence[str]) -> bool:
        """Add lines to the log of ``subject`` while a stage holds its turn; False when it does not."""
        return bool(self._log([job_id, fence, subject, stage, self.timing.log_lines, *lines]))

    def tell_of_job(self, job_id: str, *, mark: str, text: str, event: str = "") -> bool:
        """Tell why a job does not go on, in its log, once for each ``mark``; False when that was told.

        ``event``: the kind of event that listeners hear as well.
        """
        return bool(self._tell_of_job([job_id, mark, text, event]))

    def tell_of_release(self, release_id: str, *, mark: str, text: str) -> bool:
        """Add a line to a release's log, whatever job it has; False when ``mark`` was told last."""
        return bool(self._tell_of_release([release_id, mark, text, self.timing.log_lines]))


def _dump(moves: Iterable[Move]) -> str:
    return dump([move.as_json() for move in moves])


def _parse_offers(answers: Iterable[Mapping[str, str | int]]) -> tuple[Offer, ...]:
    return tuple(Offer.parse(one) for one in answers)


def _find_actor(text: str | None) -> Actor | None:
    return Actor.parse(text) if text else None


def _ending(text: str) -> Ending:
    answer = json.loads(text)
    return Ending(answer["status"], _parse_offers(answer.get("offers") or ()))
