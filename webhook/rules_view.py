"""What an app's rules and people say to the promote of one release, gathered in one look, and in words.

Buttons, pages and the API have it from here. It guides; the core asks its gate again and decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from math import ceil
from typing import TYPE_CHECKING, Final

from release.approvals import Decision
from release.auto_promotion import STOPPABLE, Block
from release.consent import HEARD
from release.identities import is_among
from release.model import State
from release.roles import Action, may
from webhook.filters import HOUR, MINUTE, tell_seconds
from webhook.people import tell_actor

if TYPE_CHECKING:
    from datetime import datetime

    from release.approvals import Verdict, Vote
    from release.auto_promotion import Countdown, Stop
    from release.freezes import Coming, Frozen
    from release.model import Release
    from webhook.access import Caller
    from webhook.services import Services

ENDED: Final = {
    Block.REJECTED: "not promoted by itself: it was rejected",
    Block.TRIED: "not promoted by itself any more: that was tried once, and a person decides now",
    Block.READ_BACK: "not promoted by itself: Redis was emptied since its tag was pushed, and what people "
    "said to it is lost; a person decides now",
    Block.STOPPED: "not promoted by itself: that was stopped",
}
"""What a countdown does not go on after, in words: a person promotes, or nobody."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever looks: what they are to a release, and may do. A stranger may do nothing."""

    has_pushed: bool = False
    has_approved: bool = False
    may_override: bool = False


@dataclass(frozen=True, slots=True)
class RulesView:
    """What stands between a release and its promote.

    ``needed``: so many approvals. ``is_own_refused``: who pushed the tag may not promote it.
    ``is_by_itself``: the app promotes by itself.
    """

    release: Release
    now: datetime
    needed: int
    verdict: Verdict
    votes: tuple[Vote, ...] = ()
    frozen: Frozen | None = None
    countdown: Countdown | None = None
    stop: Stop | None = None
    viewer: Viewer = Viewer()
    is_own_refused: bool = False
    is_by_itself: bool = False

    @property
    def is_heard(self) -> bool:
        """Whether votes count for anything any more."""
        return self.release.state in HEARD

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to tell of what people say to it, or of its promote by itself."""
        return bool(self.votes or self.tell_approvals() or self.tell_countdown())

    @property
    def has_ended(self) -> bool:
        """Whether the countdown goes on no more, whatever comes."""
        return bool(self.countdown and not ENDED.keys().isdisjoint(self.countdown.blocked_by))

    def tell_approvals(self) -> str:
        """``1 of 2 approvals; missing 1``; empty where none is needed and nobody rejected it."""
        return tell_verdict(self.verdict, self.needed) if self.is_heard or self.votes else ""

    def tell_freeze(self) -> str:
        """The freeze that is on; empty without one."""
        return tell_freeze(self.frozen) if self.frozen else ""

    def tell_countdown(self) -> str:
        """When the release is promoted by itself, or why it is not; empty where nothing speaks of that."""
        if self.release.state not in STOPPABLE:
            return ""
        if self.stop:
            why = f": {self.stop.reason}" if self.stop.reason else ""
            return f"not promoted by itself: stopped by {tell_actor(self.stop.actor)}{why}"
        if self.countdown is None:
            return ""
        ended = next((words for block, words in ENDED.items() if block in self.countdown.blocked_by), "")
        return ended or f"promoted by itself {self._tell_due(self.countdown)}"

    def tell_badge(self) -> str:
        """How it stands, in a word or two."""
        return tell_badge(self.release, self.verdict, self.countdown, self.now)

    def find_against(self) -> str:
        """Why this viewer's promote would be refused, whatever they say; empty where it would not be."""
        tag, verdict = self.release.tag, self.verdict
        if verdict.rejected_by:
            return f"{tag} was {self.tell_approvals()}; push a new tag with what was asked for"
        reasons = []
        if verdict.missing:
            reasons.append(f"{tag} has {self.tell_approvals()}")
        if self.is_own_refused and self.viewer.has_pushed:
            reasons.append("you pushed its tag, so somebody else has to promote it")
        if self.frozen and not self.viewer.may_override:
            reasons.append(f"{self.release.app} is {tell_freeze(self.frozen)}; a rollback is never frozen")
        return "; ".join(reasons)

    def _tell_due(self, countdown: Countdown) -> str:
        missing, left = self.verdict.missing, (countdown.due_at - self.now).total_seconds()
        at = f"at {tell_moment(countdown.due_at)}"
        if missing:
            earliest = f", {at} at the earliest" if left > 0 else ""
            are = "is" if missing == 1 else "are"
            when = f"once {_count(missing, 'more approval')} {are} there{earliest}"
        else:
            when = f"{at}, in {tell_seconds(left)}" if left > 0 else "within seconds"
        return f"{when}, after the freeze" if countdown.frozen else when


