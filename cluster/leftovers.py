"""What a release brought along beside its five files, remembered on its Deployment. Pure.

Nothing is deleted by what is remembered here: it is read to tell people what no manifest names any more.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from cluster.kinds import KINDS, Ref
from cluster.objects import annotations_of
from release.names import FIELD_MANAGER, LEFT_OBJECTS, OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluster.kinds import Object

_COLOR: Final = re.compile("blue|green")
_SWAPPED: Final = {"blue": "green", "green": "blue"}


def memory_of(extras: Iterable[Object], *, left: Iterable[Ref]) -> dict[str, str]:
    """The annotations that a Deployment remembers by: what its release names, and what others have left."""
    named = (f"{obj['kind']}/{obj['metadata']['name']}" for obj in extras)
    gone = (f"{ref.kind}/{ref.name}" for ref in left)
    return {OBJECTS: _dump(named), LEFT_OBJECTS: _dump(gone)}


def named_by(deployment: Object) -> frozenset[Ref] | None:
    """What the release of a Deployment brought along; None where the Deployment does not tell."""
    return _read(deployment, OBJECTS)


def left_to(deployment: Object) -> frozenset[Ref]:
    """What earlier releases had left when the Deployment was written."""
    return _read(deployment, LEFT_OBJECTS) or frozenset()


def twin_of(ref: Ref) -> Ref:
    """The same object of the other color: ``shop-blue`` is what ``shop-green`` is there."""
    name = _COLOR.sub(lambda found: _SWAPPED[found[0]], ref.name)
    return Ref(ref.kind, ref.namespace, name)


def is_written_by_us(obj: Object) -> bool:
    """Whether Verdigris wrote more of the object than a stamp."""
    entries = obj["metadata"].get("managedFields") or []
    return any(
        entry.get("manager") == FIELD_MANAGER
        and (entry.get("operation") == "Apply" or not _is_stamp(entry.get("fieldsV1") or {}))
        for entry in entries
    )


def _is_stamp(fields: Object) -> bool:
    return set(fields) <= {"f:metadata"} and set(fields.get("f:metadata", {})) <= {"f:annotations"}


def _dump(names: Iterable[str]) -> str:
    return json.dumps(sorted(set(names)), separators=(",", ":"))


def _read(deployment: Object, annotation: str) -> frozenset[Ref] | None:
    """Anybody who may write the Deployment may have written this: what is no name of ours is passed over."""
    try:
        names = json.loads(annotations_of(deployment).get(annotation, ""))
    except ValueError:
        return None
    if not isinstance(names, list):
        return None
    namespace = deployment["metadata"]["namespace"]
    parts = [name.partition("/") for name in names if isinstance(name, str)]
    return frozenset(Ref(kind, namespace, name) for kind, _, name in parts if kind in KINDS and name)
