"""Deploy brings a release up where users don't see it, and leaves them alone however it ends."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from release.model import Stage
from tests.integration.line import subset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox.store import Event, Object
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

ROUTES = "virtualservices.networking.istio.io"
RULES = "destinationrules.networking.istio.io"
DEPLOYMENTS = "deployments.apps"


def subsets(rule: Object | None) -> set[str]:
    return {subset["name"] for subset in rule["spec"]["subsets"]} if rule else set()


def find_test_entry(route: Object | None) -> Object | None:
    return next(
        (
            entry
            for entry in (route or {"spec": {"http": []}})["spec"]["http"]
            if entry.get("name") == "shop-test"
        ),
        None,
    )


class Replay:
    """Goes through writes one by one and keeps what stood after each."""

    def __init__(self, events: Sequence[Event], **standing: Object | None) -> None:
        self.standing: dict[str, Object | None] = {ROUTES: standing.get("route"), RULES: standing.get("rule")}
        self.steps: list[tuple[Event, Object | None, Object | None]] = []
        for event in events:
            if event.resource in self.standing:
                self.standing[event.resource] = event.object
            self.steps.append((event, self.standing[ROUTES], self.standing[RULES]))


def check_every_state_serves(events: Sequence[Event], **standing: Object | None) -> None:
    """No entry ever names a subset that the DestinationRule lacks."""
    replay = Replay(events, **standing)
    assert replay.steps
    for event, route, rule in replay.steps:
        for entry in route["spec"]["http"] if route else ():
            assert subset_of(entry) in subsets(rule), f"after {event.resource} {event.revision}"


def test_a_first_deploy_passes_and_nothing_is_live_until_it_is_promoted(line: Line) -> None:
    # when the first tag of an app is pushed
    release = line.push("v1-green")
    with line.writes() as events:
        ended = line.run()

    # then all stages pass, testers reach it, users don't
    assert [one.result for one in ended] == [
        "sanity passed",
        "deploy passed",
        "migrate passed",
        "smoke passed",
    ]
    assert line.state(release) == "ready"
    line.expect("v1-green", cookie="a=1; test=true")
    assert line.ask()[0] == 503
    seen = line.store.observation("shop")
    assert seen
    assert seen.live is None
    assert (seen.green.release, seen.green.passed, seen.test_route) == (release.id, True, "green")
    check_every_state_serves(events)

    # and a promote makes it live
    job = line.promote()
    assert job.state == "done"
    assert line.state(release) == "live"
    line.expect("v1-green")


def test_the_verdict_stands_on_the_deployment(line: Line) -> None:
    release = line.deploy("v1-green")

    metadata = line.get("Deployment", "green")["metadata"]
    annotations = metadata["annotations"]
    replica_set = line.replica_sets("green")[0]
    assert metadata["labels"]["workflow"] == release.id
    assert annotations["verdigris.dev/release"] == release.id
    assert annotations["verdigris.dev/tag"] == "v1-green"
    assert annotations["verdigris.dev/commit"] == release.commit
    assert (
        annotations["verdigris.dev/passed-template"] == replica_set["metadata"]["labels"]["pod-template-hash"]
    )
    assert annotations["verdigris.dev/passed-route"]
    assert int(annotations["verdigris.dev/fence"]) == line.job().fence


def test_writes_come_in_the_order_that_loses_no_request(line: Line) -> None:
    # given green live and blue tested before
    line.go_live("v1-green")
    line.deploy("v2-blue")
    standing = {"route": line.find("VirtualService"), "rule": line.find("DestinationRule")}

    # when blue is deployed anew, under the eyes of users
    line.push("v3-blue")
    with line.writes() as events, line.users() as got:
        line.run()

    # then the test entry left the route before the Deployment changed, and came back when it was ready
    replay = Replay(events, **standing)
    template_writes = [
        (event, route)
        for event, route, _ in replay.steps
        if event.resource == DEPLOYMENTS
        and event.previous
        and event.object["spec"]["template"] != event.previous["spec"]["template"]
    ]
    assert len(template_writes) == 1
    assert all(find_test_entry(route) is None for _, route in template_writes)
    opened = next(
        event for event, route, _ in replay.steps if event.resource == ROUTES and find_test_entry(route)
    )
    ready = next(event for event in events if is_rolled_out(event, "v3-blue"))
    assert opened.revision > ready.revision
    # and the default entry never moved
    check_every_state_serves(events, **standing)
    assert {subset_of(route["spec"]["http"][-1]) for _, route, _ in replay.steps if route} == {"green"}
    assert set(got) == {(200, "v1-green")}


def is_rolled_out(event: Event, tag: str) -> bool:
    obj = event.object
    if event.resource != DEPLOYMENTS or obj["metadata"]["annotations"]["verdigris.dev/tag"] != tag:
        return False
    status = obj.get("status", {})
    return bool(
        status.get("observedGeneration") == obj["metadata"]["generation"]
        and status.get("updatedReplicas") == status.get("availableReplicas") == 1
    )


UPPER: dict[str, str] = {
    f"manifests/{name}.yml": (resources.files("manifests") / f"{name}.yml")
    .read_text("utf-8")
    .replace("{{ image | tojson }}", "registry.sandbox/UPPER:{{ tag }}")
    for name in ("deployment", "gateway", "route", "route-test", "service")
}
"""An image that no registry could have; the configuration would not let it stand there."""

BROKEN: tuple[tuple[dict[str, Any], dict[str, Any], str, str], ...] = (
    ({}, {"image": "registry.sandbox/gone:{tag}"}, "rollout-image-not-found", "registry.sandbox/gone:v"),
    ({"crash": "boom: no database"}, {"max_restarts": 0}, "rollout-crash-loop", "boom: no database"),
    ({"unready": True}, {"deadlines": {"rollout": 1}}, "rollout-deadline", "probe"),
    # Last: a file stays in the repository.
    ({"files": UPPER}, {}, "rollout-invalid-image", "registry.sandbox/UPPER:v"),
)


def test_of_broken_releases_users_notice_nothing(line: Line) -> None:
    # given a first version that everybody is on
    first = line.go_live("v1-green")
    working = yaml.safe_load(line.config_text)["apps"]["shop"]

    with line.users() as got:
        for number, (does, app, slug, told) in enumerate(BROKEN):
            # when a broken one is deployed
            line.reconfigure(**{**working, **app})
            release = line.push(f"v2.{number}-blue", **does)
            ended = line.run()

            # then it fails with the reason
            assert [one.stage for one in ended] == ["sanity", "deploy"], slug
            problem = line.job().problem
            assert problem
            assert problem.slug == slug
            assert told in problem.detail
            assert problem.next_step
            assert told in line.told(release)
            assert line.state(release) == "failed"
            # and no test entry leads to what does not work, while its pods stay to be looked at
            assert [entry["name"] for entry in line.route()] == ["shop-default"]
            assert line.find("Deployment", "blue")

    # and the first version serves all the while
    assert line.state(first) == "live"
    assert set(got) == {(200, "v1-green")}


def test_a_deploy_gives_up_what_was_ready_or_on_standby_on_its_color(line: Line) -> None:
    first = line.go_live("v1-green")
    second = line.go_live("v2-blue")
    assert line.state(first) == "standby"

    third = line.deploy("v3-green")
    assert line.state(first) == "retired"
    assert f"v1-green ({first.id}) is replaced on green" in line.told(third)

    fourth = line.deploy("v4-green")
    assert line.state(third) == "superseded"
    assert line.state(fourth) == "ready"
    assert line.state(second) == "live"


TEAM: list[Object] = [
    {
        "name": "legacy",
        "match": [{"uri": {"prefix": "/legacy"}}],
        "route": [{"destination": {"host": "legacy.other.svc.cluster.local"}}],
        "timeout": "7s",
    },
    {"match": [{"headers": {"x-beta": {"exact": "1"}}}], "redirect": {"uri": "/beta"}},
]
DEFAULT: Object = {
    "name": "everybody",
    "route": [{"destination": {"host": "shop", "subset": "green", "port": {"number": 80}}}],
    "timeout": "3s",
    "retries": {"attempts": 4, "perTryTimeout": "1s", "retryOn": "5xx"},
    "corsPolicy": {"allowOrigins": [{"exact": "https://shop.example.com"}], "maxAge": "24h"},
}


def test_a_team_s_own_routes_survive_a_whole_life(line: Line) -> None:
    """Deploy, promote, rollback and decommission change one subset and one entry, and nothing else."""
    line.create(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {
                "name": "shop-blue-green",
                "labels": {"team": "red"},
                "annotations": {"note": "ours"},
            },
            "spec": {"hosts": [line.host], "gateways": ["shop-gateway"], "http": [*TEAM, DEFAULT]},
        }
    )

    def is_as_the_team_wrote_it(color: str) -> bool:
        found = line.get("VirtualService")
        entries = [entry for entry in found["spec"]["http"] if entry.get("name") != "shop-test"]
        default = {
            **DEFAULT,
            "route": [{"destination": {**DEFAULT["route"][0]["destination"], "subset": color}}],
        }
        rest = {name: value for name, value in found["spec"].items() if name != "http"}
        assert rest == {"hosts": [line.host], "gateways": ["shop-gateway"]}
        assert found["metadata"]["labels"] == {"team": "red"}
        assert found["metadata"]["annotations"]["note"] == "ours"
        assert entries == [*TEAM, default]
        return True

    release = line.go_live("v1-green")
    assert is_as_the_team_wrote_it("green")
    assert "left as it is in the cluster: the default's retries" in line.told(release)
    line.deploy("v2-blue")
    assert line.route()[0]["name"] == "shop-test"
    assert is_as_the_team_wrote_it("green")
    assert line.promote().state == "done"
    assert is_as_the_team_wrote_it("blue")
    assert line.rollback().state == "done"
    assert is_as_the_team_wrote_it("green")
    assert line.decommission().state == "done"
    assert is_as_the_team_wrote_it("green")
    assert [entry.get("name") for entry in line.route()] == ["legacy", None, "everybody"]


def test_routes_may_be_taken_from_the_repository(make_line: Callable[..., Line]) -> None:
    line = make_line(routes="from-repository")
    line.go_live("v1-green")
    line.edit("VirtualService", {"spec": {"http": [*TEAM, {**DEFAULT, "timeout": "9s"}]}})

    files = line.default_manifests()
    changed = files["manifests/route-test.yml"].replace(
        "    - name: {{ app }}-default\n", "    - name: {{ app }}-default\n      timeout: 5s\n"
    )
    release = line.push("v2-blue", files={**files, "manifests/route-test.yml": changed})
    line.run()

    assert line.state(release) == "ready", line.told(release)
    assert [entry["name"] for entry in line.route()] == ["shop-test", "shop-default"]
    assert line.route()[-1]["timeout"] == "5s"
    assert line.default() == "green"


def test_where_the_default_names_the_first_color_users_are_kept_away_from_it_until_its_promote(
    line: Line,
) -> None:
    # given a route of the team's that names green, where nothing runs yet
    line.create(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "shop-blue-green"},
            "spec": {"hosts": [line.host], "gateways": ["shop-gateway"], "http": [DEFAULT]},
        }
    )

    # when green is deployed
    with line.writes() as events:
        release = line.deploy("v1-green")

    # then nothing is live before the promote
    assert release.state == "ready", line.told(release)
    check_every_state_serves(
        [event for event in events if event.resource != RULES or event.previous is None],
        route=None,
    )
    assert line.ask()[0] == 503
    assert line.promote().state == "done"
    line.expect("v1-green")


def test_the_color_that_would_be_live_without_a_promote_is_refused(line: Line) -> None:
    """Nothing is live, green waits for its promote, the default names blue: blue would serve at once."""
    line.deploy("v1-green")

    release = line.push("v2-blue")
    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "color-is-next"
    assert "push it as v2-green" in problem.next_step
    assert line.state(release) == "failed"
    assert line.find("Deployment", "blue") is None


def test_a_rolled_out_color_whose_route_was_moved_by_hand_meanwhile_is_not_touched(line: Line) -> None:
    # given blue is about to be deployed, and somebody moves users to it between sanity and deploy
    line.go_live("v1-green")
    line.go_live("v2-blue")
    release = line.push("v3-green")
    line.run(until=Stage.DEPLOY)
    line.edit(
        "VirtualService",
        {
            "spec": {
                "http": [
                    {**line.route()[-1], "route": [{"destination": {"host": "shop", "subset": "green"}}]}
                ]
            }
        },
    )
    before = line.get("Deployment", "green")

    # when the deploy stage begins
    line.run()

    # then it is refused, and green is as it was
    assert line.slug() == "color-is-live"
    assert line.get("Deployment", "green")["spec"] == before["spec"]
    assert line.state(release) == "failed"


def test_an_api_server_that_is_away_for_a_moment_is_waited_for(line: Line) -> None:
    # given an API server that answers nothing at the beginning of sanity, nor at that of the deploy
    # (more requests than are on their way at the same time)
    release = line.push("v1-green")
    with line.town.outage(requests=6):
        line.run(until=Stage.DEPLOY)
    with line.town.outage(requests=6):
        line.run()

    # then both waited, and said so
    assert line.state(release) == "ready", line.told(release)
    assert line.told(release).count("the cluster's API is not available (the server is starting)") == 2


def test_fields_of_another_manager_are_not_taken(line: Line) -> None:
    line.go_live("v1-green")
    line.deploy("v2-blue")
    line.edit(
        "Service", {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}}
    )

    release = line.push("v3-blue")
    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "dry-run-refused"
    assert "owned by kubectl-edit" in problem.detail
    assert line.state(release) == "failed"
