"""Which objects, fields and keys differ: by name, never by value."""

from __future__ import annotations

from typing import Any

import pytest

from release.difference import ChangedKey, ChangedObject, Kind, Manifests
from release.manifest_difference import compare_manifests

Object = dict[str, Any]


def config_map(name: str = "settings", **data: str) -> Object:
    return {"kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(*containers: Object, **spec: object) -> Object:
    template = {"spec": {"containers": list(containers)}} if containers else {}
    return {"kind": "Deployment", "metadata": {"name": "shop-blue"}, "spec": {"template": template, **spec}}


def compare(before: Object, after: Object) -> Manifests:
    return compare_manifests([before], [after])


def paths(before: Object, after: Object) -> list[str]:
    return [path for one in compare(before, after).objects for path in one.paths]


def keys(before: Object, after: Object) -> list[tuple[str, str, str]]:
    return [(one.name, one.where, one.kind.value) for one in compare(before, after).keys]


def test_what_is_the_same_is_not_told() -> None:
    one = deployment({"name": "app", "image": "a"}, replicas=1)

    assert compare(one, deployment({"name": "app", "image": "a"}, replicas=1)) == Manifests()


def test_objects_that_come_and_go_are_told_by_name() -> None:
    found = compare_manifests([config_map("old")], [config_map("new")])

    assert found.objects == (
        ChangedObject("ConfigMap new", Kind.ADDED),
        ChangedObject("ConfigMap old", Kind.REMOVED),
    )


def test_fields_are_told_by_their_path_and_list_items_by_their_name() -> None:
    before = deployment(
        {"name": "app", "image": "a", "args": ["-v", "x"]}, {"name": "proxy", "image": "p"}, replicas=1
    )
    after = deployment({"name": "app", "image": "b", "args": ["-v"]}, replicas=2)

    assert paths(before, after) == [
        "spec.replicas",
        "spec.template.spec.containers[app].args[1]",
        "spec.template.spec.containers[app].image",
        "spec.template.spec.containers[proxy]",
    ]


def test_items_without_a_name_of_their_own_are_told_by_their_place() -> None:
    twins = [{"name": "a", "n": 1}, {"name": "a", "n": 2}]
    assert paths(deployment(list=twins), deployment(list=[*twins[:1], {"name": "a", "n": 3}])) == [
        "spec.list[1].n"
    ]
    many = list(range(11))
    assert paths(deployment(list=many), deployment(list=[*many[:-1], 99])) == ["spec.list[10]"]


def test_names_that_are_no_words_stand_in_brackets_and_hold_no_marks() -> None:
    found = paths(deployment(**{"a.b/c": 1, "x\u202ey": 1}), deployment())

    assert found == ["spec[a.b/c]", "spec[x\\u202ey]"]


def test_environment_variables_are_keys_of_the_configuration() -> None:
    before = deployment(
        {"name": "app", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "secret"}]}
    )
    after = deployment({"name": "app", "env": [{"name": "B", "value": "other"}, {"name": "C", "value": "3"}]})

    where = "Deployment shop-blue, app"
    assert keys(before, after) == [
        ("A", where, "removed"),
        ("B", where, "changed"),
        ("C", where, "added"),
    ]
    assert compare(before, after).objects == ()
    assert "secret" not in repr(compare(before, after))
    assert "other" not in repr(compare(before, after))


def test_a_first_environment_is_told_key_by_key() -> None:
    before = deployment({"name": "app"})
    after = deployment({"name": "app", "env": [{"name": "A", "value": "1"}]})

    assert keys(before, after) == [("A", "Deployment shop-blue, app", "added")]
    assert keys(after, before) == [("A", "Deployment shop-blue, app", "removed")]


def test_an_environment_that_names_nothing_is_told_by_its_place() -> None:
    before = deployment({"name": "app", "env": [{"value": "1"}]})
    after = deployment({"name": "app", "env": [{"value": "2"}]})

    assert paths(before, after) == ["spec.template.spec.containers[app].env[0].value"]
    odd = {"kind": "Odd", "metadata": {"name": "x"}}
    assert keys({**odd, "env": []}, {**odd, "env": [{"name": "A"}]}) == [("A", "Odd x", "added")]


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_what_holds_configuration_is_told_by_its_keys(kind: str) -> None:
    before = {**config_map(A="1", B="1"), "kind": kind}
    after = {**config_map(B="2", C="1"), "kind": kind}

    assert keys(before, after) == [
        ("A", f"{kind} settings", "removed"),
        ("B", f"{kind} settings", "changed"),
        ("C", f"{kind} settings", "added"),
    ]


def test_configuration_that_had_no_key_at_all_is_told_by_its_keys() -> None:
    empty = {"kind": "ConfigMap", "metadata": {"name": "settings"}, "immutable": True}

    found = compare(empty, config_map(A="1"))

    assert found.keys == (ChangedKey("A", "ConfigMap settings", Kind.ADDED),)
    assert found.objects == (ChangedObject("ConfigMap settings", Kind.CHANGED, ("immutable",)),)


def test_an_object_in_two_forms_is_told_once() -> None:
    def route(*hosts: str) -> list[Object]:
        forms = [
            {"kind": "VirtualService", "metadata": {"name": "shop"}, "spec": {"host": one}} for one in hosts
        ]
        return list(forms)

    found = compare_manifests(route("a", "a"), route("b", "b"))
    assert found.objects == (ChangedObject("VirtualService shop", Kind.CHANGED, ("spec.host",)),)
    assert compare_manifests(route("a"), route("a", "b")).objects == found.objects
    assert compare_manifests(route("a", "b"), route("a")).objects == found.objects


def test_a_value_of_another_type_is_a_change() -> None:
    assert paths(deployment(x=[1]), deployment(x={"0": 1})) == ["spec.x"]
    assert paths(deployment(x=1), deployment(x=None)) == ["spec.x"]


def test_the_depth_is_bounded() -> None:
    def nested(value: object) -> Object:
        for _ in range(60):
            value = {"a": value}
        return deployment(x=value)

    (found,) = paths(nested(1), nested(2))

    assert found == "spec.x" + ".a" * 38
