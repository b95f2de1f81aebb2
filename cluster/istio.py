"""Writing Istio's objects: the route, and the subsets that it may name.

Make before break: a subset is added before a route names it and removed after none does, for Istio delivers
the two objects separately. What the patches are is in ``route`` and ``subsets``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import objects
from cluster.apply import PutOutcome, put
from cluster.change import DEFAULT_WAIT, change, retry_stale
from cluster.errors import AlreadyExists, NotFound
from cluster.fence import stamped
from cluster.kinds import Object, Ref, ref_of
from cluster.subsets import add_subsets, find_subset_drift, remove_subset, with_both_colors
from cluster.waiting import Deadline, retry_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.connection import Cluster
    from cluster.patch import Patch
    from release.model import Color
    from release.turn import Turn


def change_route(
    cluster: Cluster,
    ref: Ref,
    build: Callable[[Object], Patch | None],
    *,
    turn: Turn,
    deadline: Deadline | None = None,
) -> Object:
    """Patch the VirtualService with what ``build`` makes of it, and return what stands then.

    ``build`` is asked again with a fresh read whenever somebody else wrote in between: whatever it must hold
    to (which color is live) it has to look at each time.

    Raises:
        NotFound: there is no VirtualService.
        Conflict: others kept writing until the deadline.
        LostTurn: somebody else has the turn.
    """
    return change(cluster, ref, build, turn=turn, deadline=deadline)


def create_route(
    cluster: Cluster, virtual_service: Object, *, turn: Turn, deadline: Deadline | None = None
) -> Object:
    """Create the VirtualService where there is none, and return the one that stands then.

    That may be somebody else's, who was faster: read it before believing in it.
    """
    limit = deadline or Deadline.after(DEFAULT_WAIT)
    ref = ref_of(virtual_service)

    def attempt() -> Object:
        standing = objects.find(cluster, ref)
        if standing:
            return standing
        turn.check()
        try:
            return objects.create(cluster, stamped(virtual_service, turn))
        except AlreadyExists:
            return objects.get(cluster, ref)

    return retry_stale(attempt, deadline=limit, turn=turn)


def set_subsets(
    cluster: Cluster, destination_rule: Object, *, turn: Turn, deadline: Deadline | None = None
) -> PutOutcome:
    """Make both colors' subsets exist, as the manifest has them; what a team's DestinationRule says stays.

    ``spec.subsets`` is one atomic field for server-side apply, hence the patch.
    """
    limit = deadline or Deadline.after(DEFAULT_WAIT)
    ref, wanted = ref_of(destination_rule), with_both_colors(destination_rule)
    before = retry_unavailable(lambda: objects.find(cluster, ref), deadline=limit, turn=turn)
    if before is None:
        return put(cluster, wanted, turn=turn, deadline=limit)
    after = change(cluster, ref, lambda obj: add_subsets(obj, wanted), turn=turn, deadline=limit)
    changed = before.get("spec") != after.get("spec")
    return PutOutcome(changed=changed, notes=find_subset_drift(after, wanted))


def steady_subsets(
    cluster: Cluster, ref: Ref, live: Color, *, turn: Turn, deadline: Deadline | None = None
) -> Object | None:
    """Take out the idle color's subset, once no route names it; None where there is no DestinationRule."""
    limit = deadline or Deadline.after(DEFAULT_WAIT)
    try:
        return change(cluster, ref, lambda obj: remove_subset(obj, live.other), turn=turn, deadline=limit)
    except NotFound:
        return None
