"""Naming what was edited: paths as people write them, values but for secret ones, and who wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.edits import Item, find_edits, show, tell_path, tell_writer, time_of_write

if TYPE_CHECKING:
    from cluster.edits import Path


def told(tested: object, now: object) -> list[str]:
    return [str(edit) for edit in find_edits(tested, now, ("spec",))]


@pytest.mark.parametrize(
    ("tested", "now", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["spec.a is 2, tested was 1"]),
        ({"a": "x"}, {}, ["spec.a is gone, tested was x"]),
        ({}, {"a": None}, ["spec.a is null, tested was without it"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["spec.a[1] is 3, tested was 2"]),
        ({"a": [1, 2]}, {"a": [1]}, ["spec.a is [1], tested was [1, 2]"]),
        (
            {"volumes": [{"name": "a"}, {"name": "b", "emptyDir": {}}]},
            {"volumes": [{"name": "b", "emptyDir": {}}]},
            ['spec.volumes[a] is gone, tested was {"name": "a"}'],
        ),
        (
            {"containers": [{"name": "app", "image": "x:1"}]},
            {"containers": [{"name": "proxy"}, {"name": "app", "image": "x:2"}]},
            [
                'spec.containers[0] is {"name": "proxy"}, tested was without it',
                "spec.containers[1].image is x:2, tested was x:1",
            ],
        ),
        (
            {"ports": [{"containerPort": 80, "protocol": "TCP"}]},
            {"ports": [{"containerPort": 80, "protocol": "UDP"}]},
            ["spec.ports[80].protocol is UDP, tested was TCP"],
        ),
        (
            {"a": [{"name": "x"}, {"name": "x"}]},
            {"a": [{"name": "x"}]},
            ['spec.a is [{"name": "x"}], tested was [{"name": "x"}, {"name": "x"}]'],
        ),
        ({"a": {"b": 1}}, {"a": 7}, ['spec.a is 7, tested was {"b": 1}']),
    ],
)
def test_the_deepest_field_that_differs_is_named(tested: object, now: object, expected: list[str]) -> None:
    assert told(tested, now) == expected


def test_values_of_the_environment_are_never_shown() -> None:
    secret = {"name": "KEY", "value": "hunter2"}
    other = {"name": "KEY", "value": "hunter3"}

    texts = [
        *told({"env": [secret]}, {"env": [other]}),
        *told({"env": [secret]}, {"env": []}),
        *told({}, {"env": [secret]}),
        *told({"containers": []}, {"containers": [{"name": "app", "env": [secret]}]}),
        *told({"containers": [{"env": ["$(odd)"]}]}, {"containers": 1}),
    ]

    assert len(texts) == 5
    assert "hunter" not in "".join(texts)
    assert texts[0] == "spec.env[KEY].value was changed (values of the environment are not shown)"


def test_long_values_are_cut() -> None:
    assert show("x" * 500).endswith("…")
    assert len(show(["x" * 500])) < 210


def test_a_path_reads_as_people_write_it() -> None:
    path = ("spec", "http", Item(2, "name", "shop"), "route", Item(0), "headers", Item(1, "name", "x"))

    assert tell_path(path) == "spec.http[2].route[0].headers[x]"


def entry(manager: str, fields: dict[str, Any], time: str, **more: str) -> dict[str, Any]:
    return {"manager": manager, "fieldsV1": fields, "time": time, **more}


APP = 'k:{"name":"app"}'
MANAGED = {
    "metadata": {
        "managedFields": [
            entry(
                "verdigris",
                {"f:spec": {"f:containers": {APP: {".": {}, "f:name": {}}}}},
                "2026-01-01T00:00:00Z",
            ),
            entry(
                "kubectl-set",
                {"f:spec": {"f:containers": {APP: {"f:image": {}}}}},
                "2026-01-02T00:00:00Z",
            ),
            entry("kubectl-edit", {"f:spec": {"f:http": {}}}, "2026-01-03T00:00:00Z"),
            entry("kube-controller-manager", {"f:status": {}}, "2026-01-09T00:00:00Z", subresource="status"),
        ]
    }
}


@pytest.mark.parametrize(
    ("path", "writer"),
    [
        (("spec", "containers", Item(0, "name", "app"), "image"), "by kubectl-set at 2026-01-02T00:00:00Z"),
        (("spec", "containers", Item(0, "name", "app"), "name"), "by verdigris at 2026-01-01T00:00:00Z"),
        (("spec", "http", Item(0, "name", "x"), "timeout"), "by kubectl-edit at 2026-01-03T00:00:00Z"),
        (("spec", "gone"), "the object was last written by kubectl-edit at 2026-01-03T00:00:00Z"),
        (
            ("spec", "containers", Item(0, "name", "other"), "image"),
            "the object was last written by kubectl-edit at 2026-01-03T00:00:00Z",
        ),
    ],
)
def test_the_owner_of_a_field_is_told_and_else_who_wrote_last(path: Path, writer: str) -> None:
    assert tell_writer(MANAGED, path) == writer


def test_the_time_of_a_write_is_that_of_the_field_s_owners() -> None:
    assert time_of_write(MANAGED, ("spec", "http")) == "2026-01-03T00:00:00Z"
    assert time_of_write(MANAGED, ("data",)) == ""


def test_nobody_is_told_where_nobody_is_known() -> None:
    assert tell_writer({"metadata": {}}, ("spec",)) == ""
