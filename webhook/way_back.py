"""Whether a way leads back from what is live, and is safe: the same words on pages and in the API.

A pure decision over what Redis knows. Before: what ends it. After: what ended it, and when.
A way back is not safe to code that is older than a contract migration which has begun (ADR 9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

from release.model import JobKind, Migration, MigrationState, State
from webhook.people import tell_people

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from release.model import Job, Release
    from webhook.services import Services
    from webhook.standing import Standing


@dataclass(frozen=True, slots=True)
class WayBack:
    """``release`` is where a rollback would move users; ``note`` tells of it, or why there is none.

    ``since``: when it ceased to be safe, as far as that is known.
    """

    release: Release | None
    note: str
    is_safe: bool = False
    since: datetime | None = None


def look_back(
    app: str,
    services: Services,
    *,
    standing: Standing,
    queue: Sequence[Job],
    earlier: Sequence[Release] | None = None,
) -> WayBack:
    """An app's way back; earlier releases are read only where they can tell something."""
    if earlier is None:
        may_have_contracted = services.config.apps[app].has_migration
        earlier = services.store.releases(app) if may_have_contracted or not standing.standby else []
    own = [job for job in queue if job.app == app]
    return find_way_back(standing, queue=own, earlier=earlier)


def find_way_back(standing: Standing, *, queue: Sequence[Job], earlier: Sequence[Release]) -> WayBack:
    """Where a rollback would lead. ``queue`` and ``earlier`` hold the app's own jobs and releases."""
    if standing.standby is None:
        return _look_at_closed(standing, earlier)
    note = _tell_open(standing.standby, queue) + _tell_due(standing.current)
    contract = find_contract(standing.standby, earlier)
    if contract is None:
        return WayBack(standing.standby, note, is_safe=True)
    return WayBack(standing.standby, f"{note}; but {tell_contract(contract)}", since=contract.migration.at)


def _look_at_closed(standing: Standing, earlier: Sequence[Release]) -> WayBack:
    lost = None if standing.rolled_back else _find_lost(standing, earlier)
    ended = standing.rolled_back or lost
    found = WayBack(None, _tell_closed(standing, lost), since=ended.updated_at if ended else None)
    contract = find_contract(ended, earlier)
    if contract is None or standing.live is None:
        return found
    return replace(found, note=f"{found.note}; but {tell_contract(contract)}", since=contract.migration.at)


def find_contract(release: Release | None, known: Sequence[Release]) -> Release | None:
    """The contract migration that a release's code does not know of: the first that began of newer releases.

    Without a release: the last that began at all. What a redeploy deploys again is as old as it was.
    """
    begun = [one for one in known if one.migration.has_contracted and one.migration.at]
    begun.sort(key=lambda one: str(one.migration.at))
    if release is None:
        return begun[-1] if begun else None
    by_id = {one.id: one for one in known}
    own = _origin(release.id, by_id | {release.id: release})
    return next((one for one in begun if own < _origin(one.id, by_id)), None)


def tell_contract(contract: Release) -> str:
    """What the contract migration of a release means for older ones."""
    at = contract.migration.at
    began = f" at {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""
    return f"the contract migration of {contract.tag} began{began}: older code may not work with what it left"


def _origin(release_id: str, known: Mapping[str, Release]) -> str:
    """The release that a redeploy was first. Ids sort by time."""
    seen: set[str] = set()
    while release_id not in seen and (found := known.get(release_id)) and found.redeploy_of:
        seen.add(release_id)
        release_id = found.redeploy_of
    return release_id


def _tell_due(live: Release | None) -> str:
    """What a decommission would end, beside the way back."""
    if live is None or live.migration.kind is not Migration.CONTRACT:
        return ""
    if live.migration.state is not MigrationState.PENDING:
        return ""
    return f"; `verdigris decommission {live.app}` ends that and runs the contract migration of {live.tag}"


def _tell_open(standby: Release, queue: Sequence[Job]) -> str:
    deploys = (job for job in queue if job.kind is JobKind.DEPLOY and job.color is standby.color)
    taker = next(deploys, None)
    end = f"; {taker.tag} in the queue ends that, from its deploy stage on" if taker else ""
    return f"the way back is open: {standby.tag} still runs on {standby.color}{end}"


def _tell_closed(standing: Standing, lost: Release | None) -> str:
    if standing.live is None:
        return "no color is known to be live, so there is no way back"
    if left := standing.rolled_back:
        forth = standing.find_reason_against(left) or f"promote {left.tag} to return to it"
        return f"no way back: users were moved back already; {forth}"
    if lost:
        return f"no way back to {lost.tag}: {tell_people(lost.reason)}; {_tell_again(lost)}"
    return "no way back: no other release has been live and still runs"


def _tell_again(lost: Release) -> str:
    """How to get it back. One that was adopted was built elsewhere: there is no commit to deploy again."""
    if lost.commit:
        return f"`verdigris redeploy {lost.id}` deploys it again"
    return f"it has no commit: push a tag of it that ends in -{lost.color}, `verdigris deploy {lost.app} TAG`"


def _find_lost(standing: Standing, earlier: Sequence[Release]) -> Release | None:
    """What users could last have been moved back to: only releases that were live become retired.

    Never one that users were moved away from: nobody is advised to bring back what was bad.
    """
    retired = [one for one in earlier if one.state is State.RETIRED and one.was is not State.ROLLED_BACK]
    beside = [one for one in retired if one.color is not standing.live]
    return max(beside, key=lambda one: one.updated_at, default=None)
