"""What pods need of their namespace, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.references import Reference, find_fault, references_of

Object = dict[str, Any]

SECRET = Reference("Secret", "database", "env PASSWORD of container app", "password")
PULL = Reference("Secret", "registry", "imagePullSecrets", is_pull_secret=True)


def test_every_place_that_names_a_secret_or_a_config_map_is_found() -> None:
    reference = {"valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}}
    chosen = {"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}}}
    first = {"name": "first", "envFrom": [{"configMapRef": {"name": "early"}}]}
    app = {
        "name": "app",
        "env": [
            {"name": "PLAIN", "value": "x"},
            {"name": "PASSWORD", **reference},
            {"name": "LEVEL", **chosen},
        ],
        "envFrom": [{"secretRef": {"name": "env-blue"}}, {"prefix": "X_", "configMapRef": {"name": "more"}}],
    }
    sources = [{"secret": {"name": "token"}}, {"configMap": {"name": "ca", "items": [{"key": "ca.crt"}]}}]
    volumes = [
        {"name": "tls", "secret": {"secretName": "tls"}},
        {"name": "files", "configMap": {"name": "files", "items": [{"key": "a"}, {"key": "b"}]}},
        {"name": "all", "projected": {"sources": [*sources, {"serviceAccountToken": {"path": "t"}}]}},
        {"name": "scratch", "emptyDir": {}},
    ]
    spec = {
        "imagePullSecrets": [{"name": "registry"}],
        "initContainers": [first],
        "containers": [app],
        "volumes": volumes,
    }

    assert set(references_of({"spec": spec})) == {
        PULL,
        SECRET,
        Reference("ConfigMap", "settings", "env LEVEL of container app", "level"),
        Reference("ConfigMap", "early", "envFrom of container first"),
        Reference("Secret", "env-blue", "envFrom of container app"),
        Reference("ConfigMap", "more", "envFrom of container app"),
        Reference("Secret", "tls", "volume tls"),
        Reference("ConfigMap", "files", "volume files", "a"),
        Reference("ConfigMap", "files", "volume files", "b"),
        Reference("Secret", "token", "volume all"),
        Reference("ConfigMap", "ca", "volume all", "ca.crt"),
    }


def test_what_is_optional_is_not_needed() -> None:
    app = {
        "name": "app",
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}}],
        "envFrom": [{"configMapRef": {"name": "c", "optional": True}}],
    }
    volumes = [{"name": "v", "secret": {"secretName": "s", "optional": True}}]

    assert references_of({"spec": {"containers": [app], "volumes": volumes}}) == []


@pytest.mark.parametrize(
    "spec",
    [
        None,
        "text",
        {"containers": "none"},
        {"containers": ["text", {"env": 3}]},
        {"imagePullSecrets": [{"name": ["registry"]}]},
        {"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": {}, "key": []}}}]}]},
    ],
)
def test_shapes_that_the_server_refuses_are_left_to_it(spec: object) -> None:
    assert references_of({"spec": spec}) == []


@pytest.mark.parametrize(
    ("reference", "obj", "fault"),
    [
        (SECRET, None, "does not exist"),
        (SECRET, {"data": {"user": "dQ=="}}, "has no key password"),
        (SECRET, {"data": {"password": "cA=="}}, None),
        (SECRET, {"stringData": {"password": "p"}}, None),
        (Reference("ConfigMap", "files", "volume files", "logo"), {"binaryData": {"logo": "bA=="}}, None),
        (Reference("Secret", "tls", "volume tls"), {}, None),
        (PULL, None, "does not exist"),
        (PULL, {"data": {}}, "is of type Opaque, not kubernetes.io/dockerconfigjson"),
        (PULL, {"type": "kubernetes.io/dockerconfigjson"}, "has no key .dockerconfigjson"),
        (PULL, {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e30="}}, None),
        (PULL, {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "e30="}}, None),
    ],
)
def test_an_object_that_is_not_as_wanted_is_told_by_what_it_lacks(
    reference: Reference, obj: Object | None, fault: str | None
) -> None:
    assert find_fault(reference, obj) == fault
