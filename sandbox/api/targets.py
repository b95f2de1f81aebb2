"""What a request is about: the resource, namespace, name and subresource that its path names, and the verb.

The verb is the one that discovery and RBAC know (`list`, `patch`, `deletecollection`), not the HTTP method.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.api.resources import Resource, find_resource, list_group_versions

_SUBRESOURCES_OF_NAMESPACES = frozenset({"status", "finalize"})
_BY_NAME = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_BY_COLLECTION = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True)
class Target:
    """The addressed objects. `namespace` is "" for all namespaces and for kinds that live in none."""

    resource: Resource
    version: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def api_version(self) -> str:
        """The apiVersion that objects carry in this conversation."""
        return self.resource.api_version(self.version)


class UnknownVersion(Exception):
    """Nothing at all is served under this group and version."""


class UnknownResource(Exception):
    """The group and version are served, but not such a resource."""


def parse_path(path: str) -> Target:
    """The target of `/api/v1/...` or `/apis/GROUP/VERSION/...`.

    Raises:
        UnknownVersion: no such group and version.
        UnknownResource: no such resource or subresource there.
    """
    group, version, rest = _split_version([part for part in path.split("/") if part])
    if (group, version) not in list_group_versions():
        raise UnknownVersion(path)
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in _SUBRESOURCES_OF_NAMESPACES:  # noqa: PLR2004 -- parts of a path
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    resource = find_resource(group, version, plural)
    if resource is None or (subresource and not resource.has_subresource(subresource)):
        raise UnknownResource(path)
    return Target(resource, version, namespace, name, subresource)


def find_verb(target: Target, method: str, query: Mapping[str, str]) -> str | None:
    """The verb of a request, None where the method means nothing for the target."""
    if method == "GET" and query.get("watch", "").lower() in {"1", "true"}:
        return "watch"
    if not target.name:
        return _BY_COLLECTION.get(method)
    if method == "POST" and target.subresource != "exec":
        return None
    return _BY_NAME.get(method)


def _split_version(parts: list[str]) -> tuple[str, str, list[str]]:
    if len(parts) > 1 and parts[0] == "api":
        return "", parts[1], parts[2:]
    if len(parts) > 2 and parts[0] == "apis":  # noqa: PLR2004 -- parts of a path
        return parts[1], parts[2], parts[3:]
    raise UnknownVersion("/".join(parts))
