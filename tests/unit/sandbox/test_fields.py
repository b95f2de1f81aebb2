"""Field sets: what an object's fields are called, and what differs between two states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.api.fields import compare, decode, encode, format_path, list_fields, remove_field
from sandbox.api.types import StructRef
from sandbox.store import Object

DEPLOYMENT = StructRef("Deployment")
VIRTUAL_SERVICE = StructRef("VirtualService")
NAME = 'k:{"name":"app"}'
CONTAINERS = ("f:spec", "f:template", "f:spec", "f:containers")


def _deployment(**container: object) -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", **container}]}}}}


def test_declared_fields_are_leaves_and_entries_of_merging_lists() -> None:
    fields = list_fields(DEPLOYMENT, _deployment(image="a:1", ports=[{"containerPort": 80}]))

    port = (*CONTAINERS, NAME, "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}')
    assert fields == {
        (*CONTAINERS, NAME),
        (*CONTAINERS, NAME, "f:name"),
        (*CONTAINERS, NAME, "f:image"),
        port,
        (*port, "f:containerPort"),
    }


def test_an_atomic_value_is_one_field() -> None:
    route = {"spec": {"http": [{"name": "a"}], "hosts": ["*"]}}
    selector = {"spec": {"selector": {"matchLabels": {"a": "b"}}}}

    assert list_fields(VIRTUAL_SERVICE, route) == {("f:spec", "f:http"), ("f:spec", "f:hosts")}
    assert list_fields(DEPLOYMENT, selector) == {("f:spec", "f:selector")}


def test_an_empty_map_is_a_field_itself() -> None:
    assert list_fields(DEPLOYMENT, _deployment(resources={})) >= {(*CONTAINERS, NAME, "f:resources")}


def test_a_new_map_counts_itself_and_its_entries() -> None:
    changes = compare(DEPLOYMENT, {"metadata": {}}, {"metadata": {"labels": {"a": "b"}}})

    labels = ("f:metadata", "f:labels")
    assert changes.added == {labels, (*labels, "f:a")}
    assert not changes.modified | changes.removed


def test_changes_are_told_apart() -> None:
    old = _deployment(image="a:1", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    new = _deployment(image="a:2", env=[{"name": "A", "value": "1"}], tty=True)

    changes = compare(DEPLOYMENT, old, new)

    container = (*CONTAINERS, NAME)
    gone = (*container, "f:env", 'k:{"name":"B"}')
    assert changes.modified == {(*container, "f:image")}
    assert changes.added == {(*container, "f:tty")}
    assert changes.removed == {gone, (*gone, "f:name"), (*gone, "f:value")}


def test_a_set_is_written_as_a_real_server_writes_it() -> None:
    fields = {("f:metadata", "f:labels"), ("f:metadata", "f:labels", "f:a"), ("f:spec",)}

    written = encode(fields)

    assert written == {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": {}}
    assert decode(written) == fields


STEPS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])


@given(st.frozensets(st.lists(STEPS, min_size=1, max_size=4).map(tuple)))
def test_writing_and_reading_a_set_gives_the_set(fields: frozenset[tuple[str, ...]]) -> None:
    assert decode(encode(fields)) == fields


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((*CONTAINERS, NAME, "f:image"), '.spec.template.spec.containers[name="app"].image'),
        (("f:ports", 'k:{"containerPort":80,"protocol":"TCP"}'), '.ports[containerPort=80,protocol="TCP"]'),
        (("f:metadata", "f:finalizers", 'v:"x"'), '.metadata.finalizers[="x"]'),
        (("f:http", "i:0", "f:name"), ".http[0].name"),
    ],
)
def test_paths_read_as_in_messages(path: tuple[str, ...], text: str) -> None:
    assert format_path(path) == text


def test_a_field_can_be_taken_out_wherever_it_is() -> None:
    obj = _deployment(image="a:1", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])

    remove_field(DEPLOYMENT, obj, (*CONTAINERS, NAME, "f:env", 'k:{"name":"A"}'))
    remove_field(DEPLOYMENT, obj, (*CONTAINERS, NAME, "f:image"))
    remove_field(DEPLOYMENT, obj, (*CONTAINERS, NAME, "f:tty"))

    assert obj == _deployment(env=[{"name": "B", "value": "2"}])
