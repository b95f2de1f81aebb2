"""Bringing objects to what a manifest says, one turn at a time, without taking what others own.

Each write follows a read and a question for the turn, is bound to what was read, and stamps the turn's fence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

from cluster import objects
from cluster.change import DEFAULT_WAIT, change, retry_stale
from cluster.errors import AlreadyExists, ClusterError, Conflict, Invalid, NotFound, Unavailable
from cluster.fence import check_not_taken, fence_of, is_stamped, stamped
from cluster.kinds import Object, Ref, ref_of
from cluster.ownership import (
    KUBECTL_APPLY,
    OURS,
    OwnedField,
    adopt_own_writes,
    conflicting_fields,
    is_kubectls,
    not_to_take,
)
from cluster.patch import Patch, at_version, set_annotations
from cluster.redaction import without_values
from cluster.waiting import Deadline
from release.names import DIRECT, FENCE, FIELD_MANAGER
from release.problems import Problem
from release.turn import LostTurn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cluster.connection import Cluster
    from release.turn import Turn

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""What ``kubectl apply`` keeps of its manifest; it goes when the fields that it is about are ours."""

SERVER_SIDE: Final = ("resourceVersion", "managedFields", "generation", "uid", "creationTimestamp")


@dataclass(frozen=True, slots=True)
class PutOutcome:
    """What became of an object. ``changed``: more than our stamps. ``notes``: what was taken from whom."""

    changed: bool
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trial:
    """One object's dry run: ``result`` as it would stand, or the ``refusal`` and its ``words``."""

    obj: Object = field(repr=False)
    result: Object | None = field(default=None, repr=False)
    words: str = ""
    refusal: ClusterError | None = None


def dry_run(cluster: Cluster, obj: Object, *, take_over: Collection[str] = (), force: bool = False) -> Trial:
    """What the server would make of an apply, or its own message.

    ``force``: for objects that are patched rather than applied, whose owners don't matter.

    Raises:
        Unavailable: the cluster is away, which says nothing about the object.
    """
    try:
        return Trial(obj, result=objects.apply(cluster, obj, force=force, dry_run=True))
    except Conflict as conflict:
        refused = not_to_take(conflicting_fields(conflict), take_over)
        if force or not conflict.is_about_fields:
            return Trial(obj, words=conflict.message, refusal=conflict)
        if refused:
            words = f"fields with other owners: {', '.join(map(str, refused))}"
            return Trial(obj, words=words, refusal=conflict)
        return dry_run(cluster, obj, force=True)
    except Unavailable:
        raise
    except ClusterError as refusal:
        return Trial(obj, words=without_values(refusal.message, obj), refusal=refusal)


def put(
    cluster: Cluster,
    obj: Object,
    *,
    turn: Turn,
    take_over: Collection[str] = (),
    deadline: Deadline | None = None,
) -> PutOutcome:
    """Create the object or apply it over what is there.

    ``take_over``: managers whose fields the app's configuration lets us take; each field is noted.

    Raises:
        Problem: ``field-conflict``: others own fields; ``cluster-unavailable``: away to the deadline.
        Invalid, Forbidden, NotFound: the server refuses the object.
        LostTurn: somebody else has the turn.
    """
    limit = deadline or Deadline.after(DEFAULT_WAIT)
    try:
        return retry_stale(lambda: _put_once(cluster, obj, turn, take_over), deadline=limit, turn=turn)
    except Invalid as refusal:
        raise Invalid(without_values(refusal.message, obj), status=refusal.status) from None


def annotate(
    cluster: Cluster,
    ref: Ref,
    annotations: Mapping[str, str | None],
    *,
    turn: Turn,
    deadline: Deadline | None = None,
) -> Object:
    """Set annotations of an object that exists; None takes one away.

    Raises:
        NotFound: there is no such object.
        LostTurn: somebody else has the turn.
    """

    def build(obj: Object) -> Patch | None:
        wanted = set_annotations(obj, annotations)
        return [*at_version(obj), *wanted] if wanted else None

    return change(cluster, ref, build, turn=turn, deadline=deadline)


def stamp_fence(
    cluster: Cluster, references: Iterable[Ref], *, turn: Turn, deadline: Deadline | None = None
) -> None:
    """Mark every object that exists with our fence: the first act of whoever takes a stage over.

    It moves each resourceVersion, so that a write which a frozen worker prepared before meets a 409. What
    does not exist needs no mark: creating is a POST, which the second of two loses.

    Raises:
        LostTurn: an object carries a higher fence: somebody took over from us.
    """
    limit = deadline or Deadline.after(DEFAULT_WAIT)
    for ref in references:
        try:
            change(cluster, ref, lambda obj: _stamp(obj, turn), turn=turn, deadline=limit)
        except NotFound:
            continue


