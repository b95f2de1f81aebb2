"""The subsets of a DestinationRule, one a color: what is missing, what is too much. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import patch
from release.model import Color

if TYPE_CHECKING:
    from cluster.kinds import Object
    from cluster.patch import Patch


def with_both_colors(destination_rule: Object) -> Object:
    """The manifest with a subset for each color: a missing one selects pods by the label ``color``."""
    present = _subsets(destination_rule)
    names = {subset["name"] for subset in present}
    missing = [{"name": str(color), "labels": {"color": str(color)}} for color in Color if color not in names]
    return {**destination_rule, "spec": {**destination_rule["spec"], "subsets": [*present, *missing]}}


def add_subsets(standing: Object, wanted: Object) -> Patch | None:
    """The patch that adds the colors' subsets which are missing; those that stand are left as they are."""
    names = {subset["name"] for subset in _subsets(standing)}
    colors = set(map(str, Color)) - names
    missing = [subset for subset in _subsets(wanted) if subset["name"] in colors]
    if not missing:
        return None
    if not _subsets(standing):
        added = patch.add("/spec/subsets", missing)
    else:
        added = [operation for subset in missing for operation in patch.add("/spec/subsets/-", subset)]
    return [*patch.at_version(standing), *added]


def remove_subset(standing: Object, color: Color) -> Patch | None:
    """The patch that takes a color's subset out; None where it is not there."""
    for index, subset in enumerate(_subsets(standing)):
        if subset["name"] == color:
            return [*patch.at_version(standing), *patch.remove(patch.pointer("spec", "subsets", index))]
    return None


def find_subset_drift(standing: Object, wanted: Object) -> list[str]:
    """Colors whose standing subset chooses pods by other labels than the manifest's."""
    here = {subset["name"]: subset.get("labels") for subset in _subsets(standing)}
    return [
        f"subset {subset['name']} chooses {here[subset['name']]}, the manifest says {subset.get('labels')}"
        for subset in _subsets(wanted)
        if subset["name"] in here and here[subset["name"]] != subset.get("labels")
    ]


def colors_of(destination_rule: Object) -> tuple[Color, ...]:
    """The colors that have a subset."""
    names = {subset["name"] for subset in _subsets(destination_rule)}
    return tuple(color for color in Color if color in names)


def _subsets(destination_rule: Object) -> list[Object]:
    return (destination_rule.get("spec") or {}).get("subsets") or []
