"""Looking into a workload's pod template, whatever stands in it: a refused manifest is read as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster.kinds import Object


def mapping(node: object, *path: str) -> Object:
    """The mapping at a path of keys; an empty one where nothing, or something else, stands."""
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def mappings(node: object, *path: str) -> list[Object]:
    """The mappings of the list at a path of keys."""
    found = mapping(node, *path[:-1]).get(path[-1])
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts(node: object, *path: str) -> list[str]:
    """The texts of the list at a path of keys."""
    found = mapping(node, *path[:-1]).get(path[-1])
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def template_of(workload: Object) -> Object:
    """The pod template of a Deployment."""
    return mapping(workload, "spec", "template")


def containers_of(template: Object) -> list[Object]:
    """Every container of a template, those that run before the others first."""
    return [*mappings(template, "spec", "initContainers"), *mappings(template, "spec", "containers")]
