"""The rights that the stages need in an app's namespace, and those that only let sanity see more.

What is listed here is what the code of ``cluster/`` asks the API server for; the Role in ``deploy/`` gives
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluster.kinds import KINDS
from cluster.permissions import Right, rights_on
from tasks.migration_ledger import ledger_of
from tasks.targets import targets_of

if TYPE_CHECKING:
    from cluster.references import Reference
    from source.manifests import Manifests
    from tasks.step import Step

WRITTEN: Final = ("get", "create", "patch")
"""Of every object that a release writes."""


def needed_rights(step: Step, manifests: Manifests | None) -> list[Right]:
    """What a release of the app needs from its deploy to its decommission."""
    targets = targets_of(step)
    deployment = targets.deployment(step.color).name
    return [
        *rights_on("Service", *WRITTEN, name=targets.service.name),
        *rights_on("Deployment", "list", "watch", *WRITTEN, "delete", name=deployment),
        *rights_on("ReplicaSet", "list", "watch"),
        *rights_on("Pod", "list", "watch"),
        *rights_on("Pod", "get", subresource="log"),
        *rights_on("HorizontalPodAutoscaler", "get", "list", "patch"),
        *rights_on("VirtualService", *WRITTEN, name=targets.virtual_service.name),
        *rights_on("DestinationRule", *WRITTEN, name=targets.destination_rule.name),
        *(_rights_to_run() if step.app.migrate or step.app.smoke.commands else []),
        *(_rights_to_migrate(step) if step.app.has_migration else []),
        *(_rights_to_write(step, manifests) if manifests else []),
    ]


def rights_to_see(references: list[Reference]) -> list[Right]:
    """What sanity can do without: then it says what it could not look at."""
    named = [right for one in references for right in rights_on(one.kind, "get", name=one.name)]
    kinds = ("ResourceQuota", "LimitRange", "Service", "VirtualService")
    return [*(right for kind in kinds for right in rights_on(kind, "list")), *dict.fromkeys(named)]


def _rights_to_run() -> list[Right]:
    """To run commands in a pod: servers ask for ``get`` of it, from Kubernetes 1.35 on for ``create``."""
    return rights_on("Pod", "get", "create", subresource="exec")


def _rights_to_migrate(step: Step) -> list[Right]:
    """To note how far a migration is, and to run one that is a Job."""
    job = rights_on("Job", "list", "watch", *WRITTEN) if step.app.migrate_job else []
    return [*rights_on("ConfigMap", *WRITTEN, name=ledger_of(step).name), *job]


def _rights_to_write(step: Step, manifests: Manifests) -> list[Right]:
    """Of the gateway, and of further kinds that the app may bring along."""
    gateway = [manifests.gateway] if manifests.gateway else []
    allowed = KINDS.keys() & {*step.app.manifests.allowed_kinds}
    brought = [one for one in manifests.extras if one["kind"] in allowed]
    return [
        right
        for obj in (*gateway, *brought)
        for right in rights_on(obj["kind"], *WRITTEN, name=obj["metadata"]["name"])
    ]
