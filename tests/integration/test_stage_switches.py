"""Activate and rollback move every user in one write, and only to what was tested, with room for them."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 -- in a type that stands in the module
from typing import TYPE_CHECKING, Any

import pytest

from cluster import objects
from cluster.connection import Body
from cluster.kinds import Ref
from tests.integration.line import ANNA, Line, subset_of

if TYPE_CHECKING:
    from sandbox.store import Event, Object

pytestmark = pytest.mark.needs_envoy

ROUTES = "virtualservices.networking.istio.io"
DEPLOYMENTS = "deployments.apps"
SCALERS = "horizontalpodautoscalers.autoscaling"


def ready_for_promote(line: Line) -> tuple[Any, Any]:
    """Green is live, blue is tested."""
    live = line.go_live("v1-green")
    ready = line.deploy("v2-blue")
    assert ready.state == "ready", line.told(ready)
    return live, ready


def notes(line: Line) -> tuple[str, str]:
    """Who is live and who was, as the VirtualService says."""
    annotations = line.get("VirtualService")["metadata"]["annotations"]
    return annotations["verdigris.dev/live-release"], annotations["verdigris.dev/previous-release"]


def test_users_move_forth_and_back_and_forth_without_losing_a_request(line: Line) -> None:
    line.is_brisk = False
    live, ready = ready_for_promote(line)
    assert notes(line) == (live.id, "")

    with line.users() as got:
        # when blue is promoted
        assert line.promote().state == "done"
        assert (line.state(live), line.state(ready)) == ("standby", "live")
        assert notes(line) == (ready.id, live.id)
        line.expect("v2-blue")
        # and rolled back
        assert line.rollback().state == "done"
        assert (line.state(live), line.state(ready)) == ("live", "rolled-back")
        assert notes(line) == (live.id, ready.id)
        line.expect("v1-green")
        # and promoted again, with the same checks
        assert line.promote(ready.id).state == "done"
        assert (line.state(live), line.state(ready)) == ("standby", "live")
        assert notes(line) == (ready.id, live.id)
        line.expect("v2-blue")

    # then nobody got anything but an answer
    assert {status for status, _ in got} == {200}
    reasons = [(str(change.target), str(change.actor)) for change in line.store.changes(ready.id)]
    assert reasons[-3:] == [
        ("live", "person:anna"),
        ("rolled-back", "person:anna"),
        ("live", "person:anna"),
    ]


def replace_label(line: Line) -> None:
    line.edit("Deployment", {"metadata": {"labels": {"workflow": "somebody-elses"}}}, "blue")


def change_template(line: Line) -> None:
    template = {"metadata": {"annotations": {"restarted": "by hand"}}}
    line.edit("Deployment", {"spec": {"template": template}}, "blue")
    line.wait_for(lambda: is_observed(line), "the controller has seen the change")


def is_observed(line: Line) -> bool:
    found = line.get("Deployment", "blue")
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])


def change_default(line: Line) -> None:
    route = line.route()
    route[-1]["timeout"] = "9s"
    line.edit("VirtualService", {"spec": {"http": route}})


def change_test_entry(line: Line) -> None:
    route = line.route()
    route[0]["headers"] = {"request": {"set": {"x-by": "hand"}}}
    line.edit("VirtualService", {"spec": {"http": route}})


def remove_test_entry(line: Line) -> None:
    line.edit("VirtualService", {"spec": {"http": line.route()[1:]}})


def delete_deployment(line: Line) -> None:
    line.by_hand("DELETE", line.ref("Deployment", "blue"))
    line.wait_for(lambda: line.find("Deployment", "blue") is None, "the Deployment is gone")


def forget_verdict(line: Line) -> None:
    line.edit("Deployment", {"metadata": {"annotations": {"verdigris.dev/passed-template": None}}}, "blue")


CHANGES: tuple[tuple[Callable[[Line], None], str], ...] = (
    (replace_label, "blue runs release somebody-elses"),
    (change_template, "its pod template was changed since"),
    (change_default, "the default or the test entry of the route was changed since"),
    (change_test_entry, "the default or the test entry of the route was changed since"),
    (remove_test_entry, "the test route leads to nothing, not to blue"),
    (forget_verdict, "does not say that smoke tests passed"),
    (delete_deployment, "the Deployment of blue does not exist"),
)


def test_what_was_changed_by_hand_since_its_tests_is_not_promoted(line: Line) -> None:
    live, ready = ready_for_promote(line)
    restore = line.keep(("VirtualService", ""), ("Deployment", "blue"))

    for change, found in CHANGES:
        change(line)

        job = line.promote()

        assert job.state == "failed", change
        assert job.problem
        assert job.problem.slug == "not-what-was-tested"
        assert found in job.problem.detail
        assert f"verdigris redeploy {ready.id}" in job.problem.next_step
        assert (line.state(live), line.state(ready)) == ("live", "ready")
        assert line.ask() == (200, "v1-green")
        assert notes(line)[0] == live.id
        if change is not delete_deployment:
            restore()


def add_own_entry(line: Line) -> None:
    entry = {"name": "own", "match": [{"uri": {"prefix": "/own"}}], "redirect": {"uri": "/"}}
    line.edit("VirtualService", {"spec": {"http": [entry, *line.route()]}})


def test_scaling_and_the_team_s_own_entries_don_t_stop_a_promote(line: Line) -> None:
    ready_for_promote(line)
    line.edit("Deployment", {"spec": {"replicas": 2}}, "blue")
    add_own_entry(line)

    assert line.promote().state == "done"

    assert [entry["name"] for entry in line.route()] == ["own", "shop-test", "shop-default"]
    line.expect("v2-blue")


def test_a_color_with_fewer_pods_than_the_live_one_is_scaled_up_first(line: Line) -> None:
    # given users on three pods, and one pod that was tested
    ready_for_promote(line)
    line.edit("Deployment", {"spec": {"replicas": 3}}, "green")

    # when it is promoted
    with line.writes() as events:
        job = line.promote()

    # then there were three available pods at the moment of the switch
    assert job.state == "done", job.problem
    blue: Object = {}
    for event in events:
        if event.resource == DEPLOYMENTS and event.object["metadata"]["name"] == "shop-blue":
            blue = event.object
        if event.resource == ROUTES and subset_of(event.object["spec"]["http"][-1]) == "blue":
            break
    assert blue["spec"]["replicas"] == 3
    assert blue["status"]["availableReplicas"] == 3


def autoscaler(line: Line, *, maximum: int) -> Ref:
    line.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "shop-blue"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-blue"},
                "minReplicas": 1,
                "maxReplicas": maximum,
            },
        }
    )
    return Ref("HorizontalPodAutoscaler", line.namespace, "shop-blue")


def test_an_autoscaler_is_asked_for_pods_and_left_alone_after_the_switch(line: Line) -> None:
    # given users on three pods, and an autoscaler that may have two at most
    live, ready = ready_for_promote(line)
    line.edit("Deployment", {"spec": {"replicas": 3}}, "green")
    scaler = autoscaler(line, maximum=2)

    # then blue is not promoted, and it is said why
    job = line.promote()
    assert job.problem
    assert job.problem.slug == "autoscaler-limit"

    # and not either where it may have more, but they don't come up; its minimum is put back
    line.by_hand("PATCH", scaler, Body({"spec": {"maxReplicas": 4}}, "application/merge-patch+json"))
    line.reconfigure(deadlines={"rollout": 0.3})
    job = line.promote()
    assert job.problem
    assert job.problem.slug == "too-few-pods"
    assert "blue has 1 available pods, 3 are needed" in job.problem.detail
    assert objects.get(line.cluster, scaler)["spec"]["minReplicas"] == 1
    assert (line.state(live), line.state(ready)) == ("live", "ready")
    assert line.default() == "green"

    # but where the autoscaler does what its minimum says, it is, and has its own minimum again
    line.reconfigure(deadlines={"rollout": 20})
    minima: list[int] = []

    def scale(event: Event) -> None:
        if event.resource == SCALERS and event.object["metadata"]["namespace"] == line.namespace:
            minima.append(event.object["spec"]["minReplicas"])
            deployment = line.town.store.get(DEPLOYMENTS, line.namespace, "shop-blue")
            deployment["spec"]["replicas"] = max(deployment["spec"]["replicas"], minima[-1])
            line.town.store.update(DEPLOYMENTS, deployment)

    end = line.town.hear(scale)
    job = line.promote()
    line.town.call(end)
    assert job.state == "done", job.problem
    assert minima == [3, 1]
    line.expect("v2-blue")
    found = objects.get(line.cluster, scaler)
    assert "verdigris.dev/original-minimum" not in found["metadata"].get("annotations", {})


def switch_with(line: Line, at_check: Callable[[int], None]) -> str:
    """A promote's stage during which something happens between a read and its write."""
    line.accepted = line.requests.promote("shop", actor=ANNA)
    offer = line.sent.offers.pop()
    return line.run_stage(offer, 0, around=line.interrupted(at_check=at_check))


