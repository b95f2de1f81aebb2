"""Decommission takes the idle color down in the order that breaks no route, and never the live one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.names import SWITCHED_AT
from tests.integration.line import ANNA, subset_of

if TYPE_CHECKING:
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

ROUTES = "virtualservices.networking.istio.io"
RULES = "destinationrules.networking.istio.io"
DEPLOYMENTS = "deployments.apps"


def test_the_idle_color_goes_route_first_then_its_subset_then_its_pods(line: Line) -> None:
    # given blue live, green on standby
    first = line.go_live("v1-green")
    second = line.go_live("v2-blue")

    # when the idle color is decommissioned, under the eyes of users
    with line.writes() as events, line.users() as got:
        job = line.decommission()

    # then VirtualService, DestinationRule and Deployment were written in this order
    assert job.state == "done", job.problem
    assert [entry["name"] for entry in line.route()] == ["shop-default"]
    assert [subset["name"] for subset in line.get("DestinationRule")["spec"]["subsets"]] == ["blue"]
    assert line.find("Deployment", "green") is None
    ours = {ROUTES: "shop-blue-green", RULES: "shop-blue-green", DEPLOYMENTS: "shop-green"}
    order = [
        event.resource for event in events if ours.get(event.resource) == event.object["metadata"]["name"]
    ]
    assert list(dict.fromkeys(order)) == [ROUTES, RULES, DEPLOYMENTS]
    # and nobody noticed, but for the records
    assert set(got) == {(200, "v2-blue")}
    assert (line.state(first), line.state(second)) == ("retired", "live")
    assert subset_of(line.route()[-1]) == "blue"

    # and the color can be deployed again
    with line.users() as got:
        third = line.deploy("v3-green")
    assert third.state == "ready", line.told(third)
    line.expect("v3-green", cookie="test=true")
    assert set(got) == {(200, "v2-blue")}


def test_what_is_gone_already_is_success(line: Line) -> None:
    line.go_live("v1-green")

    assert line.decommission().state == "done"
    assert line.decommission().state == "done"

    line.expect("v1-green")


def test_a_release_that_was_ready_is_superseded_by_it(line: Line) -> None:
    line.go_live("v1-green")
    ready = line.deploy("v2-blue")

    assert line.decommission().state == "done"

    assert line.state(ready) == "superseded"
    line.expect("v1-green", cookie="test=true")


def test_the_live_color_is_not_taken_down(line: Line) -> None:
    # given an accepted decommission of green, and somebody who moves users there before it runs
    line.go_live("v1-green")
    line.go_live("v2-blue")
    line.accepted = line.requests.decommission("shop", actor=ANNA)
    route = line.route()
    route[-1]["route"][0]["destination"]["subset"] = "green"
    line.edit("VirtualService", {"spec": {"http": route}})

    line.run()

    problem = line.job().problem
    assert problem
    assert problem.slug == "color-is-live"
    assert "decommission blue" in problem.next_step
    assert line.find("Deployment", "green")
    line.expect("v1-green")


def test_users_are_given_their_time_to_leave_before_the_color_goes(line: Line) -> None:
    # given a switch a moment ago, and an app that gives users two seconds
    line.reconfigure(drain=2)
    line.go_live("v1-green")
    line.go_live("v2-blue")
    made = datetime.fromisoformat(line.get("VirtualService")["metadata"]["annotations"][SWITCHED_AT])

    with line.writes() as events, line.users() as got:
        job = line.decommission()

    assert job.state == "done", job.problem
    assert job.ended_at is not None
    assert job.ended_at - made >= timedelta(seconds=2)
    assert events
    assert set(got) == {(200, "v2-blue")}
    assert "users are given 2 s to leave green" in line.told(line.release(job.release_id or ""))


def test_a_color_that_users_left_long_ago_goes_at_once(line: Line) -> None:
    line.go_live("v1-green")
    line.go_live("v2-blue")
    long_ago = {"metadata": {"annotations": {SWITCHED_AT: "2026-01-01T00:00:00+00:00"}}}
    line.edit("VirtualService", long_ago)
    line.reconfigure(drain=3600)

    assert line.decommission().state == "done"
