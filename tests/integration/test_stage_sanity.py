"""Sanity refuses before anything is touched, and says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.connection import Body
from cluster.kinds import collection_path
from tests.integration.line import ANNA

if TYPE_CHECKING:
    from sandbox.store import Object
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

KINDS = (
    ("Service", ""),
    ("Deployment", "green"),
    ("DestinationRule", ""),
    ("VirtualService", ""),
    ("Gateway", ""),
)


def versions(line: Line) -> dict[str, str]:
    """What every object of the app is at."""
    return {kind: line.get(kind, color)["metadata"]["resourceVersion"] for kind, color in KINDS}


def virtual_service(*entries: Object) -> Object:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "shop-blue-green"},
        "spec": {"hosts": ["shop.example.com"], "gateways": ["shop-gateway"], "http": list(entries)},
    }


def to(*subsets: str, **more: object) -> Object:
    route: list[Object] = [
        {"destination": {"host": "shop", **({"subset": one} if one else {})}} for one in subsets
    ]
    if len(route) > 1:
        route = [{**one, "weight": 50} for one in route]
    return {"name": "default", "route": route, **more}


def test_a_tag_of_the_live_color_is_refused_with_the_tag_to_push_instead(line: Line) -> None:
    # given green is live
    line.go_live("v1-green")
    before = versions(line)

    # when the next tag names green again
    release = line.push("v2-green")
    ended = line.run()

    # then it is refused in sanity, and nothing was touched
    assert [one.stage for one in ended] == ["sanity"]
    assert line.state(release) == "failed"
    problem = line.job().problem
    assert problem
    assert problem.slug == "color-is-live"
    assert "git tag v2-blue v2-green^{} && git push origin v2-blue" in problem.next_step
    assert problem.next_step in line.told(release)
    assert versions(line) == before
    line.expect("v1-green")


def test_a_tag_that_was_moved_since_its_delivery_is_refused(line: Line) -> None:
    release = line.push("v1-green")
    moved = line.repo.commit("v1-green", other="commit")

    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "tag-moved"
    assert release.commit in problem.detail
    assert moved in problem.detail
    assert line.find("Deployment", "green") is None


def test_a_redeploy_is_of_the_same_commit_whatever_became_of_its_tag(line: Line) -> None:
    # given a release whose tag was moved and deleted since
    first = line.deploy("v1-green")
    line.repo.remove_tag("v1-green")

    # when it is deployed again (its image is still in the registry under the commit)
    again = line.take(line.requests.redeploy(first.id, actor=first.actor))
    line.run(until=None)

    # then sanity and the manifests are those of the commit
    assert again.commit == first.commit
    assert f"v1-green is commit {first.commit}" in line.told(again)
    assert "Deployment shop-green: applied" in line.told(again)


def test_a_deploy_call_without_a_commit_learns_it_from_the_tag(line: Line) -> None:
    commit = line.repo.commit("v1-green")

    release = line.take(line.requests.deploy("shop", "v1-green", actor=ANNA))
    line.run()

    assert line.release(release.id).commit == commit
    assert line.release(release.id).image == f"{line.image}:v1-green"
    assert line.state(release) == "ready"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (to("blue", "green"), "2 weighted destinations (blue 50, green 50)"),
        (to(""), "names no subset"),
        (to("canary"), "names subset canary"),
        ({"name": "default", "redirect": {"uri": "/gone"}}, "is a redirect"),
        ({"name": "default", "delegate": {"name": "other"}}, "is a delegate"),
    ],
)
def test_a_route_that_names_no_live_color_is_refused_with_advice(
    line: Line, entry: Object, found: str
) -> None:
    line.create(virtual_service(entry))

    release = line.push("v1-green")
    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "route-not-understood"
    assert found in problem.detail
    assert "Make the last http entry of the VirtualService the default" in problem.next_step
    assert line.state(release) == "failed"
    assert line.find("Service") is None
    assert line.route() == [entry]


def test_what_the_cluster_would_refuse_is_told_all_at_once(line: Line) -> None:
    # given a Service and a Deployment that the API server refuses for different reasons
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 0}]},
    }
    files = dict(line.default_manifests())
    files["manifests/service.yml"] = str(service)
    files["manifests/deployment.yml"] = files["manifests/deployment.yml"].replace(
        "replicas: {{ values.replicas | default(2) }}", "replicas: -1"
    )

    release = line.push("v1-green", files=files)
    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "dry-run-refused"
    assert "Service shop: " in problem.detail
    assert "Deployment shop-green: " in problem.detail
    assert "spec.replicas" in problem.detail
    assert line.state(release) == "failed"
    assert line.find("Service") is None


def test_objects_named_otherwise_than_configured_are_refused(line: Line) -> None:
    files = {
        name: text.replace("name: {{ app }}-blue-green", "name: {{ app }}-routing")
        for name, text in line.default_manifests().items()
    }

    line.push("v1-green", files=files)
    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "names-differ"
    assert "'shop-routing'" in problem.detail
    assert "'shop-blue-green'" in problem.detail


def test_a_destination_rule_of_somebody_else_is_adopted(line: Line) -> None:
    """It is patched, not applied: that others own its fields is in nobody's way."""
    rule: Object = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "shop-blue-green", "namespace": line.namespace},
        "spec": {
            "host": "shop",
            "trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}},
            "subsets": [{"name": "blue", "labels": {"color": "blue", "tier": "web"}}],
        },
    }
    path = collection_path("DestinationRule", line.namespace)
    line.by_hand("POST", line.ref("DestinationRule"), Body(rule), path=path)

    release = line.deploy("v1-green")

    assert release.state == "ready", line.told(release)
    spec = line.get("DestinationRule")["spec"]
    assert spec["trafficPolicy"] == rule["spec"]["trafficPolicy"]
    assert spec["subsets"][0] == rule["spec"]["subsets"][0]
    assert [subset["name"] for subset in spec["subsets"]] == ["blue", "green"]


def test_an_app_that_is_not_configured_any_more_fails_its_waiting_job(line: Line) -> None:
    release = line.push("v1-green")
    without = line.with_apps("other")

    offer = line.sent.offers[0]
    result = line.run_stage(offer, 0, around=without)

    assert result.startswith("StageFailed: No such app")
    assert line.slug() == "unknown-app"
    assert line.state(release) == "failed"
