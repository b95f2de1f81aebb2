"""Objects that the manifests no longer name: told, with the command that removes them, and never deleted.

Only what releases brought along beside the five files, and only what Verdigris wrote. What another
Deployment of the namespace names as well is still in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster.errors import Forbidden
from cluster.kinds import KINDS, ref_of
from cluster.leftovers import is_written_by_us, left_to, named_by, twin_of
from cluster.objects import annotations_of, find, list_objects
from release.names import TAG
from source.manifests import objects_of
from tasks.findings import Finding
from tasks.targets import targets_of

if TYPE_CHECKING:
    from cluster.kinds import Object, Ref
    from source.manifests import Manifests
    from tasks.findings import Findings
    from tasks.step import Step


@dataclass(frozen=True, slots=True)
class Leftover:
    """An object without a manifest. ``users``: the Deployments that came with it, in words."""

    ref: Ref
    users: tuple[str, ...]


def tell_leftovers(step: Step, manifests: Manifests, findings: Findings) -> None:
    """Warn of each object that stays behind."""
    for leftover in find_leftovers(step, manifests):
        findings.warn(_finding(leftover))


def find_leftovers(step: Step, manifests: Manifests) -> list[Leftover]:
    """What earlier releases of either color brought along, this one does not, and still stands.

    Until the release's Deployment is written; from then on that tells the same, so a repeated stage does.
    """
    kind, namespace = "Deployment", step.app.namespace
    deployments, _ = step.ask(lambda: list_objects(step.cluster, kind, namespace))
    own = {targets_of(step).deployment(color) for color in (step.color, step.color.other)}
    known = {ref for one in deployments if ref_of(one) in own for ref in _known_to(one)}
    named = {ref_of(obj) for obj in objects_of(manifests)}
    gone = [ref for ref in known if not {ref, twin_of(ref)} & named and _stands(step, ref)]
    others = [one for one in deployments if ref_of(one) != targets_of(step).deployment(step.color)]
    return [Leftover(ref, _users_of(step, ref, others)) for ref in sorted(gone, key=str)]


def _known_to(deployment: Object) -> frozenset[Ref]:
    return (named_by(deployment) or frozenset()) | left_to(deployment)


def _stands(step: Step, ref: Ref) -> bool:
    """Whether there is such an object, and it is ours. What we may not look at any more counts as gone."""
    try:
        found = step.ask(lambda: find(step.cluster, ref))
    except Forbidden as refusal:
        step.tell(f"not looked at: {ref}, which an earlier release brought along ({refusal.message})")
        return False
    return found is not None and is_written_by_us(found)


def _users_of(step: Step, ref: Ref, others: list[Object]) -> tuple[str, ...]:
    """Those that came with the object, and the other color where nothing tells what it came with."""
    beside = targets_of(step).deployment(step.color.other)
    users = []
    for one in others:
        named = named_by(one)
        if ref in (named or ()) or (named is None and ref_of(one) == beside):
            users.append(f"{annotations_of(one).get(TAG, 'what runs')} ({one['metadata']['name']})")
    return tuple(users)


def _finding(leftover: Leftover) -> Finding:
    ref, users = leftover.ref, " and ".join(leftover.users)
    group = KINDS[ref.kind].group
    resource = f"{ref.kind.lower()}{f'.{group}' if group else ''}"
    what = "it, and all that is stored there" if ref.kind == "PersistentVolumeClaim" else "it"
    removes = f"`kubectl -n {ref.namespace} delete {resource} {ref.name}` removes {what}"
    told = f"{ref.kind} {ref.name}: no manifest names it any more; it is left as it is"
    if users:
        told = f"{told}, as {users} may need it"
        removes = f"once that is replaced or gone, {removes}"
    return Finding("object-left", "An object has no manifest any more", told, removes)
