"""Values that pods take from Secrets and ConfigMaps when they start: were they written since the tests?

A pod that is started for a promote would take the new ones, which nobody tested. Nothing of their content is
kept: only when their values were last written, as the cluster itself tells.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from cluster.edits import tell_writer, time_of_write
from cluster.errors import Forbidden
from cluster.kinds import Ref
from cluster.objects import find
from cluster.references import references_of

if TYPE_CHECKING:
    from cluster.kinds import Object
    from tasks.step import Step

VALUES = ("data", "binaryData")


def note_inputs(step: Step, deployment: Object) -> str:
    """What the pods' environment is taken from, each with its state, as an annotation; empty for nothing."""
    noted = {}
    for ref in _inputs_of(step, deployment):
        try:
            noted[f"{ref.kind}/{ref.name}"] = _state_of(step.ask(partial(find, step.cluster, ref)))
        except Forbidden:
            step.tell(f"{ref} can't be read: if it is changed, a promote will not notice")
    return json.dumps(noted, sort_keys=True, separators=(",", ":")) if noted else ""


def tell_inputs(step: Step, noted: str | None) -> list[str]:
    """Those that were written, made or deleted since they were noted."""
    told = []
    for ref, state in refs_noted(noted, step.app.namespace).items():
        try:
            obj = step.ask(partial(find, step.cluster, ref))
        except Forbidden:
            continue
        if _state_of(obj) != state:
            told.append(f"{ref.kind} {ref.name}, which pods take their environment from, {_tell(obj)}")
    return told


def refs_noted(noted: str | None, namespace: str) -> dict[Ref, object]:
    """What was noted, with the state in which it was."""
    names = ((name.partition("/"), state) for name, state in sorted(_read(noted).items()))
    return {Ref(kind, namespace, name): state for (kind, _, name), state in names}


def _inputs_of(step: Step, deployment: Object) -> list[Ref]:
    references = references_of(deployment["spec"]["template"])
    named = {(one.kind, one.name) for one in references if one.use.startswith("env")}
    return [Ref(kind, step.app.namespace, name) for kind, name in sorted(named)]


def _state_of(obj: Object | None) -> str:
    """Which object it is and when its values were written last; empty where there is none."""
    if obj is None:
        return ""
    written = max(time_of_write(obj, (name,)) for name in VALUES)
    return f"{obj['metadata']['uid']} {written or obj['metadata']['resourceVersion']}"


def _tell(obj: Object | None) -> str:
    if obj is None:
        return "is gone"
    writer = tell_writer(obj, ("data",))
    return f"was written since{f' ({writer})' if writer else ''}"


def _read(noted: str | None) -> dict[str, str]:
    """What was noted; nothing where it was not, or somebody spoiled it."""
    try:
        found = json.loads(noted or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
