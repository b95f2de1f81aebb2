import json
from typing import Any

import pytest

from cluster.errors import Cause, Conflict
from cluster.kinds import Object
from cluster.ownership import (
    OwnedField,
    adopt_own_writes,
    conflicting_fields,
    find_tool,
    find_writer,
    not_to_take,
)
from release.others import Tool, Writer
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


NOON = "2026-01-01T12:00:00Z"
HTTP = {"f:spec": {"f:http": {}}}


def written(*entries: Object, **metadata: object) -> Object:
    return {"metadata": {"managedFields": list(entries), **metadata}}


def by(manager: str | None, *, at: str | None = NOON, fields: Object = HTTP, how: str = "Apply") -> Object:
    entry = {"operation": how, "fieldsV1": fields}
    return {**entry, **({"manager": manager} if manager else {}), **({"time": at} if at else {})}


@pytest.mark.parametrize(
    ("entries", "manager"),
    [
        pytest.param([by("argocd-controller")], "argocd-controller", id="the only one"),
        pytest.param(
            [by("verdigris"), by("kubectl-edit", at="2026-01-01T12:00:01Z")], "kubectl-edit", id="the last"
        ),
        pytest.param(
            [by("verdigris", at="2026-01-01T12:00:01Z"), by("kubectl-edit")], "verdigris", id="the last, us"
        ),
        pytest.param([by("kubectl-edit"), by("verdigris")], "kubectl-edit", id="in one second, the stranger"),
        pytest.param(
            [by("verdigris"), by("other", at="2026-02-01T00:00:00Z", fields={"f:spec": {"f:hosts": {}}})],
            "verdigris",
            id="not who wrote another field",
        ),
        pytest.param([by("kubectl-edit", at=None)], "kubectl-edit", id="at an unknown time"),
        pytest.param([by(None)], "somebody without a name", id="without a name"),
    ],
)
def test_the_manager_that_wrote_a_field_last_is_found(entries: list[Object], manager: str) -> None:
    found = find_writer(written(*entries), ("spec", "http"))
    assert found
    assert found.manager == manager


def test_nobody_is_found_where_the_object_does_not_tell() -> None:
    assert find_writer({"metadata": {}}, ("spec", "http")) is None
    assert find_writer(written(by("x", fields={"f:spec": {"f:hosts": {}}})), ("spec", "http")) is None


@pytest.mark.parametrize(
    ("manager", "tool"),
    [
        ("argocd-controller", Tool.ARGO_CD),
        ("argocd-application-controller", Tool.ARGO_CD),
        ("kustomize-controller", Tool.FLUX),
        ("flux", Tool.FLUX),
        ("helm-controller", Tool.FLUX_HELM),
        ("helm", Tool.HELM),
        ("kubectl-edit", None),
    ],
)
def test_tools_are_known_by_the_names_under_which_they_write(manager: str, tool: Tool | None) -> None:
    found = find_writer(written(by(manager)), ("spec", "http"))
    assert found
    assert found.tool is tool
    assert str(found) == f"{manager} (Apply, 12:00:00 UTC)"


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:x"}}, Tool.ARGO_CD),
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, Tool.ARGO_CD),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, Tool.FLUX),
        (
            {"labels": {"helm.toolkit.fluxcd.io/name": "a", "app.kubernetes.io/managed-by": "Helm"}},
            Tool.FLUX_HELM,
        ),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, Tool.HELM),
        ({"labels": {"app.kubernetes.io/managed-by": "somebody"}}, None),
        ({}, None),
    ],
)
def test_where_the_name_says_nothing_the_marks_on_the_object_do(metadata: Object, tool: Tool | None) -> None:
    obj = written(by("kubectl-client-side-apply", how="Update"), **metadata)

    assert find_tool(obj) is tool
    found = find_writer(obj, ("spec", "http"))
    assert found
    assert (found.tool, found.is_by_mark) == (tool, tool is not None)
    assert find_writer(written(by("helm"), **metadata), ("spec", "http")) == Writer(
        "helm", "Apply", found.at, Tool.HELM
    )
