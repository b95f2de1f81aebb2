"""An app's objects in the cluster, by the names that the configuration gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster.kinds import Ref
from release.model import Color

if TYPE_CHECKING:
    from release.config import App
    from tasks.step import Act


@dataclass(frozen=True, slots=True)
class Targets:
    """References to what a release may write."""

    service: Ref
    virtual_service: Ref
    destination_rule: Ref
    blue: Ref
    green: Ref

    def deployment(self, color: Color) -> Ref:
        """The Deployment of a color."""
        return self.blue if color is Color.BLUE else self.green


def targets_of_app(name: str, app: App) -> Targets:
    """The objects of an app, wherever they exist."""
    named = app.objects

    def ref(kind: str, pattern: str, color: str = "") -> Ref:
        return Ref(kind, app.namespace, pattern.format(app=name, color=color))

    return Targets(
        service=ref("Service", named.service),
        virtual_service=ref("VirtualService", named.virtual_service),
        destination_rule=ref("DestinationRule", named.destination_rule),
        blue=ref("Deployment", named.deployment, Color.BLUE),
        green=ref("Deployment", named.deployment, Color.GREEN),
    )


def targets_of(step: Act) -> Targets:
    """The objects of the step's app."""
    return targets_of_app(step.name, step.app)