def _stamp(obj: Object, turn: Turn) -> Patch | None:
    """Bind to what was read; ``change`` adds the stamp itself."""
    standing = fence_of(obj)
    if turn.fence and standing > turn.fence:
        raise LostTurn(f"{ref_of(obj)} carries fence {standing}, ours is {turn.fence}")
    return None if is_stamped(obj, turn) else at_version(obj)


def take_stamp_off(cluster: Cluster, ref: Ref, *, turn: Turn, deadline: Deadline) -> None:
    """Undo the stamp of a direct rollback that was not made: whoever was kept from writing may go on.

    Raises:
        ClusterError: it could not be taken off.
    """

    def attempt() -> None:
        obj = objects.find(cluster, ref)
        if obj is None or not is_stamped(obj, turn):
            return
        objects.patch_json(
            cluster, ref, [*at_version(obj), *set_annotations(obj, {DIRECT: str(turn.directs - 1)})]
        )

    retry_stale(attempt, deadline=deadline, turn=turn)


def _put_once(cluster: Cluster, obj: Object, turn: Turn, take_over: Collection[str]) -> PutOutcome:
    current = objects.find(cluster, ref_of(obj))
    if current is None:
        _create(cluster, obj, turn)
        return PutOutcome(changed=True)
    if "deletionTimestamp" in current["metadata"]:
        raise Conflict(f"{ref_of(obj)} is being deleted")
    check_not_taken(current, ref_of(obj), turn)
    inherited = _find_taken(cluster, obj, take_over) if is_kubectls(current) else []
    bound = stamped(obj, turn, version=_adopt(cluster, current, turn))
    applied, taken = _apply_over(cluster, bound, turn, take_over)
    foreign = dict.fromkeys(item for item in (*inherited, *taken) if item.manager != FIELD_MANAGER)
    notes = [f"took over {item}" for item in foreign]
    if is_kubectls(current):
        notes.append(f"what {KUBECTL_APPLY} owned of it belongs to {FIELD_MANAGER} from now on")
    return PutOutcome(changed=_content(current) != _content(applied), notes=notes)


def _create(cluster: Cluster, obj: Object, turn: Turn) -> None:
    turn.check()
    try:
        objects.create(cluster, stamped(obj, turn))
    except AlreadyExists as exists:
        # Somebody was faster, or it was us and the answer got lost: read again, as after any stale write.
        raise Conflict(exists.message, status=exists.status, reason=exists.reason) from exists


def _adopt(cluster: Cluster, current: Object, turn: Turn) -> str:
    """Make what we wrote, and ``kubectl apply`` before us, ours to apply; the object's version then."""
    adoption = adopt_own_writes(current, managers=OURS)
    if not adoption:
        return objects.version_of(current)
    turn.check()
    return objects.version_of(objects.patch_json(cluster, ref_of(current), adoption))


def _apply_over(
    cluster: Cluster, bound: Object, turn: Turn, take_over: Collection[str]
) -> tuple[Object, list[OwnedField]]:
    """Apply, by force only where every owner in the way is one that we may overrule."""
    turn.check()
    try:
        return objects.apply(cluster, bound), []
    except Conflict as conflict:
        if not conflict.is_about_fields:
            raise
        taken = _check_takeable(bound, conflict, take_over)
    turn.check()
    return objects.apply(cluster, bound, force=True), taken


def _find_taken(cluster: Cluster, obj: Object, take_over: Collection[str]) -> list[OwnedField]:
    """What an apply would take from others: asked before fields are handed over, as then no owner is left.

    Raises:
        Problem: it would be refused.
    """
    try:
        objects.apply(cluster, obj, dry_run=True)
    except Conflict as conflict:
        if not conflict.is_about_fields:
            raise
        return _check_takeable(obj, conflict, take_over)
    return []


def _check_takeable(obj: Object, conflict: Conflict, take_over: Collection[str]) -> list[OwnedField]:
    fields = conflicting_fields(conflict)
    refused = not_to_take(fields, take_over)
    if refused:
        _refuse(obj, refused, conflict)
    return fields


def _refuse(obj: Object, refused: list[OwnedField], conflict: Conflict) -> NoReturn:
    managers = sorted({item.manager for item in refused})
    raise Problem(
        "field-conflict",
        "Somebody else owns fields that the manifest sets",
        detail=f"{ref_of(obj)}: {', '.join(map(str, refused))}",
        next_step=(
            f"Take the fields out of the manifest, or list {', '.join(managers)} under the app's take_over "
            "if Verdigris may overrule it."
        ),
    ) from conflict


def _content(obj: Object) -> Object:
    """What people mean by the object: without status and bookkeeping, ours and that of ``kubectl apply``."""
    metadata = {name: value for name, value in obj["metadata"].items() if name not in SERVER_SIDE}
    ours = {FENCE, LAST_APPLIED}
    kept = {name: value for name, value in objects.annotations_of(obj).items() if name not in ours}
    return {**obj, "metadata": {**metadata, "annotations": kept}, "status": None}
