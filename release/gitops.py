"""How a tool that keeps objects as they stand in Git is told to leave our switch alone. Words only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.others import Tool

if TYPE_CHECKING:
    from release.others import Writer

ADVICE: Final = {
    Tool.ARGO_CD: (
        "let Argo CD leave the default entry's subset and the test entry alone: in its Application, "
        "`ignoreDifferences` with the JSON pointer `/spec/http` of this VirtualService and `/spec/subsets` "
        "of its DestinationRule, and the sync option `RespectIgnoreDifferences=true`"
    ),
    Tool.FLUX: (
        "let Flux create both objects and then leave them alone: the annotation "
        "`kustomize.toolkit.fluxcd.io/ssa: IfNotPresent` on VirtualService and DestinationRule in Git"
    ),
    Tool.FLUX_HELM: (
        "let Flux leave both objects alone: in the HelmRelease, `spec.driftDetection.ignore` with the paths "
        "`/spec/http` and `/spec/subsets`; and take VirtualService and DestinationRule out of the chart, as "
        "an upgrade writes them too"
    ),
    Tool.HELM: "take VirtualService and DestinationRule out of the chart: an upgrade writes them each time",
}

NOBODY: Final = "find out who applies VirtualService and DestinationRule, and leave both out of it"


def tell_who(writer: Writer | None) -> str:
    """Who it was, as far as it is known: the manager's name, when, and the tool behind it."""
    if writer is None:
        return "somebody whom the cluster does not name"
    if writer.tool is None:
        return str(writer)
    if writer.is_by_mark:
        return f"{writer}, on an object that bears the marks of {writer.tool},"
    return f"{writer.tool}, as {writer},"


def advise(writer: Writer | None) -> str:
    """What keeps it from happening again."""
    tool = writer.tool if writer else None
    return ADVICE[tool] if tool else NOBODY
