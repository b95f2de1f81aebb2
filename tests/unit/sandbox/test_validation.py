"""Defaults and rules of the kinds."""

from typing import Any

import pytest

from sandbox.api.addresses import assign_address
from sandbox.api.defaults import set_defaults
from sandbox.api.errors import ApiError
from sandbox.api.resources import get_resource
from sandbox.api.validation import check_object
from sandbox.store import Object, clone

LABELS = {"app": "shop"}


def _deployment(**container: Any) -> Object:  # noqa: ANN401  any JSON
    return {
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [{"name": "app", "image": "a:1", **container}]},
            },
        },
    }


def _service(*ports: Object, **spec: Any) -> Object:  # noqa: ANN401  any JSON
    return {"metadata": {"name": "shop", "namespace": "shop"}, "spec": {"ports": list(ports), **spec}}


def _messages(resource: str, obj: Object, old: Object | None = None) -> list[str]:
    """What is wrong with an object after its defaults were set."""
    found = get_resource(resource)
    with pytest.raises(ApiError) as caught:
        check_object(found, set_defaults(found, obj), old=old)
    assert caught.value.code == 422
    assert caught.value.details is not None
    return [f"{cause['field']}: {cause['message']}" for cause in caught.value.details["causes"]]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("shop", "Always"),
        ("shop:latest", "Always"),
        ("host:5000/shop", "Always"),
        ("host:5000/shop:v1", "IfNotPresent"),
        ("shop@sha256:0", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    obj = set_defaults(get_resource("deployments.apps"), _deployment(image=image))

    assert obj["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_defaults_keep_what_is_set() -> None:
    probe = {"httpGet": {"port": 80}, "periodSeconds": 1}
    obj = _deployment(readinessProbe=probe, imagePullPolicy="Never")
    obj["spec"] |= {"replicas": 0, "strategy": {"type": "Recreate"}}

    spec = set_defaults(get_resource("deployments.apps"), obj)["spec"]

    assert spec["replicas"] == 0
    assert spec["strategy"] == {"type": "Recreate"}
    container = spec["template"]["spec"]["containers"][0]
    assert container["imagePullPolicy"] == "Never"
    assert container["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 1,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def test_the_requests_of_a_pod_follow_from_its_limits() -> None:
    container = {"name": "a", "image": "a:1", "resources": {"limits": {"memory": "1Gi"}}}
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [container]}}

    spec = set_defaults(get_resource("pods"), pod)["spec"]

    assert spec["containers"][0]["resources"]["requests"] == {"memory": "1Gi"}


def test_a_sound_deployment_passes() -> None:
    deployments = get_resource("deployments.apps")

    check_object(deployments, set_defaults(deployments, _deployment()), old=None)


def test_a_deployment_without_its_essentials_is_told_all_of_them() -> None:
    obj = _deployment(name="", image="")
    obj["spec"]["selector"] = {}
    obj["spec"]["replicas"] = -1

    assert _messages("deployments.apps", obj) == [
        "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "spec.template.spec.containers[0].name: Required value",
        "spec.template.spec.containers[0].image: Required value",
    ]


def test_a_deployment_without_selector_or_containers_is_refused() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {}}

    assert _messages("deployments.apps", obj) == [
        "spec.selector: Required value",
        "spec.template.spec.containers: Required value",
    ]


def test_a_deadline_must_be_longer_than_the_time_to_settle() -> None:
    obj = _deployment()
    obj["spec"] |= {"minReadySeconds": 20, "progressDeadlineSeconds": 10}

    assert _messages("deployments.apps", obj) == [
        "spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds"
    ]


@pytest.mark.parametrize("name", ["Shop", "-a", "a" * 300, "a_b", ""])
def test_names_must_be_dns_names(name: str) -> None:
    obj = _deployment()
    obj["metadata"]["name"] = name

    (message,) = _messages("deployments.apps", obj)

    assert message.startswith("metadata.name: ")


def test_labels_that_are_too_long_are_refused() -> None:
    obj = _deployment()
    obj["metadata"]["labels"] = {"a": "x" * 64}

    (message,) = _messages("deployments.apps", obj)

    assert message.endswith("must be no more than 63 bytes")


@pytest.mark.parametrize(
    ("service", "messages"),
    [
        (_service(), ["spec.ports: Required value"]),
        (
            _service({"port": 0}),
            ["spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
        ),
        (_service({}), ["spec.ports[0].port: Required value"]),
        (_service({"port": 1}, {"port": 2, "name": "b"}), ["spec.ports[0].name: Required value"]),
    ],
)
def test_the_ports_of_a_service_are_checked(service: Object, messages: list[str]) -> None:
    assert _messages("services", clone(service)) == messages


@pytest.mark.parametrize("service", [_service({"port": 80}), _service(clusterIP="None")])
def test_a_sound_service_passes(service: Object) -> None:
    services = get_resource("services")

    check_object(services, set_defaults(services, clone(service)), old=None)


def test_a_service_keeps_its_address() -> None:
    old = set_defaults(get_resource("services"), _service({"port": 80}))
    assign_address(old, old=None, others=[])
    new = set_defaults(get_resource("services"), _service({"port": 81}))

    assign_address(new, old=old, others=[old])

    assert new["spec"]["clusterIP"] == old["spec"]["clusterIP"]
    other = set_defaults(get_resource("services"), _service({"port": 80}, type="NodePort"))
    assign_address(other, old=None, others=[old])
    assert other["spec"]["clusterIP"] != old["spec"]["clusterIP"]
    assert other["spec"]["ports"][0]["nodePort"] >= 30000


def test_the_address_of_a_service_cannot_be_changed() -> None:
    old = {"spec": {"clusterIP": "10.78.0.1"}}

    (message,) = _messages("services", _service({"port": 80}, clusterIP="10.78.0.9"), old)

    assert message == 'spec.clusterIP: Invalid value: "10.78.0.9": field is immutable'


def test_a_route_needs_what_its_schema_requires() -> None:
    match = [{"uri": {"exact": "/", "prefix": "/"}}]
    http = [{"match": match, "route": [{"destination": {"subset": "blue"}}]}]
    route = {"metadata": {"name": "shop"}, "spec": {"hosts": ["*"], "http": http}}

    messages = _messages("virtualservices.networking.istio.io", route)

    assert "spec.http[0].route[0].destination.host: Required value" in messages
    assert any("must validate one and only one schema (oneOf)" in message for message in messages)


def test_the_bounds_of_an_autoscaler_are_checked() -> None:
    low = {"metadata": {"name": "a"}, "spec": {"minReplicas": 3, "maxReplicas": 2, "scaleTargetRef": {}}}

    assert _messages("horizontalpodautoscalers.autoscaling", low) == [
        "spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`",
        "spec.scaleTargetRef.name: Required value",
    ]
