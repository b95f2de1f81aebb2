"""What the cluster shows of one Deployment: its newest ReplicaSet, which pods are new and which old. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster.objects import annotations_of, labels_of
from cluster.podstate import is_active, is_ready, template_hash_of
from release.names import REVISION, TEMPLATE_HASH_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cluster.kinds import Object


@dataclass(frozen=True, slots=True)
class Picture:
    """A Deployment, and the ReplicaSets and pods that its selector chooses, seen at about the same time."""

    deployment: Object | None
    replica_sets: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    pull_errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_observed(self) -> bool:
        """Whether its controller has seen the newest spec; before, all the rest is about the old one."""
        if self.deployment is None:
            return False
        observed: int = (self.deployment.get("status") or {}).get("observedGeneration", 0)
        wanted: int = self.deployment["metadata"].get("generation", 0)
        return observed >= wanted

    @property
    def replica_set(self) -> Object | None:
        """The ReplicaSet of the newest template; None before it was created (or seen)."""
        return find_replica_set(self.deployment, self.replica_sets) if self.deployment else None

    @property
    def template_hash(self) -> str:
        """The newest template's; empty before its ReplicaSet exists."""
        newest = self.replica_set
        return labels_of(newest).get(TEMPLATE_HASH_LABEL, "") if newest else ""

    @property
    def new_pods(self) -> list[Object]:
        """The pods of the newest template that are to stay."""
        wanted = self.template_hash
        return [pod for pod in self.pods if wanted and template_hash_of(pod) == wanted and is_active(pod)]

    @property
    def old_pods(self) -> list[Object]:
        """The Deployment's pods of other templates that still serve.

        Only those of its own ReplicaSets: a selector may choose the other color's pods as well.
        """
        owned = {owned["metadata"]["uid"] for owned in owned_by(self.deployment, self.replica_sets)}
        wanted = self.template_hash
        old = [pod for pod in self.pods if template_hash_of(pod) != wanted and _owner(pod) in owned]
        return [pod for pod in old if is_ready(pod)]


def find_replica_set(deployment: Object, replica_sets: Sequence[Object]) -> Object | None:
    """The ReplicaSet whose revision is the Deployment's; None while the two don't match (yet)."""
    revision = annotations_of(deployment).get(REVISION)
    owned = owned_by(deployment, replica_sets)
    return next((item for item in owned if annotations_of(item).get(REVISION) == revision), None)


def owned_by(owner: Object | None, candidates: Sequence[Object]) -> list[Object]:
    """Those whose controller is ``owner``."""
    uid = owner["metadata"]["uid"] if owner else None
    return [item for item in candidates if uid and _owner(item) == uid]


def selector_of(deployment: Object) -> str:
    """The Deployment's ``matchLabels`` as a selector; its ``matchExpressions`` are left to ownership."""
    return as_selector(deployment["spec"]["selector"].get("matchLabels") or {})


def as_selector(labels: Mapping[str, str]) -> str:
    """Labels as the API wants to be asked for them."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _owner(obj: Object) -> str | None:
    references = obj["metadata"].get("ownerReferences") or []
    return next((item["uid"] for item in references if item.get("controller")), None)
