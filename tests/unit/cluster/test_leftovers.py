"""What a Deployment remembers of the objects that its release came with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.kinds import Ref
from cluster.leftovers import is_written_by_us, left_to, memory_of, named_by, twin_of

if TYPE_CHECKING:
    from cluster.kinds import Object

OLD = Ref("ConfigMap", "shop", "old")


def deployment(annotations: dict[str, str] | None = None) -> Object:
    return {"metadata": {"name": "shop-blue", "namespace": "shop", "annotations": annotations}}


def extra(kind: str, name: str) -> Object:
    return {"kind": kind, "metadata": {"name": name}}


def test_what_is_remembered_is_read_back() -> None:
    extras = [extra("Secret", "key"), extra("ConfigMap", "shop-blue"), extra("Secret", "key")]

    memory = memory_of(extras, left=[OLD])

    assert memory == {
        "verdigris.dev/objects": '["ConfigMap/shop-blue","Secret/key"]',
        "verdigris.dev/left-objects": '["ConfigMap/old"]',
    }
    remembering = deployment(memory)
    named = [Ref("ConfigMap", "shop", "shop-blue"), Ref("Secret", "shop", "key")]
    assert sorted(named_by(remembering) or (), key=str) == named
    assert left_to(remembering) == {OLD}


@pytest.mark.parametrize("annotations", [None, {}, {"verdigris.dev/objects": ""}])
def test_a_deployment_of_somebody_else_tells_nothing(annotations: dict[str, str] | None) -> None:
    assert named_by(deployment(annotations)) is None
    assert left_to(deployment(annotations)) == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", None),
        ('{"ConfigMap": "old"}', None),
        ('["ConfigMap/old", 1, "Wizard/x", "ConfigMap", "ConfigMap/", null, {}]', {OLD}),
    ],
)
def test_what_somebody_spoiled_is_passed_over(text: str, expected: set[Ref] | None) -> None:
    found = named_by(deployment({"verdigris.dev/objects": text}))

    assert found == (None if expected is None else frozenset(expected))


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("shop-blue", "shop-green"),
        ("green.shop", "blue.shop"),
        ("shop", "shop"),
        ("blue-to-green", "green-to-blue"),
    ],
)
def test_an_object_of_a_color_has_a_twin(name: str, twin: str) -> None:
    assert twin_of(Ref("ConfigMap", "shop", name)) == Ref("ConfigMap", "shop", twin)


STAMP: Object = {"f:metadata": {"f:annotations": {"f:verdigris.dev/fence": {}}}}
DATA: Object = {"f:data": {"f:a": {}}}
LABEL: Object = {"f:metadata": {"f:labels": {"f:app": {}}}}


@pytest.mark.parametrize(
    ("manager", "operation", "fields", "expected"),
    [
        ("verdigris", "Apply", STAMP, True),
        ("verdigris", "Update", DATA, True),
        ("verdigris", "Update", LABEL, True),
        ("verdigris", "Update", STAMP, False),
        ("kubectl-client-side-apply", "Update", DATA, False),
    ],
)
def test_only_what_verdigris_wrote_is_ours(
    *, manager: str, operation: str, fields: dict[str, Any], expected: bool
) -> None:
    entry = {"manager": manager, "operation": operation, "fieldsV1": fields}

    assert is_written_by_us({"metadata": {"managedFields": [entry]}}) is expected


def test_an_object_without_owners_is_not_ours() -> None:
    assert not is_written_by_us({"metadata": {}})
