import json
from typing import Any

import pytest

from cluster.errors import Cause, Conflict
from cluster.kinds import Object
from cluster.ownership import OwnedField, adopt_own_writes, conflicting_fields, not_to_take
from tests.unit.cluster.fakes import answer_of, fake_cluster, recorded


def conflict_of(name: str) -> Conflict:
    cluster, _ = fake_cluster(recorded(name))
    with pytest.raises(Conflict) as caught:
        cluster.request("PATCH", "/whatever")
    return caught.value


def test_a_conflict_names_manager_and_field() -> None:
    assert conflicting_fields(conflict_of("deployment-apply-over-kubectl-apply-conflict")) == [
        OwnedField("kubectl-client-side-apply", '.spec.template.spec.containers[name="app"].image')
    ]
    assert conflicting_fields(conflict_of("virtualservice-apply-other-manager-conflict")) == [
        OwnedField("verdigris", ".spec.http")
    ]


def test_a_subresource_or_a_time_in_the_message_is_no_part_of_the_manager() -> None:
    message = 'conflict with "kube-scaler" with subresource "scale" using apps/v1 at 2026-11-23T00:00:00Z'
    conflict = Conflict("x", causes=(Cause("FieldManagerConflict", message, ".spec.replicas"),))
    assert conflicting_fields(conflict) == [OwnedField("kube-scaler", ".spec.replicas")]


def test_a_message_of_another_wording_is_kept_whole_and_not_overruled() -> None:
    conflict = Conflict("x", causes=(Cause("FieldManagerConflict", "owned by X", ".a"),))
    fields = conflicting_fields(conflict)
    assert not_to_take(fields, ["X"]) == [OwnedField("owned by X", ".a")]


@pytest.mark.parametrize(
    ("manager", "take_over", "refused"),
    [
        ("verdigris", [], False),
        ("kubectl-client-side-apply", [], False),
        ("kubectl", [], True),
        ("argocd", [], True),
        ("argocd", ["argocd"], False),
    ],
)
def test_only_ourselves_kubectl_apply_and_who_is_listed_are_overruled(
    *, manager: str, take_over: list[str], refused: bool
) -> None:
    field = OwnedField(manager, ".spec.replicas")
    assert not_to_take([field], take_over) == ([field] if refused else [])


def entry(operation: str, fields: Object, manager: str = "verdigris", **more: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


def managed(*entries: dict[str, Any]) -> Object:
    return {"metadata": {"name": "x", "resourceVersion": "5", "managedFields": list(entries)}}


def adopted(obj: Object) -> list[dict[str, Any]]:
    patch = adopt_own_writes(obj)
    assert patch is not None
    assert patch[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "5"}
    assert patch[1]["path"] == "/metadata/managedFields"
    entries: list[dict[str, Any]] = patch[1]["value"]
    return entries


SPEC: Object = {"f:spec": {"f:replicas": {}, "f:template": {"f:a": {}}}}
STAMPS: Object = {"f:metadata": {"f:annotations": {".": {}, "f:verdigris.dev/fence": {}}}}


def test_what_we_created_becomes_ours_to_apply() -> None:
    other = entry("Update", STAMPS, manager="argocd")
    assert adopted(managed(entry("Update", SPEC), other)) == [entry("Apply", SPEC), other]


def test_what_we_patched_joins_what_we_applied() -> None:
    applied: Object = {"f:spec": {"f:template": {"f:b": {}}, "f:selector": {}}}
    merged: Object = {"f:spec": {"f:replicas": {}, "f:template": {"f:a": {}, "f:b": {}}, "f:selector": {}}}
    assert adopted(managed(entry("Update", SPEC), entry("Apply", applied))) == [entry("Apply", merged)]


@pytest.mark.parametrize(
    "obj",
    [
        {"metadata": {"resourceVersion": "5"}},
        managed(entry("Apply", SPEC)),
        managed(entry("Update", STAMPS)),
        managed(entry("Update", SPEC, subresource="scale")),
        managed(entry("Update", SPEC, manager="kubectl-client-side-apply")),
    ],
)
def test_stamps_subresources_and_what_others_wrote_stay_as_they_are(obj: Object) -> None:
    assert adopt_own_writes(obj) is None


def test_a_recorded_switch_by_patch_is_adopted() -> None:
    recorded_route = answer_of("virtualservice-get-managed-fields")
    patch = adopt_own_writes(recorded_route)
    assert patch is not None
    ours = [item for item in patch[1]["value"] if item["manager"] == "verdigris"]
    assert [item["operation"] for item in ours] == ["Apply"]
    assert set(ours[0]["fieldsV1"]["f:spec"]) == {"f:gateways", "f:hosts", "f:http"}
    assert len(patch[1]["value"]) == len(recorded_route["metadata"]["managedFields"]) - 1
    assert json.loads(json.dumps(patch)) == patch
