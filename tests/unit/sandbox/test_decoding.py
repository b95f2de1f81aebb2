"""Reading objects: unknown fields, wrong types, and what is left out."""

from typing import Any

import pytest

from sandbox.api.decoding import check_applied, read_object
from sandbox.api.errors import ApiError
from sandbox.api.resources import get_resource
from sandbox.store import Object

DEPLOYMENTS = get_resource("deployments.apps")
ROUTES = get_resource("virtualservices.networking.istio.io")


def _deployment(container: Any = None, **spec: Any) -> Object:  # noqa: ANN401  any JSON
    pod = {"spec": {"containers": [container]}} if container else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"template": pod, **spec},
    }


CONTAINERS = ".spec.template.spec.containers"
NO_KEY = (
    f"{CONTAINERS}: element 0: associative list with keys has an element that omits key field "
    '"name" (and doesn\'t have default value)'
)


@pytest.mark.parametrize(
    ("obj", "problem"),
    [
        (
            _deployment({"name": "x", "image": 1}),
            f'{CONTAINERS}[name="x"].image: expected string, got &value.valueUnstructured{{Value:1}}',
        ),
        (
            _deployment({"name": "x", "tty": 1}),
            f'{CONTAINERS}[name="x"].tty: expected boolean, got &value.valueUnstructured{{Value:1}}',
        ),
        (_deployment({"image": "x"}), NO_KEY),
        (_deployment(replicas=True), ".spec.replicas: expected numeric (int or float), got bool"),
        (
            _deployment(replicas={}),
            ".spec.replicas: expected numeric (int or float), got map[string]interface {}",
        ),
        (_deployment(strategy=[]), ".spec.strategy: expected map, got &{[]}"),
        (
            _deployment({"name": "x", "command": "ls"}),
            f'{CONTAINERS}[name="x"].command: expected list, got &{{"ls"}}',
        ),
    ],
)
def test_an_applied_object_that_does_not_fit_is_refused_with_500(obj: Object, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_applied(DEPLOYMENTS, obj)

    assert caught.value.code == 500
    assert str(caught.value) == (
        f"failed to create typed patch object (/a; apps/v1, Kind=Deployment): {problem}"
    )


def test_several_problems_of_an_applied_object_are_all_told() -> None:
    obj = _deployment({"name": "x", "imag": "y"}, replicaz=1)

    with pytest.raises(ApiError, match="errors:") as caught:
        check_applied(DEPLOYMENTS, obj)

    assert "\n  .spec.replicaz: field not declared in schema" in str(caught.value)
    assert '[name="x"].imag: field not declared in schema' in str(caught.value)


def test_doubled_entries_of_an_applied_list_are_refused() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]

    with pytest.raises(ApiError, match=r'duplicate entries for key \[name="A"\]'):
        check_applied(DEPLOYMENTS, _deployment({"name": "x", "env": env}))


def test_an_unknown_field_of_a_route_is_named_by_its_place() -> None:
    route = {"kind": "VirtualService", "metadata": {"name": "a"}, "spec": {"http": [{"nam": "x"}]}}

    with pytest.raises(ApiError, match=r"\.spec\.http\[0\]\.nam: field not declared in schema"):
        check_applied(ROUTES, route)


def test_unknown_fields_nulls_and_empty_collections_are_left_out() -> None:
    obj = _deployment({"name": "x", "env": [], "resources": {}, "tty": None, "imag": "y"}, replicaz=1)

    decoded = read_object(DEPLOYMENTS, obj)

    containers = decoded.obj["spec"]["template"]["spec"]["containers"]
    assert containers == [{"name": "x", "resources": {}}]
    assert sorted(decoded.unknown) == ["spec.replicaz", "spec.template.spec.containers[0].imag"]


def test_empty_collections_of_custom_resources_stay() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {"http": [], "hosts": ["*"]}}

    assert read_object(ROUTES, obj).obj["spec"] == {"http": [], "hosts": ["*"]}


def test_a_wrong_type_in_a_built_in_kind_is_refused_as_go_does() -> None:
    obj = _deployment({"name": "x", "ports": [{"containerPort": "abc"}]})

    with pytest.raises(ApiError) as caught:
        read_object(DEPLOYMENTS, obj)

    assert caught.value.code == 400
    assert str(caught.value) == (
        'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go '
        "struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32"
    )


def test_a_wrong_type_in_a_custom_resource_is_refused_by_its_schema() -> None:
    with pytest.raises(ApiError) as caught:
        read_object(ROUTES, {"metadata": {"name": "a"}, "spec": {"hosts": "*"}})

    assert caught.value.code == 422
    assert str(caught.value) == (
        'VirtualService.networking.istio.io "a" is invalid: spec.hosts: Invalid value: "string": spec.hosts '
        'in body must be of type array: "string"'
    )
