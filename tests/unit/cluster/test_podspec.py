"""Manifests that a server would refuse are looked at as well: no shape ends a look."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from cluster.leaks import Routing, find_leaks
from cluster.podspec import containers_of, mapping, mappings, template_of, texts
from cluster.quota import find_shortages
from cluster.references import references_of
from release.model import Color

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

CONTAINER: Object = {
    "name": "app",
    "env": [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": False}}},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
    ],
    "envFrom": [{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "c"}}],
    "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
}
POD: Object = {
    "imagePullSecrets": [{"name": "registry"}],
    "initContainers": [{**CONTAINER, "restartPolicy": "Always"}],
    "containers": [CONTAINER],
    "overhead": {"cpu": "1"},
    "volumes": [
        {"name": "a", "secret": {"secretName": "s", "items": [{"key": "k"}]}},
        {"name": "b", "projected": {"sources": [{"configMap": {"name": "c"}}]}},
    ],
}
WHOLE: Object = {
    "deployment": {
        "metadata": {"name": "shop-blue"},
        "spec": {
            "replicas": 2,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
            "template": {"metadata": {"labels": {"app": "shop"}}, "spec": POD},
        },
    },
    "service": {"metadata": {"name": "shop"}, "spec": {"selector": {"app": "shop"}}},
    "route": {
        "metadata": {"name": "shop"},
        "spec": {
            "hosts": ["*"],
            "gateways": ["shop-gateway"],
            "http": [{"name": "a", "route": [{"destination": {"host": "shop", "subset": "blue"}}]}, {}],
        },
    },
}
ODD: tuple[object, ...] = (None, 5, -1, True, "x", "", [], {}, ["x"], [5], [[]], [{}], {"x": 5}, {"name": {}})


def places(node: object, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a tree but its top and the three below it."""
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in members:
        if above:
            yield (*above, key)
        yield from places(value, (*above, key))


def replaced(place: tuple[str | int, ...], value: object) -> Object:
    """The whole with something else at one place."""
    copied = deepcopy(WHOLE)
    node: Any = copied
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = deepcopy(value)
    return copied


@pytest.mark.parametrize("place", list(places(WHOLE)), ids=lambda place: ".".join(map(str, place)))
def test_whatever_stands_at_one_place_there_is_an_answer(place: tuple[str | int, ...]) -> None:
    for value in ODD:
        manifests = replaced(place, value)
        deployment, service, route = (manifests[name] for name in ("deployment", "service", "route"))
        quota = {"metadata": {"name": "q"}, "spec": {"hard": {"cpu": "1", "limits.memory": "1", "pods": "1"}}}
        routing = Routing(
            namespace="shop",
            color=Color.BLUE,
            pod_labels=mapping(template_of(deployment), "metadata", "labels"),
            services=[service],
            routes=[route],
            app_route=route,
            stands=True,
            own_entries=frozenset({"shop-test"}),
        )

        assert all(one.name for one in references_of(template_of(deployment)))
        assert all(map(str, find_shortages([quota], [], deployment, deployment)))
        assert all(leak.text and leak.fix for leak in find_leaks(routing))


def test_what_is_of_another_type_is_not_there() -> None:
    node = {"a": {"b": [1, {"c": 1}, "text"]}, "d": "text"}

    assert mapping(node, "a", "b") == {}
    assert mapping(node, "d", "e") == {}
    assert mapping("text", "a") == {}
    assert mappings(node, "a", "b") == [{"c": 1}]
    assert mappings(node, "d") == []
    assert texts(node, "a", "b") == ["text"]
    assert texts(None, "a") == []


def test_containers_that_run_first_come_first() -> None:
    spec = {"containers": [{"name": "app"}], "initContainers": [{"name": "first"}]}

    assert [one["name"] for one in containers_of({"spec": spec})] == ["first", "app"]