def tell_badge(release: Release, verdict: Verdict, countdown: Countdown | None, now: datetime) -> str:
    """What keeps a release that is ready from users, if anything does; of another one its state."""
    if release.state is not State.READY:
        return str(release.state)
    if verdict.rejected_by:
        return "rejected"
    if verdict.missing:
        return "waiting for approval"
    if countdown is None or not ENDED.keys().isdisjoint(countdown.blocked_by):
        return "ready"
    if countdown.frozen:
        return "promotes itself after the freeze"
    return f"promotes itself {tell_left((countdown.due_at - now).total_seconds())}"


def tell_left(seconds: float) -> str:
    """``in 4 min``, to the minute: the words hold until the next one begins."""
    minutes = ceil(seconds / MINUTE)
    if minutes < 1:
        return "within seconds"
    return f"in {minutes} min" if minutes < HOUR // MINUTE else f"in {minutes // 60} h {minutes % 60:02} min"


def look_at_rules(release: Release, services: Services, caller: Caller | None) -> RulesView | None:
    """What stands between a release and its promote now; None for an app that is not configured any more.

    Raises:
        NotDurable: Redis is away.
    """
    app = services.config.find_app(release.app)
    if app is None:
        return None
    gate, consent = services.requests.gate, services.store.consent
    votes = tuple(consent.votes(release.id))
    return RulesView(
        release=release,
        now=services.settings.clock(),
        needed=app.promote.approvals,
        verdict=gate.judge(release),
        votes=votes,
        frozen=gate.find_freeze(release.app),
        countdown=gate.count_down(release),
        stop=consent.find_stop(release.id),
        viewer=_look_at_viewer(release, votes, services, caller),
        is_own_refused=app.promote.pusher == "refused",
        is_by_itself=app.auto_promote is not None,
    )


def tell_verdict(verdict: Verdict, needed: int) -> str:
    """What votes come to, in words; empty where no approval is needed and nobody rejected it."""
    if verdict.rejected_by:
        return f"rejected by {tell_actor(verdict.rejected_by)}, and that is final"
    if not needed:
        return ""
    count = f"{len(verdict.approved_by)} of {_count(needed, 'approval')}"
    return f"{count}; missing {verdict.missing}" if verdict.missing else count


def tell_freeze(frozen: Frozen) -> str:
    """``frozen until 2026-12-27 00:00 UTC (Christmas)``."""
    at_least = "at least " if frozen.is_open_end else ""
    why = f" ({frozen.reason})" if frozen.reason else ""
    return f"frozen until {at_least}{tell_moment(frozen.until)}{why}"


def tell_next_freeze(coming: Coming) -> str:
    """``the next freeze begins at 2026-12-23 00:00 UTC: frozen until …``."""
    return f"the next freeze begins at {tell_moment(coming.at)}: {tell_freeze(coming.freeze)}"


def tell_moment(moment: datetime) -> str:
    """To the minute, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _look_at_viewer(
    release: Release, votes: tuple[Vote, ...], services: Services, caller: Caller | None
) -> Viewer:
    if caller is None:
        return Viewer()
    people = services.config.people
    approvers = [vote.actor for vote in votes if vote.decision is Decision.APPROVE]
    return Viewer(
        has_pushed=is_among(caller.actor, services.requests.gate.find_pushers(release), people),
        has_approved=is_among(caller.actor, approvers, people),
        may_override=may(caller.grants, Action.OVERRIDE_FREEZE, release.app),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
