"""Whether somebody else undid what Verdigris had set up: moved users, or took away what a switch needs.

Pure decisions over what a look at the cluster showed and what our records say. The cluster is the truth: our
records follow it. Who it was comes from the cluster as well; what to do about it is in ``gitops``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from release.gitops import advise, tell_who
from release.losses import find_losses, find_missing_subset, find_missing_test, named
from release.model import CLUSTER, VERDIGRIS, Actor, JobKind, State
from release.names import FIELD_MANAGER
from release.others import Interference
from release.records import Move
from release.recovery import SETTLED, UNRECORDED, tell_switch
from release.tested import runs_as_tested

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from release.model import Color, Job, Release
    from release.observation import Observation
    from release.others import Writer
    from release.records import Change

FIGHT: Final = timedelta(hours=1)
"""Moves within this are counted together."""

MOVED: Final = "moved"


@dataclass(frozen=True, slots=True)
class Discovery:
    """What is to be told from now on, what our records lack, and the line for the logs of ``releases``."""

    interference: Interference | None = None
    moves: tuple[Move, ...] = ()
    line: str = ""
    releases: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """Tells the line from the one before, so that of two workers who look at once only one writes it."""
        found = self.interference
        return f"{found.mark} {found.writer.at if found.writer else ''}" if found else self.line


@dataclass(frozen=True, slots=True)
class _Relocation:
    """Users on ``color``, not where we moved them: the release there, those they left, and our last one."""

    seen: Observation
    color: Color
    there: Release | None
    left: tuple[Release, ...]
    ours: Release | None

    @property
    def is_unrecorded(self) -> bool:
        return bool(self.left) or (self.there is not None and self.there.state is not State.LIVE)

    @property
    def is_as_noted(self) -> bool:
        """Whether the route's own note of our last switch says the same."""
        return self.there is not None and self.there.id == self.seen.live_release

    @property
    def origin(self) -> Release | None:
        """What users were on before, as far as it is known."""
        return next(iter(self.left), self.ours)

    @property
    def is_back(self) -> bool:
        """Whether users are on what was live before, or on no release at all."""
        if self.is_unrecorded:
            return self.there is None or self.there.state is State.STANDBY
        return self.ours is not None and self.ours.state is State.ROLLED_BACK

    @property
    def mark(self) -> str:
        """The same until our next switch, or until users are moved again."""
        at = self.seen.switch.at if self.seen.switch else None
        return f"{MOVED}:{self.seen.live_release}@{at}:{self.color}"


def find_interference(
    seen: Observation, releases: Iterable[Release], *, active: Job | None, known: Interference | None
) -> Discovery:
    """What a look shows of others' doings. ``releases``: those on a color; ``known``: what is told so far.

    While a switch of ours runs, or was recorded a moment ago, nothing can be said: all is left as it was
    until the next look. Other jobs move no users, but take subsets and test entries out and put them in.
    """
    on_a_color = tuple(releases)
    work = active.kind if active and active.started_at else None
    is_fresh = any(one.updated_at > seen.at - SETTLED for one in on_a_color)
    if seen.has_route is None or work in {JobKind.PROMOTE, JobKind.ROLLBACK} or is_fresh:
        return Discovery(known)
    if moved := _find_move(seen, on_a_color, known):
        return moved
    if work:
        return Discovery(None if known and known.mark.startswith(MOVED) else known)
    return _find_loss(seen, on_a_color, known)


def count_moves(changes: Iterable[Change], *, now: datetime) -> int:
    """How often somebody else moved users away from a release within the last hour."""
    return sum(
        change.source is State.LIVE and change.actor.kind == CLUSTER and change.at > now - FIGHT
        for change in changes
    )


def _find_move(
    seen: Observation, releases: Sequence[Release], known: Interference | None
) -> Discovery | None:
    """Users are elsewhere than our records, or our last switch, have them."""
    if seen.default is None:
        return None
    color, runs = seen.default, seen.color(seen.default).release
    move = _Relocation(
        seen,
        color,
        there=next((one for one in releases if one.id == runs and one.color is color), None),
        left=tuple(one for one in releases if one.state is State.LIVE and one.color is not color),
        ours=next((one for one in releases if one.id == seen.live_release), None),
    )
    if move.is_as_noted:
        return _follow(move) if move.is_unrecorded else None
    if move.is_unrecorded:
        return _report(move, known)
    if move.ours is None:
        # Who moved users may have wiped our note off the route: then only what is told already knows of it.
        return Discovery(known) if known and known.mark == move.mark else None
    return None if move.ours.color is color else _report(move, known)


def _follow(move: _Relocation) -> Discovery:
    """Our records lack what the route itself notes: a switch of ours, or its restoration by somebody."""
    writer, switch = _find_stranger(move.seen.route_writer), move.seen.switch
    if writer is None:
        reason = tell_switch(switch) if switch else UNRECORDED
        return Discovery(moves=_steps(move, switch.actor if switch else VERDIGRIS, reason))
    what = f"{_tell_move(move, writer)}, where Verdigris had them"
    ids = tuple(one.id for one in (*move.left, move.there) if one)
    return Discovery(moves=_steps(move, _actor(writer), what), line=what, releases=ids)


