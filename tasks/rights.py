"""The rights that the stages need in an app's namespace, and those that only let sanity see more.

What is listed here is what the code of ``cluster/`` asks the API server for; the Role in ``deploy/`` gives
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluster.kinds import KINDS
from cluster.permissions import Right, rights_on
from tasks.migration_ledger import ledger_of_app
from tasks.targets import targets_of_app

if TYPE_CHECKING:
    from cluster.references import Reference
    from release.config import App
    from release.model import Color
    from source.manifests import Manifests

WRITTEN: Final = ("get", "create", "patch")
"""Of every object that a release writes."""


def needed_rights(name: str, app: App, color: Color, *, manifests: Manifests | None = None) -> list[Right]:
    """What a release of the app to a color needs from its deploy to its decommission.

    Without ``manifests``: but for the kinds that the repository brings along.
    """
    targets = targets_of_app(name, app)
    deployment = targets.deployment(color).name
    return [
        *rights_on("Service", *WRITTEN, name=targets.service.name),
        *rights_on("Deployment", "list", "watch", *WRITTEN, "delete", name=deployment),
        *rights_on("ReplicaSet", "list", "watch"),
        *rights_on("Pod", "list", "watch"),
        *rights_on("Pod", "get", subresource="log"),
        *rights_on("HorizontalPodAutoscaler", "get", "list", "patch"),
        *rights_on("VirtualService", *WRITTEN, name=targets.virtual_service.name),
        *rights_on("DestinationRule", *WRITTEN, name=targets.destination_rule.name),
        *(_rights_to_run() if app.migrate or app.smoke.commands else []),
        *(_rights_to_migrate(name, app) if app.has_migration else []),
        *(_rights_to_write(app, manifests) if manifests else []),
    ]


def rights_to_see(references: list[Reference]) -> list[Right]:
    """What sanity can do without: then it says what it could not look at."""
    named = [right for one in references for right in rights_on(one.kind, "get", name=one.name)]
    kinds = ("ResourceQuota", "LimitRange", "Service", "VirtualService")
    return [*(right for kind in kinds for right in rights_on(kind, "list")), *dict.fromkeys(named)]


def _rights_to_run() -> list[Right]:
    """To run commands in a pod: servers ask for ``get`` of it, from Kubernetes 1.35 on for ``create``."""
    return rights_on("Pod", "get", "create", subresource="exec")


def _rights_to_migrate(name: str, app: App) -> list[Right]:
    """To note how far a migration is, and to run one that is a Job."""
    job = rights_on("Job", "list", "watch", *WRITTEN) if app.migrate_job else []
    return [*rights_on("ConfigMap", *WRITTEN, name=ledger_of_app(name, app).name), *job]


def _rights_to_write(app: App, manifests: Manifests) -> list[Right]:
    """Of the gateway, and of further kinds that the app may bring along."""
    gateway = [manifests.gateway] if manifests.gateway else []
    allowed = KINDS.keys() & {*app.manifests.allowed_kinds}
    brought = [one for one in manifests.extras if one["kind"] in allowed]
    return [
        right
        for obj in (*gateway, *brought)
        for right in rights_on(obj["kind"], *WRITTEN, name=obj["metadata"]["name"])
    ]
