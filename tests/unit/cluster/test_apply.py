"""The order of a write: read, ask for the turn, write what was read. On a transport that notes each act."""

import pytest

from cluster.apply import annotate, put
from cluster.autoscaler import find_autoscaler, raised, restored
from cluster.deployments import view
from cluster.errors import Conflict, Invalid
from cluster.kinds import Object, Ref
from cluster.observe import observe
from cluster.pods import last_words
from cluster.waiting import Deadline
from release.model import Color
from release.names import ORIGINAL_MINIMUM, PASSED_TEMPLATE
from release.problems import Problem
from tests.unit.cluster.fakes import Answer, FakeTurn, answer_of, fake_cluster, recorded

GREEN = Ref("Deployment", "shop", "myapp-green")
BLUE = Ref("Deployment", "shop", "myapp-blue")
ROUTE = Ref("VirtualService", "shop", "myapp-blue-green")
MANIFEST: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "myapp-green", "namespace": "shop"},
    "spec": {},
}


def test_the_turn_is_asked_between_the_read_and_the_write() -> None:
    turn = FakeTurn()
    answers = recorded("deployment-get-available", "deployment-get-available")
    cluster, pool = fake_cluster(answers, acts=turn.acts)
    put(cluster, MANIFEST, turn=turn)
    assert turn.acts == ["GET", "check", "PATCH"]
    assert pool.sent[1].body["metadata"]["resourceVersion"] == "788"
    assert "force=false" in pool.sent[1].path
    assert pool.sent[1].headers["content-type"] == "application/apply-patch+yaml"


def test_a_creation_is_a_post_and_asks_as_well() -> None:
    turn = FakeTurn()
    answers = recorded("deployment-get-missing", "deployment-get-available")
    cluster, pool = fake_cluster(answers, acts=turn.acts)
    put(cluster, MANIFEST, turn=turn)
    assert turn.acts == ["GET", "check", "POST"]
    assert "resourceVersion" not in pool.sent[1].body["metadata"]
    assert "fieldManager=verdigris" in pool.sent[1].path


def test_taking_over_asks_again_before_it_forces() -> None:
    turn = FakeTurn()
    answers = recorded(
        "deployment-get-available",
        "deployment-apply-over-kubectl-apply-conflict",
        "deployment-apply-over-kubectl-apply-forced",
    )
    cluster, pool = fake_cluster(answers, acts=turn.acts)
    outcome = put(cluster, MANIFEST, turn=turn)
    assert turn.acts == ["GET", "check", "PATCH", "check", "PATCH"]
    assert "force=true" in pool.sent[2].path
    assert pool.sent[2].body["metadata"]["resourceVersion"] == "788"
    assert outcome.notes == [
        'took over .spec.template.spec.containers[name="app"].image (owned by kubectl-client-side-apply)'
    ]


def test_a_patch_that_is_wrong_itself_is_not_repeated() -> None:
    answers = [
        *recorded("deployment-get-available", "virtualservice-json-patch-test-op-fails"),
        *recorded("deployment-get-available"),
    ]
    cluster, pool = fake_cluster(answers)
    with pytest.raises(Invalid):
        annotate(cluster, GREEN, {"a": "b"}, turn=FakeTurn())
    assert [sent.method for sent in pool.sent] == ["GET", "PATCH", "GET"]


def test_conflicts_that_never_end_are_told_at_the_deadline() -> None:
    turn = FakeTurn()
    answers = recorded("deployment-get-available", "virtualservice-apply-stale-resource-version") * 200
    cluster, _ = fake_cluster(answers)
    with pytest.raises(Conflict):
        put(cluster, MANIFEST, turn=turn, deadline=Deadline.after(30, clock=turn.clock))
    assert turn.pauses[:3] == [0.05, 0.1, 0.2]
    assert max(turn.pauses) == 1
    assert sum(turn.pauses) == pytest.approx(30)


def autoscaler(minimum: int | None, maximum: int, annotations: dict[str, str] | None = None) -> Object:
    spec: Object = {"scaleTargetRef": {"kind": "Deployment", "name": "myapp-green"}, "maxReplicas": maximum}
    if minimum is not None:
        spec["minReplicas"] = minimum
    metadata: Object = {"name": "green", "namespace": "shop", "resourceVersion": "4"}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": spec}


