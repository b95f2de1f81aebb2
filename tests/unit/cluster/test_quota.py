"""What a rollout adds to what is used, against what quotas leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cluster.quota import find_shortages, growth, pod_of, shown

Object = dict[str, Any]

CPU = {"requests": {"cpu": "500m"}}


def container(**resources: object) -> Object:
    return {"name": "app", "resources": resources}


def deployment(
    replicas: int | None = 2, *containers: Object, strategy: Object | None = None, **spec: object
) -> Object:
    template = {"spec": {"containers": list(containers) or [container(**CPU)], **spec}}
    made: Object = {"template": template}
    if replicas is not None:
        made["replicas"] = replicas
    if strategy is not None:
        made["strategy"] = strategy
    return {"kind": "Deployment", "metadata": {"name": "shop-blue"}, "spec": made}


def rolling(surge: int | str) -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge}}


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: object) -> Object:
    status = {"hard": hard, "used": used or {}}
    return {"metadata": {"name": "compute"}, "spec": {"hard": hard, **spec}, "status": status}


def told(
    hard: dict[str, str], used: dict[str, str] | None = None, *, wanted: Object, **spec: object
) -> list[str]:
    return [str(one) for one in find_shortages([quota(hard, used, **spec)], [], wanted, None)]


@pytest.mark.parametrize(
    ("wanted", "standing", "pods", "cpu"),
    [
        # a color without pods gets all of them
        (deployment(3), None, 3, "1.5"),
        # replicas that are not said are one
        (deployment(None), None, 1, "0.5"),
        # a rollout over as many adds its surge, 25 % rounded up where nothing else is said
        (deployment(4), deployment(4), 1, "0.5"),
        (deployment(5), deployment(5), 2, "1"),
        (deployment(4, strategy=rolling(3)), deployment(4), 3, "1.5"),
        (deployment(4, strategy=rolling("50%")), deployment(4), 2, "1"),
        # over fewer, also what was not there before
        (deployment(4, strategy=rolling(1)), deployment(1), 4, "2"),
        # over more, nothing
        (deployment(1, strategy=rolling(1)), deployment(5), 0, "0"),
        # without a surge the old ones go first
        (deployment(4, strategy={"type": "Recreate"}), deployment(4), 0, "0"),
        # pods that got bigger count in the end with what they grew by
        (deployment(4, container(requests={"cpu": "2"}), strategy=rolling(1)), deployment(4), 1, "6"),
    ],
)
def test_the_most_that_a_rollout_adds(wanted: Object, standing: Object | None, pods: int, cpu: str) -> None:
    added = growth(wanted, standing)

    assert added["pods"] == pods
    assert added["requests.cpu"] == Decimal(cpu)


def test_containers_that_run_before_the_others_count_where_they_need_more() -> None:
    early = [container(requests={"cpu": "3", "memory": "1Mi"}), container(requests={"cpu": "1"})]
    beside = {**container(requests={"memory": "6Mi"}), "restartPolicy": "Always"}
    made = deployment(
        1,
        container(requests={"cpu": "1", "memory": "4Mi"}),
        container(**CPU),
        initContainers=[*early, beside],
    )

    pod = pod_of(made)

    assert pod["requests.cpu"] == 3
    assert pod["requests.memory"] == 10 * 2**20


def test_a_pod_counts_its_overhead_and_limits_stand_for_requests() -> None:
    made = deployment(1, container(limits={"cpu": "1", "memory": "1Gi"}), overhead={"memory": "1Gi"})

    pod = pod_of(made)

    assert pod == {
        "pods": 1,
        "requests.cpu": 1,
        "limits.cpu": 1,
        "requests.memory": 2 * 2**30,
        "limits.memory": 2**30,
    }


def test_limit_ranges_fill_in_what_a_container_does_not_say() -> None:
    default = {"type": "Container", "default": {"cpu": "2", "memory": "1Gi"}, "defaultRequest": {"cpu": "1"}}
    other = {"type": "Pod", "max": {"cpu": "9"}}

    pod = pod_of(
        deployment(1, container(requests={"memory": "1Mi"})), [{"spec": {"limits": [other, default]}}]
    )

    assert pod["requests.cpu"] == 1
    assert pod["limits.cpu"] == 2
    assert pod["requests.memory"] == 2**20


def test_what_is_left_is_told_in_the_units_of_people() -> None:
    wanted = deployment(2, container(requests={"cpu": "500m", "memory": "1Gi"}))
    hard = {"requests.cpu": "2", "memory": "1536Mi", "pods": "10"}
    used = {"requests.cpu": "1500m", "memory": "0", "pods": "3"}

    assert told(hard, used, wanted=wanted) == [
        "requests.cpu: 1 more needed, 500m of 2 left",
        "memory: 2Gi more needed, 1536Mi of 1536Mi left",
    ]


def test_a_quota_that_is_spent_beyond_its_limit_has_nothing_left() -> None:
    assert told({"count/pods": "2"}, {"count/pods": "3"}, wanted=deployment(1)) == [
        "count/pods: 1 more needed, 0 of 2 left"
    ]


def test_what_a_quota_counts_every_container_has_to_say() -> None:
    wanted = deployment(1, container(**CPU), {"name": "helper"})

    assert told({"cpu": "9", "limits.memory": "1Gi"}, wanted=wanted) == [
        "cpu: the quota counts it, so every container has to say how much",
        "limits.memory: the quota counts it, so every container has to say how much",
    ]


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ({"scopes": ["NotTerminating"]}, True),
        ({"scopes": ["BestEffort"]}, False),
        ({"scopeSelector": {"matchExpressions": []}}, True),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}},
            False,
        ),
    ],
)
def test_quotas_of_other_scopes_are_left_to_the_server(spec: Object, *, counts: bool) -> None:
    assert bool(told({"pods": "0"}, wanted=deployment(1), **spec)) is counts


def test_a_quota_without_a_status_yet_counts_by_its_spec() -> None:
    made = {"metadata": {"name": "new"}, "spec": {"hard": {"pods": "1"}}}

    found = find_shortages([made], [], deployment(2), None)

    assert list(map(str, found)) == ["pods: 2 more needed, 1 of 1 left"]


def test_amounts_that_are_none_are_left_to_the_server() -> None:
    assert "requests.cpu" not in pod_of(deployment(1, container(requests={"cpu": "much"})))


@pytest.mark.parametrize(
    ("value", "resource", "text"),
    [
        ("0.25", "requests.cpu", "250m"),
        ("3", "limits.cpu", "3"),
        ("1000", "pods", "1000"),
        (str(512 * 2**20), "requests.memory", "512Mi"),
        (str(2**10), "requests.ephemeral-storage", "1Ki"),
        ("1000", "requests.memory", "1000"),
        ("0", "requests.memory", "0"),
    ],
)
def test_amounts_are_written_as_people_write_them(value: str, resource: str, text: str) -> None:
    assert shown(Decimal(value), resource) == text
