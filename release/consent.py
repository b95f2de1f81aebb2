"""What people say to the promote of a release, kept in Redis: their votes, and the stop of a countdown.

Each is kept in one step with the release's state and with what others have said. What it comes to is decided
in ``approvals`` and ``auto_promotion``; it is forgotten with the release.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from release import rule_refusals
from release.approvals import Decision, Vote
from release.auto_promotion import STOPPABLE, Stop
from release.identities import identify, is_among
from release.model import Actor, State
from release.records import dump, moment
from release.redis_access import key, load_script, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from release.model import Release
    from release.redis_access import Client

HEARD: Final = frozenset({State.WAITING, State.QUEUED, State.RUNNING, State.READY, State.ROLLED_BACK})
"""States in which votes are heard: those that a promote may still follow, also that of a release which users
were moved away from. One on standby comes back by a rollback alone, which asks nobody."""


class Consent:
    """Keeps and reads what people say. Each method raises ``NotDurable`` without Redis."""

    def __init__(self, client: Client) -> None:
        self._redis: Any = client
        self._vote = load_script(client, "vote")
        self._stop = load_script(client, "stop")

    def approve(
        self,
        release: Release,
        *,
        actor: Actor,
        comment: str = "",
        pushers: Collection[Actor],
        people: Mapping[str, str],
    ) -> None:
        """Keep an approval.

        Raises:
            Problem: the actor pushed the tag, or has approved already; the release was rejected, or nothing
                can come of it any more.
        """
        if is_among(actor, pushers, people):
            raise rule_refusals.own_release(release, actor, "approve")
        who = identify(actor, people)
        self._say(release, Decision.APPROVE, who=who, actor=actor, comment=comment)

    def reject(self, release: Release, *, actor: Actor, comment: str = "", people: Mapping[str, str]) -> None:
        """Keep a rejection. Whoever pushed the tag or approved it may think better of it, too.

        Raises:
            Problem: it was rejected before; its promote has begun, or nothing can come of it any more.
        """
        who = identify(actor, people)
        self._say(release, Decision.REJECT, who=who, actor=actor, comment=comment)

    def votes(self, release_id: str) -> list[Vote]:
        """What was said to a release, oldest first."""
        with told_as_not_durable():
            texts = self._redis.lrange(key("votes", release_id), 0, -1)
        return [_parse_vote(text) for text in texts]

    def stop(self, release: Release, *, actor: Actor, reason: str = "") -> Stop:
        """Let a release not be promoted by itself, whenever; the stop that stands, the first one's.

        Raises:
            Problem: it is not on its way to be promoted, or its promote has been asked for.
        """
        answer = self._stop([release.id, str(actor), reason, dump(sorted(STOPPABLE))])
        found = self.find_stop(release.id) if answer in {"kept", "repeated"} else None
        if found is None:
            is_promoted = answer == "begun"
            refusal = rule_refusals.being_promoted if is_promoted else rule_refusals.nothing_to_stop
            raise refusal(release)
        return found

    def find_stop(self, release_id: str) -> Stop | None:
        """Who stopped a release from being promoted by itself, if anybody did."""
        with told_as_not_durable():
            record = self._redis.hgetall(key("stopped", release_id))
        return Stop(Actor.parse(record["actor"]), record["reason"], moment(record["at"])) if record else None

    def _say(self, release: Release, decision: Decision, *, who: str, actor: Actor, comment: str) -> None:
        answer, *by = self._vote([release.id, who, str(actor), decision, comment, dump(sorted(HEARD))])
        if answer == "rejected":
            raise rule_refusals.rejected(release, Actor.parse(by[0]))
        if answer == "repeated":
            raise rule_refusals.approved_already(release, actor)
        if answer == "begun":
            raise rule_refusals.being_promoted(release)
        if answer == "late":
            raise rule_refusals.past_approval(release)


def _parse_vote(text: str) -> Vote:
    data = json.loads(text)
    return Vote(Actor.parse(data["actor"]), Decision(data["decision"]), data["comment"], moment(data["at"]))
