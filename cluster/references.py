"""Secrets and ConfigMaps that pods can't start without: what a template names, and whether it is there.

Without them a pod waits for ever, or pulls no image. Nothing of their content is kept or shown: only the
names of keys and the type of a Secret are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster.kinds import Ref
from cluster.podspec import containers_of, mapping, mappings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.kinds import Object

PULL_TYPES: Final = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
"""Types of Secrets that hold credentials for a registry; the second is the old form."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A Secret or ConfigMap that a pod names, the ``key`` it wants of it, and where (``use``)."""

    kind: str
    name: str
    use: str
    key: str = ""
    is_pull_secret: bool = False

    def in_namespace(self, namespace: str) -> Ref:
        """The object that is meant."""
        return Ref(self.kind, namespace, self.name)


def references_of(template: Object) -> list[Reference]:
    """Everything that a template's pods need; what is ``optional`` they don't."""
    found = [*_pull_secrets(template), *_volumes(template)]
    for container in containers_of(template):
        found += _environment(container)
    return [reference for reference in dict.fromkeys(found) if reference.name]


def find_fault(reference: Reference, obj: Object | None) -> str | None:
    """Why an object does not give what a reference wants; None where it does."""
    if obj is None:
        return "does not exist"
    if reference.is_pull_secret:
        return _find_pull_fault(obj)
    if reference.key and reference.key not in _keys_of(obj):
        return f"has no key {reference.key}"
    return None


def _find_pull_fault(secret: Object) -> str | None:
    kind = secret.get("type", "Opaque")
    if kind not in PULL_TYPES:
        return f"is of type {kind}, not kubernetes.io/dockerconfigjson"
    return None if PULL_TYPES[kind] in _keys_of(secret) else f"has no key {PULL_TYPES[kind]}"


def _keys_of(obj: Object) -> set[str]:
    members = ("data", "stringData", "binaryData")
    return {key for member in members for key in mapping(obj, member)}


def _pull_secrets(template: Object) -> Iterator[Reference]:
    for item in mappings(template, "spec", "imagePullSecrets"):
        yield Reference("Secret", _text(item, "name"), "imagePullSecrets", is_pull_secret=True)


def _environment(container: Object) -> Iterator[Reference]:
    where = f"of container {container.get('name', '')}"
    for source in mappings(container, "envFrom"):
        for kind, member in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
            yield from _reference(kind, mapping(source, member), f"envFrom {where}")
    for variable in mappings(container, "env"):
        use = f"env {variable.get('name', '')} {where}"
        for kind, member in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
            chosen = mapping(variable, "valueFrom", member)
            yield from _reference(kind, chosen, use, keys=[_text(chosen, "key")])


def _volumes(template: Object) -> Iterator[Reference]:
    for volume in mappings(template, "spec", "volumes"):
        use = f"volume {volume.get('name', '')}"
        for source in (volume, *mappings(volume, "projected", "sources")):
            for kind, member in (("Secret", "secret"), ("ConfigMap", "configMap")):
                chosen = mapping(source, member)
                keys = [_text(item, "key") for item in mappings(chosen, "items")]
                yield from _reference(kind, chosen, use, keys=keys)


def _reference(kind: str, source: Object, use: str, *, keys: list[str] | None = None) -> Iterator[Reference]:
    name = _text(source, "name") or _text(source, "secretName")
    if source.get("optional"):
        return
    for key in keys or [""]:
        yield Reference(kind, name, use, key)


def _text(source: Object, member: str) -> str:
    """A member that should be text; empty where it is none, which the server refuses."""
    found = source.get(member)
    return found if isinstance(found, str) else ""
