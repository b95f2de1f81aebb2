"""Changing an object that exists, one turn at a time: read, ask for the turn, write what was read.

This order is what makes a frozen worker harmless: whoever takes over stamps the object first, so that a write
prepared before meets a 409; one prepared after asks for the turn and learns that it is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from cluster import objects
from cluster.errors import Conflict, Invalid
from cluster.fence import check_not_taken, with_stamp
from cluster.waiting import Deadline, retry_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.connection import Cluster
    from cluster.kinds import Object, Ref
    from cluster.patch import Patch
    from release.turn import Turn

T = TypeVar("T")

DEFAULT_WAIT: Final = 120.0
"""Seconds that a write may take in all where the caller sets no deadline."""

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0


def change(
    cluster: Cluster,
    ref: Ref,
    build: Callable[[Object], Patch | None],
    *,
    turn: Turn,
    deadline: Deadline | None = None,
) -> Object:
    """Patch an object with what ``build`` makes of it; None: it is right already, nothing is written.

    A stale patch is built again from a fresh read: whatever ``build`` decides from it has to read each time.

    Raises:
        NotFound: there is no such object.
        Conflict: still stale at the deadline.
        Problem: the cluster stayed away to the deadline.
        LostTurn: somebody else has the turn.
        Problem: ``taken-directly``: a direct rollback took the object since the turn began.
    """
    limit = deadline or Deadline.after(DEFAULT_WAIT)
    return retry_stale(lambda: _change_once(cluster, ref, build, turn), deadline=limit, turn=turn)


def retry_stale(attempt: Callable[[], T], *, deadline: Deadline, turn: Turn) -> T:
    """Repeat a whole attempt (read, turn, write) while somebody else writes in between.

    Conflicts over fields are final here: reading again changes no owner.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return retry_unavailable(attempt, deadline=deadline, turn=turn)
        except Conflict as error:
            if error.is_about_fields or deadline.is_over:
                raise
        turn.pause(min(pause, deadline.remaining))
        pause = min(2 * pause, LONGEST_PAUSE)


def _change_once(cluster: Cluster, ref: Ref, build: Callable[[Object], Patch | None], turn: Turn) -> Object:
    obj = objects.get(cluster, ref)
    patch = build(obj)
    if not patch:
        return obj
    turn.check()
    check_not_taken(obj, ref, turn)
    try:
        return objects.patch_json(cluster, ref, with_stamp(patch, obj, turn))
    except Invalid as refusal:
        raise _find_staleness(cluster, ref, obj, refusal) or refusal from refusal


def _find_staleness(cluster: Cluster, ref: Ref, obj: Object, refusal: Invalid) -> Conflict | None:
    """A conflict that was answered as a 422; None where the patch itself is wrong.

    The API patches what stands *now* and compares versions afterwards. Where the list has moved on, a path of
    a stale patch may lead nowhere, and the answer is a 422 without a reason.
    """
    standing = objects.get(cluster, ref)
    if objects.version_of(standing) == objects.version_of(obj):
        return None
    return Conflict(f"{ref} was changed at the same time", status=refusal.status, reason=refusal.reason)
