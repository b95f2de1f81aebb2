"""What a sandbox starts with."""

from pathlib import Path

import pytest

from sandbox.main import kubeconfig_of
from sandbox.seeds import SeedError, plant
from sandbox.store import Store

NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"
ROLE = (
    "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r, namespace: shop}, rules: []}"
)
MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: shop}, data: {a: b}}"


def plant_text(folder: Path, text: str) -> Store:
    file, store = folder / "objects.yml", Store()
    file.write_text(text)
    plant(store, file)
    return store


def test_objects_are_created_as_the_api_server_creates_them(tmp_path: Path) -> None:
    store = plant_text(tmp_path, f"{NAMESPACE}\n---\n{ROLE}\n---\n\n---\n{MAP}\n")

    assert store.get("configmaps", "shop", "m")["data"] == {"a": "b"}
    assert store.get("configmaps", "shop", "m")["metadata"]["managedFields"][0]["manager"] == "sandbox"
    assert store.get("roles.rbac.authorization.k8s.io", "shop", "r")["metadata"]["uid"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (MAP, 'namespaces "shop" not found'),
        ("{kind: Deployment, apiVersion: apps/v9}", "the sandbox serves no Deployment of apps/v9"),
        ("{metadata: {}}", "serves no object without a kind of no version"),
        (f"{NAMESPACE}\n---\n{MAP.replace('data:', 'date:')}", 'unknown field "date"'),
        ("{", "while parsing"),
    ],
)
def test_what_it_does_not_take_is_told_with_the_file(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SeedError) as refused:
        plant_text(tmp_path, text)

    assert str(tmp_path / "objects.yml") in str(refused.value)
    assert why in str(refused.value)


def test_an_accounts_kubeconfig_is_named_after_it(tmp_path: Path) -> None:
    assert kubeconfig_of(tmp_path, "verdigris/worker") == tmp_path / "kubeconfig-verdigris-worker"