def test_an_autoscaler_is_found_by_its_target() -> None:
    other = {"metadata": {"name": "x"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "x"}}}
    listed = {"metadata": {"resourceVersion": "1"}, "items": [other, autoscaler(1, 5)]}
    cluster, _ = fake_cluster([Answer(200, listed)])
    assert find_autoscaler(cluster, GREEN) == Ref("HorizontalPodAutoscaler", "shop", "green")
    cluster, _ = fake_cluster([Answer(200, {"metadata": {"resourceVersion": "1"}, "items": None})])
    assert find_autoscaler(cluster, GREEN) is None
    cluster, _ = fake_cluster([Answer(404, "404 page not found")])
    assert find_autoscaler(cluster, GREEN) is None


def test_a_minimum_is_raised_and_remembered_in_one_patch() -> None:
    bound = {"op": "replace", "path": "/metadata/resourceVersion", "value": "4"}
    assert raised(autoscaler(None, 5), 3) == [
        bound,
        {"op": "add", "path": "/spec/minReplicas", "value": 3},
        {"op": "add", "path": "/metadata/annotations", "value": {ORIGINAL_MINIMUM: "1"}},
    ]
    # a stage that is repeated, or asked for more, remembers what was there first
    again = raised(autoscaler(3, 5, {ORIGINAL_MINIMUM: "1"}), 4)
    assert again == [bound, {"op": "add", "path": "/spec/minReplicas", "value": 4}]
    assert raised(autoscaler(3, 5), 3) is None


def test_a_minimum_is_put_back_and_forgotten() -> None:
    assert restored(autoscaler(3, 5, {ORIGINAL_MINIMUM: "1"})) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "4"},
        {"op": "add", "path": "/spec/minReplicas", "value": 1},
        {"op": "remove", "path": "/metadata/annotations/verdigris.dev~1original-minimum"},
    ]
    assert restored(autoscaler(3, 5)) is None


def test_a_maximum_below_the_live_colors_count_is_a_problem() -> None:
    with pytest.raises(Problem, match="shop/green allows 5 replicas, the live color has 6"):
        raised(autoscaler(1, 5), 6)


def test_a_deployment_is_seen_with_what_passed() -> None:
    deployment = answer_of("deployment-get-available")
    deployment["metadata"]["annotations"] |= {PASSED_TEMPLATE: "84bdb74c9f", "verdigris.dev/tag": "v1-green"}
    seen = view(deployment, answer_of("replicasets-list")["items"])
    assert (seen.color, seen.release, seen.tag, seen.commit) == (
        Color.GREEN,
        "01JD0000000000000000000001",
        "v1-green",
        None,
    )
    assert (seen.replicas, seen.available, seen.is_available) == (1, 1, True)
    assert (seen.template_hash, seen.has_passed) == ("84bdb74c9f", True)
    # a change that the controller has not seen has not passed
    deployment["metadata"]["generation"] += 1
    unseen = view(deployment, answer_of("replicasets-list")["items"])
    assert (unseen.template_hash, unseen.has_passed) == (None, False)


def test_a_cluster_that_can_be_read_in_part_is_observed_in_part() -> None:
    answers = [
        *recorded("deployment-get-available", "replicasets-list", "deployment-get-missing"),
        *recorded("forbidden"),
    ]
    cluster, _ = fake_cluster(answers)
    turn = FakeTurn()
    refs = {Color.GREEN: GREEN, Color.BLUE: BLUE}
    seen = observe(cluster, "myapp", deployments=refs, virtual_service=ROUTE, clock=turn.clock)
    assert seen.at == turn.clock.now
    assert (seen.green.exists, seen.blue.exists, seen.live) == (True, False, None)
    assert seen.problem.startswith("Verdigris is not allowed to do this in the cluster: ")


def test_a_log_that_cannot_be_read_spoils_no_report() -> None:
    where = ("myapp-blue-1", "shop", "myapp")
    cluster, _ = fake_cluster(recorded("pod-log-previous"))
    assert last_words(cluster, *where, previous=True) == "boom: cannot open config\n"
    cluster, pool = fake_cluster([Answer(400, {"message": "previous not found"}), Answer(200, "now")])
    assert last_words(cluster, *where, previous=True) == "now"
    assert ["previous=true" in sent.path for sent in pool.sent] == [True, False]
    cluster, _ = fake_cluster(recorded("forbidden", "forbidden"))
    assert "the log can't be read: " in last_words(cluster, *where, previous=False)


def test_a_container_that_was_restarted_meanwhile_had_its_last_words_before() -> None:
    where = ("myapp-blue-1", "shop", "myapp")
    cluster, _ = fake_cluster([Answer(200, ""), Answer(200, "boom")])
    assert last_words(cluster, *where, previous=False) == "boom"
    cluster, _ = fake_cluster([Answer(200, ""), Answer(400, {"message": "previous not found"})])
    assert last_words(cluster, *where, previous=False) == "(it printed nothing)"
