"""A promote that is refused names what was changed since its tests: object, field, values, by whom, when."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cluster.connection import Body
from cluster.kinds import Ref

if TYPE_CHECKING:
    from release.model import Release
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

BY_HAND = r"by kubectl-edit at \d{4}-\d\d-\d\dT[\d:]+Z"


def ready_for_promote(line: Line) -> tuple[Release, Release]:
    """Green is live, blue is tested."""
    return line.go_live("v1-green"), line.deploy("v2-blue")


def edit_pods(line: Line, change: Any) -> None:  # noqa: ANN401 -- a part of a pod template
    line.edit("Deployment", {"spec": {"template": change}}, "blue")
    line.wait_for(lambda: line.is_settled("Deployment", "blue"), "the pods are as they were edited to be")


def refusal(line: Line) -> str:
    job = line.promote()
    assert job.problem
    assert job.problem.slug == "not-what-was-tested"
    assert line.default() == "green"
    return job.problem.detail


def test_each_edited_field_of_the_pods_is_named_with_both_values_and_its_writer(line: Line) -> None:
    ready_for_promote(line)
    (container,) = line.get("Deployment", "blue")["spec"]["template"]["spec"]["containers"]
    image = container["image"]
    added = {"name": "PASSWORD", "value": "hunter2hunter2"}
    changed = [
        {**one, "value": "other-than-tested"} if one["name"] == "TAG" else one for one in container["env"]
    ]
    edited = {**container, "image": image.replace("v2-blue", "v1-green"), "env": [*changed, added]}
    del edited["readinessProbe"]["periodSeconds"]
    edited["readinessProbe"]["timeoutSeconds"] = 7
    edit_pods(line, {"metadata": {"annotations": {"restarted": "yes"}}, "spec": {"containers": [edited]}})

    told = refusal(line)

    where = "Deployment shop-blue: spec.template.spec.containers[0]"
    other = image.replace("v2-blue", "v1-green")
    assert re.search(re.escape(f"{where}.image is {other}, tested was {image} (") + BY_HAND, told)
    assert re.search(
        re.escape(f"{where}.env[TAG].value was changed (values of the environment are not shown)"), told
    )
    assert f"{where}.env[PASSWORD] is [a value that is not shown], tested was without it" in told
    assert f"{where}.readinessProbe.timeoutSeconds is 7" in told
    assert 'spec.template.metadata.annotations is {"restarted": "yes"}, tested was without it' in told
    assert "hunter2" not in told
    assert "other-than-tested" not in told


def test_edited_entries_of_the_route_are_named_and_all_is_told_at_once(line: Line) -> None:
    ready_for_promote(line)
    edit_pods(line, {"spec": {"terminationGracePeriodSeconds": 3}})
    route = line.route()
    route[-1]["timeout"] = "9s"
    del route[0]["retries"]
    line.edit("VirtualService", {"spec": {"http": route}})

    told = refusal(line)

    assert "Deployment shop-blue: spec.template.spec.terminationGracePeriodSeconds is 3, tested was 2" in told
    where = re.escape("VirtualService shop-blue-green: spec.http")
    assert re.search(where + re.escape("[1].timeout is 9s, tested was without it (") + BY_HAND, told)
    assert re.search(where + re.escape('[0].retries is gone, tested was {"attempts": 0} (') + BY_HAND, told)


def with_inputs(line: Line) -> dict[str, str]:
    """Manifests whose pods take their environment from a ConfigMap and a Secret; both exist."""
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shop-env"},
        "data": {"MODE": "a"},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-key"},
        "data": {"KEY": "aHVudGVy"},
    }
    line.create(config)
    line.create(secret)
    files = line.default_manifests()
    name = "manifests/deployment.yml"
    sources = "envFrom: [{configMapRef: {name: shop-env}}, {secretRef: {name: shop-key}}]"
    files[name], made = re.subn(r"^( +)env:$", rf"\1{sources}\n\1env:", files[name], flags=re.MULTILINE)
    assert made
    return files


def test_what_pods_take_their_environment_from_is_watched_but_never_shown(line: Line) -> None:
    # given pods that were tested with the values of a ConfigMap and a Secret
    line.reconfigure(manifests={"path": "manifests"})
    line.go_live("v1-green", files=with_inputs(line))
    ready = line.deploy("v2-blue")
    noted = line.get("Deployment", "blue")["metadata"]["annotations"]["verdigris.dev/passed-inputs"]
    assert "Secret/shop-key" in noted
    assert "aHVudGVy" not in noted
    secret, config = Ref("Secret", line.namespace, "shop-key"), Ref("ConfigMap", line.namespace, "shop-env")

    # when one gets a label, nothing is said; when it gets another value, the promote names it
    line.by_hand("PATCH", secret, merge({"metadata": {"labels": {"by": "hand"}}}))
    between = line.promote()
    assert between.state == "done", between.problem
    assert line.rollback().state == "done"
    wait_a_second(line)
    line.by_hand("PATCH", secret, merge({"data": {"KEY": "b3RoZXI="}}))
    line.by_hand("DELETE", config)
    job = line.promote(ready.id)

    # then
    assert job.problem
    told = job.problem.detail
    assert job.problem.slug == "not-what-was-tested"
    assert re.search(
        r"Secret shop-key, which pods take their environment from, was written since \(" + BY_HAND, told
    )
    assert "ConfigMap shop-env, which pods take their environment from, is gone" in told
    assert "b3RoZXI" not in told


def merge(changes: Any) -> Body:  # noqa: ANN401 -- a part of any object
    return Body(changes, "application/merge-patch+json")


def wait_a_second(line: Line) -> None:
    """The API tells the time of a write to the second."""
    begun = datetime.now(UTC).replace(microsecond=0)
    line.wait_for(lambda: datetime.now(UTC).replace(microsecond=0) > begun, "the next second")


def test_without_the_tested_replica_set_the_templates_are_told(line: Line) -> None:
    ready_for_promote(line)
    line.edit("Deployment", {"spec": {"revisionHistoryLimit": 0}}, "blue")
    edit_pods(line, {"spec": {"terminationGracePeriodSeconds": 3}})
    line.wait_for(lambda: len(line.replica_sets("blue")) == 1, "the old ReplicaSet is empty")
    line.wait_for(lambda: "terminationGrace" not in refusal(line), "the old ReplicaSet is gone")

    assert "its pod template was changed since: " in refusal(line)