def test_a_write_that_comes_between_the_read_and_the_switch_is_not_overwritten(line: Line) -> None:
    live, ready = ready_for_promote(line)
    restore = line.keep(("VirtualService", ""))

    # when the default is changed in between, nothing is switched
    result = switch_with(line, lambda check: change_default(line) if check == 1 else None)
    assert result.startswith("StageFailed: The cluster does not run what was tested")
    assert (line.state(live), line.state(ready)) == ("live", "ready")
    assert line.default() == "green"
    restore()

    # and when the team adds an entry in between, it is kept and the switch tried again
    assert switch_with(line, lambda check: add_own_entry(line) if check == 1 else None) == "activate passed"
    assert [entry["name"] for entry in line.route()] == ["own", "shop-test", "shop-default"]
    assert line.default() == "blue"


def test_a_switch_whose_proof_fails_is_told_and_can_be_rolled_back(make_line: Callable[..., Line]) -> None:
    # given a version that answers otherwise without the cookie
    line = make_line(deadlines={"switch": 1})
    line.is_brisk = False
    live, ready = ready_for_promote(line)
    line.reconfigure(smoke={"requests": [{"path": "/", "json_equals": {"tag": "v1-green"}}]})

    # when it is promoted
    job = line.promote()

    # then the job says so, our records say where users are, and there is a way back
    assert job.problem
    assert job.problem.slug == "switch-not-proved"
    assert "verdigris rollback shop" in job.problem.next_step
    assert (line.state(live), line.state(ready)) == ("standby", "live")
    assert line.rollback().state == "done"
    line.expect("v1-green")


def test_a_standby_that_does_not_run_any_more_is_not_rolled_back_to(line: Line) -> None:
    live, ready = ready_for_promote(line)
    assert line.promote().state == "done"
    restore = line.keep(("Deployment", "green"))

    def check_refused(now: str) -> None:
        job = line.rollback()
        assert job.problem
        assert job.problem.slug == "standby-gone"
        assert f"it runs {now}" in job.problem.detail
        assert f"verdigris redeploy {live.id}" in job.problem.next_step
        assert (line.state(live), line.state(ready)) == ("standby", "live")
        line.expect("v2-blue")

    line.edit("Deployment", {"metadata": {"labels": {"workflow": "other"}}}, "green")
    check_refused("v1-green (other)")
    restore()
    line.by_hand("DELETE", line.ref("Deployment", "green"))
    line.wait_for(lambda: line.find("Deployment", "green") is None, "green is gone")
    check_refused("nothing")