def _report(move: _Relocation, known: Interference | None) -> Discovery:
    """Somebody else moved users: our records follow, and it is told until our next switch."""
    is_known = known is not None and known.mark == move.mark
    writer = known.writer if known and is_known else _find_stranger(move.seen.route_writer)
    what = _tell_move(move, writer)
    found = Interference(
        mark=move.mark,
        what=what,
        users=_tell_users(move),
        next_step=f"{advise(writer)}. Then {_tell_way(move)}",
        seen_at=move.seen.at,
        writer=writer,
    )
    touched = (*move.left, move.there, move.ours)
    moves = _steps(move, _actor(writer), what)
    return _tell(found, known, [one for one in touched if one], moves=moves)


def _find_loss(seen: Observation, releases: Sequence[Release], known: Interference | None) -> Discovery:
    """The worst of what is gone. What Verdigris wrote last itself, it took out itself."""
    for loss in find_losses(seen, releases):
        is_known = known is not None and known.mark == loss.mark
        if not is_known and loss.wrote and loss.wrote.manager == FIELD_MANAGER:
            continue
        writer = known.writer if known and is_known else loss.wrote
        what, users, next_step = loss.tell(writer)
        found = Interference(loss.mark, what, users, next_step, seen.at, writer)
        return _tell(found, known, loss.releases)
    return Discovery()


def _tell(
    found: Interference,
    known: Interference | None,
    releases: Iterable[Release],
    *,
    moves: tuple[Move, ...] = (),
) -> Discovery:
    """What is found, with a line for the logs where it is new; of what is known, when and how often stays."""
    if known and known.mark == found.mark:
        return Discovery(replace(found, seen_at=known.seen_at, times=known.times), moves)
    line = f"{found.what}. {found.users}. What to do: {found.next_step}"
    return Discovery(found, moves, line, tuple(dict.fromkeys(one.id for one in releases)))


def _steps(move: _Relocation, actor: Actor, reason: str) -> tuple[Move, ...]:
    """The steps by which our records follow; none where they are right."""
    away = State.ROLLED_BACK if move.is_back else State.STANDBY
    left = tuple(Move(one.id, frozenset({State.LIVE}), away, actor, reason) for one in move.left)
    there = move.there
    if there is None or there.state is State.LIVE:
        return left
    return (*left, Move(there.id, frozenset({there.state}), State.LIVE, actor, reason))


def _actor(writer: Writer | None) -> Actor:
    return Actor(CLUSTER, writer.manager if writer else "somebody")


def _find_stranger(writer: Writer | None) -> Writer | None:
    """Who wrote last, if that was not us: a write of ours since then hides who it was."""
    return None if writer is None or writer.manager == FIELD_MANAGER else writer


def _tell_move(move: _Relocation, writer: Writer | None) -> str:
    origin = f" from {named(move.origin)}" if move.origin else ""
    target = named(move.there) if move.there else f"{move.color}, where no release runs that may be live"
    return f"{tell_who(writer)} moved every user{origin} {'back ' if move.is_back else ''}to {target}"


def _tell_users(move: _Relocation) -> str:
    """What they get now, and what else of the release that they left is gone."""
    seen, origin = move.seen, move.origin
    lost = [find_missing_subset(seen, origin.color), find_missing_test(seen, origin)] if origin else []
    return ". Also, ".join([_tell_answer(move), *(text for text in lost if text)])


def _tell_answer(move: _Relocation) -> str:
    color, runs = move.color, move.seen.color(move.color)
    if not runs.exists:
        return f"Users get errors (503): nothing runs on {color}"
    if missing := find_missing_subset(move.seen, color):
        return f"Users get errors (503): {missing}"
    if not runs.available:
        return f"Users get errors (503): no pod is ready on {color}"
    if move.there:
        return f"Users get {named(move.there)} now"
    return f"Users get what runs on {color} now: {runs.tag or 'nothing that Verdigris deployed'}"


def _tell_way(move: _Relocation) -> str:
    """How users come to where they were, if that is wanted: by what would not be refused."""
    seen, origin = move.seen, move.origin
    if origin is None:
        return "deploy and promote what users shall get"
    runs, app = seen.color(origin.color), seen.app
    if runs.release != origin.id:
        return f"`verdigris redeploy {origin.id}` deploys {origin.tag} again, as it does not run any more"
    if not move.is_back:
        return f"`verdigris rollback {app}` moves users to {named(origin)} again"
    if runs_as_tested(seen, origin):
        return f"`verdigris promote {app} --release {origin.id}` moves users to {named(origin)} again"
    anew = (
        f"`verdigris redeploy {origin.id}` tests {origin.tag} anew for a promote, as the route is no longer "
        "the one that it was tested with"
    )
    if not runs.available or find_missing_subset(seen, origin.color):
        return anew
    return f"{anew}. To move users to it at once, without tests: `{seen.forth}`"
