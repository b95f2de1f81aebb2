"""The number of the turn that wrote an object last, kept on the object itself. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.objects import annotations_of
from cluster.patch import ANNOTATIONS, Patch, add, pointer
from release.names import FENCE

if TYPE_CHECKING:
    from cluster.kinds import Object


def fence_of(obj: Object) -> int:
    """The fence of the last writer; 0 where none of ours wrote, or somebody spoiled it."""
    text = annotations_of(obj).get(FENCE, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def stamped(obj: Object, fence: int, *, version: str | None = None) -> Object:
    """The object to send: with our fence, and bound to the version that was read where there is one."""
    annotations = {**annotations_of(obj), FENCE: str(fence)}
    metadata: dict[str, Any] = {**obj["metadata"], "annotations": annotations}
    if version:
        metadata["resourceVersion"] = version
    return {**obj, "metadata": metadata}


def with_fence(patch: Patch, obj: Object, fence: int) -> Patch:
    """The patch that also stamps the writer's fence."""
    makes_annotations = any(operation["path"] == ANNOTATIONS for operation in patch)
    if obj["metadata"].get("annotations") is None and not makes_annotations:
        return [*patch, *add(ANNOTATIONS, {FENCE: str(fence)})]
    return [*patch, *add(ANNOTATIONS + pointer(FENCE), str(fence))]
