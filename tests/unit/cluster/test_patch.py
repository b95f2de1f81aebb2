import pytest

from cluster.fence import check_not_taken, directs_of, fence_of, stamped, with_stamp
from cluster.kinds import Object, Ref
from cluster.patch import at_version, pointer, remove, replace, set_annotations
from cluster.redaction import without_values
from release.problems import Problem
from tests.unit.cluster.fakes import FakeTurn


def obj(annotations: dict[str, str] | None = None) -> Object:
    metadata: Object = {"name": "x", "resourceVersion": "41"}
    return {
        "kind": "Service",
        "metadata": metadata if annotations is None else {**metadata, "annotations": annotations},
    }


def test_a_patch_is_bound_to_what_was_read() -> None:
    assert at_version(obj()) == [{"op": "replace", "path": "/metadata/resourceVersion", "value": "41"}]


def test_marks_in_names_are_escaped() -> None:
    assert pointer("metadata", "annotations", "a.b/c~d", 0) == "/metadata/annotations/a.b~1c~0d/0"


@pytest.mark.parametrize(
    ("existing", "wanted", "expected"),
    [
        (None, {"a": "1"}, [{"op": "add", "path": "/metadata/annotations", "value": {"a": "1"}}]),
        (None, {"a": None}, []),
        ({"a": "1"}, {"a": "1"}, []),
        ({"a": "1"}, {"a": "2"}, [{"op": "add", "path": "/metadata/annotations/a", "value": "2"}]),
        ({"a": "1"}, {"a": None}, [{"op": "remove", "path": "/metadata/annotations/a"}]),
        ({}, {"b/c": "1"}, [{"op": "add", "path": "/metadata/annotations/b~1c", "value": "1"}]),
    ],
)
def test_annotations_are_set_by_as_little_as_it_takes(
    existing: dict[str, str] | None, wanted: dict[str, str | None], expected: list[object]
) -> None:
    assert set_annotations(obj(existing), wanted) == expected


def test_a_fence_makes_annotations_where_nobody_else_does() -> None:
    stamp = {"op": "add", "path": "/metadata/annotations/verdigris.dev~1fence", "value": "7"}
    whole = {"op": "add", "path": "/metadata/annotations", "value": {"verdigris.dev/fence": "7"}}
    change = replace("/spec/replicas", 2)
    assert with_stamp(change, obj(), FakeTurn(fence=7)) == [*change, whole]
    assert with_stamp(change, obj({}), FakeTurn(fence=7)) == [*change, stamp]
    made = set_annotations(obj(), {"a": "1"})
    assert with_stamp(made, obj(), FakeTurn(fence=7)) == [*made, stamp]
    assert with_stamp(remove("/x"), obj({"a": "1"}), FakeTurn(fence=7))[-1] == stamp


@pytest.mark.parametrize(("text", "fence"), [("12", 12), ("", 0), ("-1", 0), ("many", 0), ("²", 0)])
def test_a_fence_that_somebody_spoiled_counts_as_none(text: str, fence: int) -> None:
    assert fence_of(obj({"verdigris.dev/fence": text})) == fence
    assert fence_of(obj()) == 0


def test_a_stamped_object_leaves_the_manifest_as_it_was() -> None:
    manifest = obj({"a": "1"})
    sent = stamped(manifest, FakeTurn(fence=9), version="50")
    assert sent["metadata"]["annotations"] == {"a": "1", "verdigris.dev/fence": "9"}
    assert sent["metadata"]["resourceVersion"] == "50"
    assert manifest == obj({"a": "1"})


def test_a_direct_rollback_leaves_its_own_number_and_lets_the_fence_stand() -> None:
    sent = with_stamp([], obj({"verdigris.dev/fence": "7"}), FakeTurn(fence=0, directs=3))

    assert sent == [{"op": "add", "path": "/metadata/annotations/verdigris.dev~1direct", "value": "3"}]


def test_what_a_direct_rollback_took_is_only_for_those_who_know_of_it() -> None:
    taken, ref = obj({"verdigris.dev/direct": "3"}), Ref("Service", "shop", "x")
    assert (directs_of(taken), directs_of(obj()), directs_of(None)) == (3, 0, 0)

    check_not_taken(taken, ref, FakeTurn(directs=3))
    check_not_taken(obj(), ref, FakeTurn())
    with pytest.raises(Problem) as refused:
        check_not_taken(taken, ref, FakeTurn(directs=2))

    assert refused.value.document.slug == "taken-directly"
    assert "Service shop/x was taken by direct rollback 3" in refused.value.document.detail
    assert "kubectl -n shop annotate Service x verdigris.dev/direct-" in refused.value.document.next_step


def test_values_of_secrets_do_not_get_into_messages() -> None:
    secret = {"kind": "Secret", "data": {"key": "aHVudGVyMg=="}, "stringData": {"other": "pässword"}}
    message = "invalid: aHVudGVyMg== or hunter2 or pässword"
    assert without_values(message, secret) == "invalid: [redacted] or [redacted] or [redacted]"


def test_longer_values_of_the_environment_do_not_get_into_messages() -> None:
    container = {
        "name": "app",
        "env": [{"name": "DB", "value": "correct-horse"}, {"name": "N", "value": "1"}],
    }
    pod = {"kind": "Pod", "spec": {"containers": [container, {"env": [{"name": "A", "valueFrom": {}}]}]}}
    assert without_values("1: correct-horse", pod) == "1: [redacted]"
    assert without_values(
        "nothing", {"kind": "Secret", "data": None, "stringData": {"a": "not base64!"}}
    ) == ("nothing")
