"""Who wrote an object last, kept on the object itself: a turn of a queue, or a direct rollback. Pure.

A turn leaves its fence. A direct rollback, which stands in no queue, leaves the number of direct rollbacks
that there were; a turn that does not know of it must not write any more (ADR 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.objects import annotations_of
from cluster.patch import ANNOTATIONS, Patch, add, pointer
from release.names import DIRECT, FENCE
from release.problems import Problem

if TYPE_CHECKING:
    from cluster.kinds import Object, Ref
    from release.turn import Turn


def fence_of(obj: Object) -> int:
    """The fence of the last writer; 0 where none of ours wrote, or somebody spoiled it."""
    return _number(obj, FENCE)


def directs_of(obj: Object | None) -> int:
    """How many direct rollbacks an object tells of; 0 where there was none, or somebody spoiled it."""
    return _number(obj, DIRECT) if obj else 0


def check_not_taken(obj: Object, ref: Ref, turn: Turn) -> None:
    """Refuse to write what a direct rollback took, of which this turn knows nothing: it decided before that.

    Raises:
        Problem: naming the object.
    """
    taken, known = directs_of(obj), turn.directs
    if taken <= known:
        return
    raise Problem(
        "taken-directly",
        "Users were rolled back directly meanwhile",
        detail=f"{ref} was taken by direct rollback {taken}; what began before its end knows of {known}",
        next_step=(
            "look at what is live now, then ask again; if this comes again and no direct rollback runs, one "
            f"was broken off: `kubectl -n {ref.namespace} annotate {ref.kind} {ref.name} {DIRECT}-`"
        ),
    )


def stamps_of(turn: Turn) -> dict[str, str]:
    """The annotations that a write of this turn leaves."""
    return {FENCE: str(turn.fence)} if turn.fence else {DIRECT: str(turn.directs)}


def is_stamped(obj: Object, turn: Turn) -> bool:
    """Whether the object carries the turn's stamp already."""
    return stamps_of(turn).items() <= annotations_of(obj).items()


def stamped(obj: Object, turn: Turn, *, version: str | None = None) -> Object:
    """The object to send: with our stamp, and bound to the version that was read where there is one."""
    annotations = {**annotations_of(obj), **stamps_of(turn)}
    metadata: dict[str, Any] = {**obj["metadata"], "annotations": annotations}
    if version:
        metadata["resourceVersion"] = version
    return {**obj, "metadata": metadata}


def with_stamp(patch: Patch, obj: Object, turn: Turn) -> Patch:
    """The patch that also leaves the writer's stamp."""
    stamps = stamps_of(turn)
    makes_annotations = any(operation["path"] == ANNOTATIONS for operation in patch)
    if obj["metadata"].get("annotations") is None and not makes_annotations:
        return [*patch, *add(ANNOTATIONS, stamps)]
    added = [
        operation for name, value in stamps.items() for operation in add(ANNOTATIONS + pointer(name), value)
    ]
    return [*patch, *added]


def _number(obj: Object, name: str) -> int:
    text = annotations_of(obj).get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0
