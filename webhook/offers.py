"""What a person can ask for on a page, with what will happen in words, or why it can't be asked now.

Pure decisions over what Redis knows. They guide; the stages ask the cluster and decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Final

from release.model import JobKind, Migration, MigrationState, State
from webhook.people import tell_people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.model import Job, Release
    from webhook.standing import Standing
    from webhook.way_back import WayBack

GOING: Final = frozenset({State.WAITING, State.QUEUED, State.RUNNING})


@dataclass(frozen=True, slots=True)
class Offer:
    """One button. ``what`` tells what it will do or, where ``is_possible`` is False, what is missing.

    ``release_id`` binds a promote or rollback to what the person saw; ``loses`` is what can't be had back.
    ``asks`` names what can be said with it; it has to be where ``overrides_freeze``. ``goes_back``: to what
    users were moved away from, so that it is not the button that stands out.
    """

    action: str
    label: str
    what: str
    is_possible: bool = True
    release_id: str | None = None
    loses: str = ""
    asks_tag: bool = False
    asks: str = "Reason"
    overrides_freeze: bool = False
    goes_back: bool = False


def app_offers(standing: Standing, way_back: WayBack) -> tuple[Offer, ...]:
    """The four buttons of an app."""
    return (
        _deploy(standing),
        _promote(standing, standing.ready or standing.rolled_back),
        _rollback(standing, way_back.release) if way_back.release else _no_rollback(way_back),
        _decommission(standing),
    )


def release_offers(
    release: Release, jobs: Sequence[Job], standing: Standing, *, warning: str = ""
) -> tuple[Offer, ...]:
    """The buttons of a release: only those that make sense for its state.

    ``warning``: why its code may not work any more, for those that would bring it back.
    """
    going = next((job for job in reversed(jobs) if not job.state.is_over), None)
    if going and going.cancel_requested_by:
        return ()
    if going and going.start_by:
        return (_start(release), _cancel(release, going))
    if going or release.state in GOING:
        return (_cancel(release, going),)
    again = Offer(
        "redeploy",
        "Redeploy",
        f"Starts a new release of {release.tag} at the same commit, with all four stages. "
        "Users stay where they are until it is promoted.",
        loses=warning,
    )
    first = {
        State.FAILED: _retry(release),
        State.READY: _promote(standing, release),
        State.ROLLED_BACK: _promote(standing, release),
        State.STANDBY: _rollback(standing, release),
    }.get(release.state)
    if first and first.release_id and warning:
        first = replace(first, loses=" ".join(filter(None, (first.loses, warning))))
    return (first, again) if first else (again,)


def _deploy(standing: Standing) -> Offer:
    idle = standing.live and standing.idle
    return Offer(
        JobKind.DEPLOY.value,
        "Deploy a tag",
        "Deploys the tag to the color that ends its name, runs the migrations and tests it there. "
        + standing.tell_users_stay(),
        loses=f"It replaces {idle.tag} on {idle.color}: no more switching to that one." if idle else "",
        asks_tag=True,
    )


def _promote(standing: Standing, chosen: Release | None) -> Offer:
    if chosen is None:
        return _missing(JobKind.PROMOTE, "Promote", "no release is ready; deploy a tag first")
    if against := standing.find_reason_against(chosen):
        return _missing(JobKind.PROMOTE, f"Promote {chosen.tag}", against)
    origin = f" from {_named(standing.current)}" if standing.current else ""
    stays = f" {standing.current.tag} keeps running for a rollback." if standing.current else ""
    return Offer(
        JobKind.PROMOTE.value,
        f"Promote {chosen.tag}",
        f"Moves every user{origin} to {_named(chosen)}, once it proves to be what was tested.{stays}",
        release_id=chosen.id,
        loses=_tell_left(chosen),
        goes_back=chosen.state is State.ROLLED_BACK,
    )


def _tell_left(release: Release) -> str:
    """When users were moved away from it, by whom and why; empty where they never were."""
    if release.state is not State.ROLLED_BACK:
        return ""
    why = f", {tell_people(release.reason)}" if release.reason else ""
    return f"Users were moved away from it at {release.updated_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{why}."


def _no_rollback(way_back: WayBack) -> Offer:
    return _missing(JobKind.ROLLBACK, "Roll back", way_back.note)


def _rollback(standing: Standing, chosen: Release) -> Offer:
    origin = f" from {_named(standing.current)}" if standing.current else ""
    return Offer(
        JobKind.ROLLBACK.value,
        f"Roll back to {chosen.tag}",
        f"Moves every user{origin} back to {_named(chosen)}, which still runs. "
        "Goes ahead of everything that waits, and runs no tests.",
        release_id=chosen.id,
    )


def _decommission(standing: Standing) -> Offer:
    if standing.live is None:
        return _missing(
            JobKind.DECOMMISSION, "Decommission", "no color is known to be live, so none is known to be idle"
        )
    idle, held = standing.live.other, standing.idle
    if standing.is_idle_empty and held is None:
        return _missing(JobKind.DECOMMISSION, f"Decommission {idle}", f"nothing runs on {idle}")
    return Offer(
        JobKind.DECOMMISSION.value,
        f"Decommission {idle}",
        f"Takes {idle} out of the routes and deletes its Deployment. Users stay on {standing.live}."
        f"{_tell_due(standing.current)}",
        loses=f"{held.tag} stops: no more switching to that one." if held else "",
    )


def _tell_due(live: Release | None) -> str:
    """The contract migration that a decommission runs then."""
    is_contract = live is not None and live.migration.kind is Migration.CONTRACT
    if live is None or not is_contract or live.migration.state is MigrationState.PASSED:
        return ""
    return f" Then runs the contract migration of {live.tag}: from then on no older version is safe."


def _cancel(release: Release, going: Job | None) -> Offer:
    what = going.kind if going else JobKind.DEPLOY
    return Offer(
        "cancel",
        "Cancel",
        f"Stops the {what} of {release.tag}. A migration that runs is waited for; "
        "what was deployed so far stays to be looked at.",
    )


def _start(release: Release) -> Offer:
    return Offer(
        "start",
        "Start now",
        f"Lets {release.tag} go into its queue at once, whatever CI and the registry say. "
        "Users stay where they are.",
    )


def _retry(release: Release) -> Offer:
    return Offer(
        "retry",
        "Retry",
        f"Runs all stages of {release.tag} again, from the first. Users stay where they are.",
    )


def _missing(kind: JobKind, label: str, why: str) -> Offer:
    return Offer(kind.value, label, why, is_possible=False)


def _named(release: Release) -> str:
    return f"{release.tag} ({release.color})"
