"""What is asked of the queue: a job, the release that it may bring, and what must not stand beside it.

Plain values, and how ``accept.lua`` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from release.model import Actor, Color, JobKind, StartWhen, State
from release.order import JUMPS, urgency
from release.plan import stages_of
from release.records import Move, dump, dump_problem
from release.transitions import ON_A_COLOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release.model import Stage
    from release.problems import ProblemDocument
    from release.queue import Timing

DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class NewRelease:
    """A release that comes into being with its job, or is read back from the cluster.

    ``address``: of who sent the delivery; only the audit trail has it.
    """

    id: str
    app: str
    tag: str
    color: Color
    commit: str
    actor: Actor
    reason: str
    image: str = ""
    redeploy_of: str = ""
    state: State = State.QUEUED
    start_when: StartWhen = StartWhen.PUSHED
    delivery: str = ""
    address: str = ""
    is_read_back: bool = False

    def as_json(self) -> dict[str, str | bool]:
        """The hash that ``records.parse_release`` reads, without its times."""
        return {
            "id": self.id,
            "app": self.app,
            "tag": self.tag,
            "color": self.color,
            "commit": self.commit,
            "image": self.image,
            "state": self.state,
            "on_a_color": self.state in ON_A_COLOR,
            "actor": str(self.actor),
            "reason": self.reason,
            "redeploy_of": self.redeploy_of,
            "start_when": self.start_when,
            "delivery": self.delivery,
            "read_back": self.is_read_back,
        }


@dataclass(frozen=True, slots=True)
class Clash:
    """Waiting or running jobs of the same app that a new one must not join.

    ``same_tag``: only those of the same tag at the same commit, as far as both commits are known.
    """

    kinds: frozenset[JobKind] = frozenset()
    same_tag: bool = False


@dataclass(frozen=True, slots=True)
class Superseding:
    """Waiting deploys of the same app give way to a new job; why, as their releases and jobs keep it."""

    reason: str
    problem: ProblemDocument


@dataclass(frozen=True, slots=True)
class Wait:
    """What a job waits for before it goes into its queue, and for how many seconds at most."""

    when: StartWhen
    patience: int


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be queued.

    ``patience``: how long, in seconds, it may wait for its turn, and for a worker. ``keep_rollback_for``: how
    long, in seconds, a deploy leaves alone what went on standby on its color. ``seen``: keys under which the
    same request may come again, with how long they are remembered, in seconds. ``once``: a stage that is not
    repeated when its worker is lost. ``wait``: what keeps it out of its queue at first.
    ``migrates``: see ``plan.stages_of``. ``moves``: steps that releases
    take with it; if one no longer fits, nothing is queued.
    """

    id: str
    app: str
    kind: JobKind
    queue: str
    color: Color
    release_id: str
    tag: str
    actor: Actor
    reason: str = ""
    release: NewRelease | None = None
    once: Stage | None = None
    migrates: bool = False
    patience: int = DAY
    keep_rollback_for: int = 0
    seen: Mapping[str, int] = field(default_factory=dict)
    moves: Sequence[Move] = ()
    clash: Clash = Clash()
    supersedes: Superseding | None = None
    wait: Wait | None = None

    def as_json(self, timing: Timing, *, looks_first: bool = False) -> str:
        """What ``accept.lua`` reads."""
        jump = JUMPS[self.kind]
        request: dict[str, object] = {
            "job": self._record(timing),
            "seen": [{"key": key, "ttl": ttl * 1000} for key, ttl in self.seen.items()],
            "moves": [move.as_json() for move in self.moves],
            "jump": {"over": sorted(jump.over), "same_app": jump.same_app},
            "clash": {"kinds": sorted(self.clash.kinds), "same_tag": self.clash.same_tag},
            "looks_first": looks_first,
        }
        if self.release:
            request["release"] = self.release.as_json()
            if self.release.address:
                request["sender"] = {"address": self.release.address, "delivery": self.release.delivery}
        if self.supersedes:
            problem = dump_problem(self.supersedes.problem)
            request["supersede"] = {"reason": self.supersedes.reason, "problem": problem}
        return dump(request)

    def _record(self, timing: Timing) -> dict[str, str | int]:
        return {
            "id": self.id,
            "app": self.app,
            "kind": self.kind,
            "queue": self.queue,
            "color": self.color,
            "release": self.release_id,
            "tag": self.tag,
            "stages": ",".join(stages_of(self.kind, migrates=self.migrates)),
            "once": self.once or "",
            "actor": str(self.actor),
            "reason": self.reason,
            "grace": timing.grace,
            "log_lines": timing.log_lines,
            "urgency": urgency(self.kind),
            "patience": self.patience * 1000,
            "keep_rollback_for": self.keep_rollback_for * 1000,
            "start_when": self.wait.when if self.wait else "",
            "start_patience": self.wait.patience * 1000 if self.wait else 0,
        }
