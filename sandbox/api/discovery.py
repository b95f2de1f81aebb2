"""Discovery: which groups, versions and resources there are, in the plain and in the aggregated form.

Names only what the sandbox serves, so that a client sees at once what it cannot have here.
"""

from collections.abc import Iterable

from sandbox.api.resources import RESOURCES, Resource, Subresource, list_group_versions
from sandbox.store import Object

AGGREGATED = "apidiscovery.k8s.io/v2"

VERSION: Object = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2+verdigris-sandbox",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}


def list_versions(address: str) -> Object:
    """`GET /api`: the versions of the core group, and where the server is reached."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def list_groups() -> Object:
    """`GET /apis`: all groups but the core one."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_describe_group(group) for group in _groups() if group],
    }


def find_group(group: str) -> Object | None:
    """`GET /apis/GROUP`."""
    if not group or group not in _groups():
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_describe_group(group)}


def find_resources(group: str, version: str) -> Object | None:
    """`GET /api/v1`, `GET /apis/GROUP/VERSION`: the resources of a version, None when there is no such."""
    if (group, version) not in list_group_versions():
        return None
    listed = [entry for resource in _resources(group, version) for entry in _describe(resource)]
    if not group:  # the core group's list does not say of itself what it is, in every real server
        return {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
    api_version = f"{group}/{version}"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": listed}


def aggregate(*, core: bool) -> Object:
    """Both in one: everything below `/api` or `/apis`, as kubectl asks for it."""
    groups = [group for group in _groups() if bool(group) != core]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": AGGREGATED,
        "metadata": {},
        "items": [_aggregate_group(group) for group in groups],
    }


def _groups() -> list[str]:
    return list(dict.fromkeys(group for group, _ in list_group_versions()))


def _resources(group: str, version: str) -> Iterable[Resource]:
    return (r for r in RESOURCES if r.group == group and version in r.versions)


def _describe_group(group: str) -> Object:
    versions = [
        {"groupVersion": f"{group}/{version}", "version": version}
        for name, version in list_group_versions()
        if name == group
    ]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _describe(resource: Resource) -> Iterable[Object]:
    entry: Object = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    yield entry | _names(resource)
    for sub in resource.subresources:
        described: Object = {"name": f"{resource.plural}/{sub.name}", "singularName": ""}
        described["namespaced"] = resource.namespaced
        if sub.group:
            described |= {"group": sub.group, "version": sub.version}
        yield described | {"kind": sub.kind, "verbs": list(sub.verbs)}


def _names(resource: Resource) -> Object:
    names: Object = {}
    if resource.short_names:
        names["shortNames"] = list(resource.short_names)
    if resource.categories:
        names["categories"] = list(resource.categories)
    return names


def _aggregate_group(group: str) -> Object:
    versions = [
        {
            "version": version,
            "resources": [_aggregate_resource(r, version) for r in _resources(group, version)],
            "freshness": "Current",
        }
        for name, version in list_group_versions()
        if name == group
    ]
    return {"metadata": {"name": group} if group else {}, "versions": versions}


def _aggregate_resource(resource: Resource, version: str) -> Object:
    described: Object = {
        "resource": resource.plural,
        "responseKind": _response_kind(resource, version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        **_names(resource),
    }
    if resource.subresources:
        described["subresources"] = [_aggregate_sub(resource, version, sub) for sub in resource.subresources]
    return described


def _aggregate_sub(resource: Resource, version: str, sub: Subresource) -> Object:
    kind = {"group": sub.group, "version": sub.version, "kind": sub.kind}
    return {
        "subresource": sub.name,
        "responseKind": kind if sub.group else _response_kind(resource, version, sub.kind),
        "verbs": list(sub.verbs),
    }


def _response_kind(resource: Resource, version: str, kind: str) -> Object:
    """Built-in kinds leave group and version out when they are the resource's own; custom ones name them."""
    if resource.custom:
        return {"group": resource.group, "version": version, "kind": kind}
    return {"group": "", "version": "", "kind": kind}
