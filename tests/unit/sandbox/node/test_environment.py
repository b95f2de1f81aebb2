from pathlib import Path

import pytest

from sandbox.node.environment import ConfigError, build_command, build_environment, expand
from sandbox.store import Object

POD: Object = {
    "metadata": {"name": "shop-1", "namespace": "shop", "uid": "42", "labels": {"color": "blue"}},
    "spec": {"nodeName": "sandbox"},
}
STORED: dict[tuple[str, str], Object] = {
    ("secrets", "db"): {"data": {"password": "aHVudGVyMg=="}, "stringData": {"user": "ada"}},
    ("configmaps", "settings"): {"data": {"level": "info"}},
    ("configmaps", "empty"): {},
}


def build(**container: object) -> dict[str, str]:
    def lookup(resource: str, name: str) -> Object | None:
        return STORED.get((resource, name))

    return build_environment(container, POD, tree=Path("/tree"), port=20001, lookup=lookup)


def read(**source: object) -> str | None:
    return build(env=[{"name": "X", "valueFrom": source}]).get("X")


def test_there_is_nothing_of_the_sandboxs_own_environment_but_path() -> None:
    assert build().keys() == {"PATH", "HOME", "HOSTNAME", "PORT"}


def test_port_is_the_sandboxs_whatever_the_manifest_says() -> None:
    assert build(env=[{"name": "PORT", "value": "3000"}])["PORT"] == "20001"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"secretKeyRef": {"name": "db", "key": "password"}}, "hunter2"),
        ({"secretKeyRef": {"name": "db", "key": "user"}}, "ada"),
        ({"configMapKeyRef": {"name": "settings", "key": "level"}}, "info"),
        ({"configMapKeyRef": {"name": "settings", "key": "no", "optional": True}}, None),
        ({"secretKeyRef": {"name": "no", "key": "no", "optional": True}}, None),
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "shop-1"),
        ({"fieldRef": {"fieldPath": "metadata.labels['color']"}}, "blue"),
        ({"fieldRef": {"fieldPath": "metadata.annotations['no']"}}, ""),
        ({"fieldRef": {"fieldPath": "spec.nodeName"}}, "sandbox"),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "127.0.0.1"),
    ],
)
def test_values_come_from_secrets_config_maps_and_fields(source: Object, expected: str | None) -> None:
    assert read(**source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"secretKeyRef": {"name": "nope", "key": "x"}}, 'secret "nope" not found'),
        ({"configMapKeyRef": {"name": "nope", "key": "x"}}, 'configmap "nope" not found'),
        ({"secretKeyRef": {"name": "db", "key": "x"}}, "couldn't find key x in Secret shop/db"),
        ({"configMapKeyRef": {"name": "empty", "key": "x"}}, "couldn't find key x in ConfigMap shop/empty"),
        ({"fieldRef": {"fieldPath": "spec.volumes"}}, "the downward API has no field spec.volumes"),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "the sandbox does not know resourceFieldRef"),
    ],
)
def test_what_is_missing_is_named_as_by_a_kubelet(source: Object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**source)


def test_env_from_takes_all_keys_with_a_prefix_and_env_overrides_it() -> None:
    sources = [
        {"prefix": "DB_", "secretRef": {"name": "db"}},
        {"configMapRef": {"name": "settings"}},
        {"configMapRef": {"name": "nope", "optional": True}},
    ]
    found = build(envFrom=sources, env=[{"name": "level", "value": "debug"}])
    assert (found["DB_password"], found["DB_user"], found["level"]) == ("hunter2", "ada", "debug")
    with pytest.raises(ConfigError, match='secret "nope" not found'):
        build(envFrom=[{"secretRef": {"name": "nope"}}])


def test_variables_may_use_those_before_them() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)-$(C)"}, {"name": "C", "value": "2"}]
    assert build(env=env)["B"] == "1-$(C)"


@pytest.mark.parametrize(
    ("text", "expected"), [("$(A)", "1"), ("$$(A)", "$(A)"), ("$(NO)", "$(NO)"), ("$A ${A}", "$A ${A}")]
)
def test_references_are_expanded_as_in_kubernetes(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}) == expected


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, ["python3", "app.py"]),
        ({"args": ["--port", "$(PORT)"]}, ["--port", "1"]),
        ({"command": ["node"], "args": ["x.js"]}, ["node", "x.js"]),
    ],
)
def test_command_and_args_replace_the_images_command(container: Object, expected: list[str]) -> None:
    assert build_command(container, ("python3", "app.py"), {"PORT": "1"}) == expected
