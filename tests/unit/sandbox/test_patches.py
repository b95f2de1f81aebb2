"""The three patches."""

from typing import Any

import pytest

from sandbox.api.errors import ApiError
from sandbox.api.patches import apply_json_patch, apply_merge_patch, apply_strategic_patch
from sandbox.api.types import StructRef

POD = StructRef("PodSpec")
DEPLOYMENT = StructRef("DeploymentSpec")


def test_a_json_patch_changes_a_copy() -> None:
    obj = {"spec": {"http": [{"name": "default"}]}}

    patched = apply_json_patch(obj, [{"op": "add", "path": "/spec/http/0", "value": {"name": "test"}}])

    assert patched == {"spec": {"http": [{"name": "test"}, {"name": "default"}]}}
    assert obj == {"spec": {"http": [{"name": "default"}]}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/spec/a", "value": 2},
        {"op": "replace", "path": "/spec/missing/deep", "value": 1},
        {"op": "remove", "path": "/spec/b"},
        {"op": "replace", "path": "", "value": 1},
    ],
)
def test_a_json_patch_that_cannot_be_done_is_refused_with_422(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        apply_json_patch({"spec": {"a": 1}}, [operation])

    assert caught.value.code == 422
    assert caught.value.details == {}


@pytest.mark.parametrize("patch", [{"op": "add"}, [{"op": "fly", "path": "/a"}], [{"path": "/a"}]])
def test_what_is_no_json_patch_is_refused_with_400(patch: Any) -> None:  # noqa: ANN401  any JSON
    with pytest.raises(ApiError) as caught:
        apply_json_patch({}, patch)

    assert caught.value.code == 400


def test_a_merge_patch_removes_merges_and_replaces() -> None:
    value = {"a": {"b": 1, "c": [1, 2]}, "d": 1}

    assert apply_merge_patch(value, {"a": {"b": None, "c": [3]}, "e": {"f": None}}) == {
        "a": {"c": [3]},
        "d": 1,
        "e": {},
    }


def test_a_strategic_patch_merges_lists_by_their_key() -> None:
    value = {"containers": [{"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}]}]}
    patch = {
        "containers": [{"name": "app", "env": [{"name": "B", "value": "2"}]}, {"name": "log", "image": "l"}]
    }

    assert apply_strategic_patch(POD, value, patch) == {
        "containers": [
            {
                "name": "app",
                "image": "a:1",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            },
            {"name": "log", "image": "l"},
        ]
    }


def test_a_strategic_patch_knows_its_directives() -> None:
    value = {
        "containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
        "volumes": [{"name": "v", "secret": {"secretName": "s"}}],
        "nodeSelector": {"x": "y"},
    }
    patch = {
        "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
        "containers": [{"name": "b", "$patch": "delete"}],
        "volumes": [{"name": "v", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}],
        "nodeSelector": {"$patch": "delete"},
    }

    assert apply_strategic_patch(POD, value, patch) == {
        "containers": [{"name": "c"}, {"name": "a"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }


def test_a_strategic_patch_replaces_where_told_to() -> None:
    value = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}

    replaced = apply_strategic_patch(
        DEPLOYMENT, value, {"strategy": {"$patch": "replace", "type": "Recreate"}}
    )
    retained = apply_strategic_patch(
        DEPLOYMENT, value, {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
    )

    assert replaced == retained == {"strategy": {"type": "Recreate"}}


def test_a_strategic_patch_of_a_list_can_replace_it() -> None:
    patch = {"containers": [{"$patch": "replace"}, {"name": "b"}]}

    assert apply_strategic_patch(POD, {"containers": [{"name": "a"}]}, patch) == {
        "containers": [{"name": "b"}]
    }


def test_a_strategic_patch_removes_from_sets() -> None:
    value = {"finalizers": ["a", "b"]}

    patched = apply_strategic_patch(
        StructRef("ObjectMeta"), value, {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}
    )

    assert patched == {"finalizers": ["b", "c"]}


def test_a_strategic_patch_entry_without_its_key_is_refused() -> None:
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        apply_strategic_patch(POD, {"containers": []}, {"containers": [{"image": "x"}]})
