"""The content of Secrets that pods are given, read for one purpose: to keep it out of what pods print."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cluster import objects
from cluster.kinds import Ref
from cluster.podspec import containers_of, mapping, mappings
from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.connection import Cluster
    from cluster.kinds import Object


def secret_names(template: Object) -> list[str]:
    """The Secrets that the pods of a template are given, as environment or as files."""
    return sorted({name for name in _names(template) if isinstance(name, str) and name})


def read_secret(cluster: Cluster, namespace: str, name: str) -> list[Secret]:
    """Every value of a Secret that is text; none where there is no such Secret.

    Raises:
        Forbidden: our account may not read it.
    """
    found = objects.find(cluster, Ref("Secret", namespace, name))
    data = (found or {}).get("data") or {}
    return [Secret(text) for value in data.values() if (text := _decode(value)).strip()]


def _names(template: Object) -> Iterator[object]:
    for container in containers_of(template):
        for source in mappings(container, "envFrom"):
            yield mapping(source, "secretRef").get("name")
        for variable in mappings(container, "env"):
            yield mapping(variable, "valueFrom", "secretKeyRef").get("name")
    for volume in mappings(template, "spec", "volumes"):
        yield mapping(volume, "secret").get("secretName")
        for source in mappings(volume, "projected", "sources"):
            yield mapping(source, "secret").get("name")


def _decode(value: str) -> str:
    """As text, if it is any: what is none is not printed in a log as it stands."""
    try:
        return base64.b64decode(value).decode()
    except ValueError:
        return ""
