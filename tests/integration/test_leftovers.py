"""Objects that the manifests no longer name: told in log, release and plan, and never deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from cli.main import main
from cluster import objects
from cluster.connection import Body
from cluster.kinds import Ref
from release.names import LEFT_OBJECTS, OBJECTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from release.model import Release
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

TITLE = "An object has no manifest any more"


def manifests(line: Line, *extra: str) -> dict[str, str]:
    """Ours, with ConfigMaps of these names beside the Service."""
    files = line.default_manifests()
    for name in extra:
        files["manifests/service.yml"] += (
            f"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n"
        )
    return files


def release(line: Line, tag: str, *extra: str) -> Release:
    made = line.deploy(tag, files=manifests(line, *extra))
    assert made.state == "ready", line.told(made)
    return made


def memory(line: Line, color: str) -> tuple[list[str], list[str]]:
    """What a color's Deployment says that its release named, and what others left."""
    annotations = objects.annotations_of(line.get("Deployment", color))
    return json.loads(annotations[OBJECTS]), json.loads(annotations[LEFT_OBJECTS])


def stands(line: Line, name: str) -> bool:
    return objects.find(line.cluster, Ref("ConfigMap", line.namespace, name)) is not None


def left(line: Line, name: str, *, user: str = "") -> str:
    """The warning about a ConfigMap."""
    delete = f"`kubectl -n {line.namespace} delete configmap {name}` removes it"
    told = f"{TITLE}: ConfigMap {name}: no manifest names it any more; it is left as it is"
    if user:
        return f"{told}, as {user} may need it; what to do: once that is replaced or gone, {delete}"
    return f"{told}; what to do: {delete}"


def warnings(made: Release) -> Sequence[str]:
    return [one for one in made.warnings if one.startswith(TITLE)]


COLORED = "shop-{{ color }}"


def test_an_object_that_left_the_manifests_is_told_until_it_is_deleted(line: Line) -> None:
    # given two colors that both name an object, and each one of its own
    release(line, "v1-green", "shop-old", COLORED)
    line.promote()
    assert warnings(release(line, "v2-blue", "shop-old", COLORED)) == []
    line.promote()
    assert memory(line, "blue") == (["ConfigMap/shop-blue", "ConfigMap/shop-old"], [])

    # when the manifests name it no more, then it is told with who may need it
    third = release(line, "v3-green", COLORED)
    assert warnings(third) == [left(line, "shop-old", user="v2-blue (shop-blue)")]
    assert f"warning: {left(line, 'shop-old', user='v2-blue (shop-blue)')}" in line.told(third)
    assert memory(line, "green") == (["ConfigMap/shop-green"], ["ConfigMap/shop-old"])
    line.promote()

    # and when nothing needs it, so
    assert warnings(release(line, "v4-blue", COLORED)) == [left(line, "shop-old")]
    line.promote()

    # and until it is deleted; by then nothing has been
    fifth = release(line, "v5-green", COLORED)
    assert warnings(fifth) == [left(line, "shop-old")]
    assert all(stands(line, name) for name in ("shop-old", "shop-blue", "shop-green"))
    line.by_hand("DELETE", Ref("ConfigMap", line.namespace, "shop-old"))
    line.promote()
    assert warnings(release(line, "v6-blue", COLORED)) == []
    assert memory(line, "blue") == (["ConfigMap/shop-blue"], [])


def test_it_is_remembered_over_a_decommission_and_a_failed_release(line: Line) -> None:
    # given blue is live without the object, and green, which named it, is gone
    release(line, "v1-green", "shop-old")
    line.promote()
    assert warnings(release(line, "v2-blue")) == [left(line, "shop-old", user="v1-green (shop-green)")]
    line.promote()
    assert line.decommission().state == "done", line.job().problem

    # when a release fails after its pods were applied
    failed = line.deploy("v3-green", files=manifests(line), crash=1)
    assert failed.state == "failed"
    assert warnings(failed) == [left(line, "shop-old")]

    # then the next one still tells
    assert warnings(release(line, "v4-green")) == [left(line, "shop-old")]


def test_an_object_of_a_color_that_is_dropped_altogether_is_told_for_both(line: Line) -> None:
    release(line, "v1-green", COLORED)
    line.promote()
    assert warnings(release(line, "v2-blue", COLORED)) == []
    line.promote()

    third = release(line, "v3-green")

    assert warnings(third) == [
        left(line, "shop-blue", user="v2-blue (shop-blue)"),
        left(line, "shop-green"),
    ]


def test_what_verdigris_did_not_write_is_not_told(line: Line) -> None:
    # given a ConfigMap of a release, which somebody made anew since
    release(line, "v1-green", "shop-old")
    line.promote()
    ref = Ref("ConfigMap", line.namespace, "shop-old")
    line.by_hand("DELETE", ref)
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop-old"}}
    path = f"/api/v1/namespaces/{line.namespace}/configmaps?fieldManager=somebody"
    line.by_hand("POST", ref, Body(theirs), path=path)

    assert warnings(release(line, "v2-blue")) == []


def test_another_app_that_names_the_object_is_named(line: Line) -> None:
    # given another Deployment of the namespace, which Verdigris deployed with the same object
    release(line, "v1-green", "shop-old")
    line.promote()
    standing = line.get("Deployment", "green")
    metadata = {"name": "basket-blue", "annotations": {OBJECTS: '["ConfigMap/shop-old"]'}}
    line.create({**standing, "metadata": metadata, "spec": {**standing["spec"], "replicas": 0}})

    second = release(line, "v2-blue")

    (told,) = warnings(second)
    assert "as what runs (basket-blue) and v1-green (shop-green) may need it" in told


def test_a_plan_tells_it_as_well(line: Line, tmp_path: Path) -> None:
    release(line, "v1-green", "shop-old")
    line.promote()
    line.repo.commit("v2-blue", files=manifests(line))
    config = tmp_path / "verdigris.yml"
    config.write_text(line.config_text)
    env = {
        "VERDIGRIS_CONFIG": str(config),
        "VERDIGRIS_DATA": str(tmp_path / "data"),
        "VERDIGRIS_REDIS_URL": "redis://127.0.0.1:1/0",
        "KUBECONFIG": str(line.town.folder / "kubeconfig"),
    }

    result = CliRunner().invoke(main, ["plan", "shop", "v2-blue"], env=env)

    assert result.exit_code == 0, result.output
    assert "ConfigMap shop-old: no manifest names it any more; it is left as it is" in result.stdout
    assert f"kubectl -n {line.namespace} delete configmap shop-old" in result.stdout
    assert "verdigris.dev/objects" not in result.stdout
