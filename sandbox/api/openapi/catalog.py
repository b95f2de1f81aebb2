"""Which document each operation of Kubernetes is in, and under which name the documents define a type."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from sandbox.api.openapi.models import Model, load_models
from sandbox.api.openapi.operations import Operation, load_operations

META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1"
CORE: Final = "api/v1"
_CLASS: Final = re.compile(r"^([A-Z][a-z]+)?V(\d+(?:(?:alpha|beta)\d+)?)([A-Z].*)$")
_OF_META: Final = frozenset({
    "APIGroup", "APIGroupList", "APIResource", "APIResourceList", "APIVersions", "Condition", "DeleteOptions",
    "FieldSelectorRequirement", "GroupVersionForDiscovery", "LabelSelector", "LabelSelectorRequirement",
    "ListMeta", "ManagedFieldsEntry", "ObjectMeta", "OwnerReference", "Preconditions",
    "ServerAddressByClientCIDR", "ShardInfo", "Status", "StatusCause", "StatusDetails", "WatchEvent",
})  # fmt: skip
_OF_OTHERS: Final = {
    "Eviction": "policy",
    **dict.fromkeys(("Scale", "ScaleSpec", "ScaleStatus"), "autoscaling"),
}
_PACKAGES: Final = {
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "apiregistration": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
}


@dataclass(frozen=True)
class Catalog:
    """Operations by the document that they are in, such as `apis/apps/v1`; definitions' names by type."""

    operations: dict[str, tuple[Operation, ...]]
    names: dict[str, str]


@cache
def load_catalog() -> Catalog:
    """Everything of Kubernetes that there are documents of; empty where the client isn't understood."""
    found: dict[str, list[Operation]] = defaultdict(list)
    for operation in load_operations():
        found[locate(operation.path)].append(operation)
    stable = {key: tuple(operations) for key, operations in found.items() if _is_stable(key, found)}
    models = load_models()
    homes: dict[str, set[str]] = defaultdict(set)
    for key, operations in stable.items():
        for name in reach(list_types(operations), models):
            homes[name].add(key)
    return Catalog(stable, {name: _name(name, homes[name]) for name in models})


def locate(path: str) -> str:
    """The document that a path is in: `apis/apps/v1` for `/apis/apps/v1/deployments`."""
    parts = path.strip("/").split("/")
    return "/".join(parts[: {"api": 2, "apis": 3}.get(parts[0], len(parts))])


def split_document(key: str) -> tuple[str, str] | None:
    """Group and version of a document, None for one that is of no version."""
    match key.split("/"):
        case ["api", version]:
            return "", version
        case ["apis", group, version]:
            return group, version
    return None


def split_class(name: str) -> tuple[str, str, str]:
    """Prefix, version and plain name of the client's class: `CoreV1Event` is `Core`, `v1`, `Event`."""
    found = _CLASS.match(name)
    return (found.group(1) or "", f"v{found.group(2)}", found.group(3)) if found else ("", "v1", name)


def list_types(operations: Iterable[Operation]) -> set[str]:
    """The types that operations take or answer with, in the client's words."""
    answers = {of for operation in operations for _, of in operation.answers if of}
    return answers | {operation.body for operation in operations if operation.body}


def reach(names: Iterable[str], models: dict[str, Model]) -> set[str]:
    """These types and all that they are made of."""
    found: set[str] = set()
    waiting = [name for name in names if name in models]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [
                find_class(field.of) for field in models[name].fields if find_class(field.of) in models
            ]
    return found


def find_class(of: str) -> str:
    """The innermost type of a list or map."""
    return of.rstrip("]").rpartition("[")[2].rpartition(" ")[2]


def _is_stable(key: str, found: dict[str, list[Operation]]) -> bool:
    parts = key.split("/")
    return parts[0] != "apis" or len(parts) != 2 or any(other.startswith(f"{key}/") for other in found)  # noqa: PLR2004 -- apis/GROUP


def _name(name: str, homes: set[str]) -> str:
    prefix, version, plain = split_class(name)
    if plain in _OF_META:
        return f"{META}.{plain}"
    if plain == "VersionInfo":
        return "io.k8s.apimachinery.pkg.version.Info"
    group = prefix.lower() or _OF_OTHERS.get(plain) or _find_group(homes)
    return f"{_PACKAGES.get(group, f'io.k8s.api.{group}')}.{version}.{plain}"


def _find_group(homes: set[str]) -> str:
    """Most types are of the one group that uses them; what others use as well is core's."""
    if CORE in homes or not homes:
        return "core"
    group, _ = split_document(min(homes)) or ("core", "")
    return group.partition(".")[0]
