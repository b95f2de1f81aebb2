"""The buttons that an app's rules ask for, and what they make of those that move users or begin a release.

Pure, over what ``rules_view`` has gathered. All other buttons are in ``offers``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from release.auto_promotion import STOPPABLE
from release.model import JobKind, State
from webhook.offers import Offer
from webhook.rules_view import tell_freeze

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.freezes import Frozen
    from release.model import Release
    from webhook.rules_view import RulesView

BEGINNING: Final = frozenset({JobKind.DEPLOY.value, "redeploy", "retry"})


def offer_under_rules(offers: Sequence[Offer], rules: RulesView | None) -> tuple[Offer, ...]:
    """Buttons as the rules let them through, those of the rules behind the promote."""
    if rules is None:
        return tuple(offers)
    held = [_hold(offer, rules) for offer in offers]
    place = next((index + 1 for index, one in enumerate(held) if one.action == JobKind.PROMOTE), 0)
    return (*held[:place], *_own_offers(rules), *held[place:])


def tell_wait(offers: Sequence[Offer], frozen: Frozen | None) -> tuple[Offer, ...]:
    """Buttons that say of a deploy that it waits for the end of the freeze."""
    if frozen is None:
        return tuple(offers)
    waits = f" It waits first: the app is {tell_freeze(frozen)}."
    return tuple(replace(one, what=one.what + waits) if one.action in BEGINNING else one for one in offers)


def _hold(offer: Offer, rules: RulesView) -> Offer:
    """As it is, as an override of the freeze, or not at all."""
    if not offer.is_possible or offer.action not in {JobKind.PROMOTE, "start"}:
        return offer
    against = rules.find_against() if offer.action == JobKind.PROMOTE else _find_freeze_against(rules)
    if against:
        return replace(offer, what=against, is_possible=False, release_id=None, loses="")
    return _override(offer, rules) if rules.frozen else offer


def _find_freeze_against(rules: RulesView) -> str:
    if rules.frozen is None or rules.viewer.may_override:
        return ""
    return f"{rules.release.app} is {tell_freeze(rules.frozen)}"


def _override(offer: Offer, rules: RulesView) -> Offer:
    """What goes past the freeze that is on, and says why."""
    frozen = (
        f"Overrides a freeze: {rules.release.app} is {tell_freeze(rules.frozen)}." if rules.frozen else ""
    )
    return replace(
        offer,
        label=f"{offer.label}, in the freeze",
        loses=" ".join(filter(None, (frozen, offer.loses))),
        overrides_freeze=True,
    )


def _own_offers(rules: RulesView) -> tuple[Offer, ...]:
    """Approve and reject where approvals are needed, and the stop of a promote that comes by itself."""
    is_heard = rules.is_heard and rules.needed > 0 and rules.verdict.rejected_by is None
    votes = (_approve(rules), _reject(rules.release)) if is_heard else ()
    return (*votes, *((_stop(rules.release),) if _can_be_stopped(rules) else ()))


def _approve(rules: RulesView) -> Offer:
    tag = rules.release.tag
    offer = Offer(
        "approve",
        f"Approve {tag}",
        f"Says yes to its promote, in your name: {rules.tell_approvals()} so far. Users stay where they are.",
        release_id=rules.release.id,
        asks="Comment",
    )
    if rules.viewer.has_pushed:
        against = "you pushed its tag, so somebody else has to approve it"
    elif rules.viewer.has_approved:
        against = "you have approved it, and nobody counts twice"
    else:
        return offer
    return replace(offer, what=against, is_possible=False)


def _reject(release: Release) -> Offer:
    return Offer(
        "reject",
        f"Reject {release.tag}",
        "Says no to its promote, in your name. Users stay where they are.",
        release_id=release.id,
        loses=f"That is final: {release.tag} is never promoted, and a fix needs a new tag.",
        asks="Comment",
    )


def _stop(release: Release) -> Offer:
    return Offer(
        "stop-countdown",
        "Don't promote by itself",
        f"Lets a person decide: {release.tag} stays where it is until somebody promotes it.",
        release_id=release.id,
    )


def _can_be_stopped(rules: RulesView) -> bool:
    """Whether a promote may still come by itself: before the release is ready, or in its countdown."""
    if not rules.is_by_itself or rules.stop or rules.verdict.rejected_by:
        return False
    if rules.release.state is State.READY:
        return rules.countdown is not None and not rules.has_ended
    return rules.release.state in STOPPABLE
