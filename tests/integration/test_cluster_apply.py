"""Creating, applying and annotating against an API server: who owns what, what is refused, what is said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import objects
from cluster.apply import annotate, dry_run, put
from cluster.autoscaler import find_autoscaler, raise_minimum, restore_minimum
from cluster.connection import Body, Cluster
from cluster.errors import Forbidden, Invalid, NotFound
from cluster.fence import fence_of
from cluster.kinds import Object, Ref, collection_path, object_path
from cluster.waiting import Deadline
from release.names import ORIGINAL_MINIMUM
from release.problems import Problem
from sandbox.api.errors import ApiError
from tests.integration.standin import NAMESPACE, Standin, Turn, deployment, standin, virtual_service

DEPLOYMENT = Ref("Deployment", NAMESPACE, "shop-green")
CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Standin]:
    with standin(tmp_path) as running:
        yield running


@pytest.fixture
def cluster(made: Standin) -> Cluster:
    return made.connect()


def dig(obj: Object, *path: str | int) -> Any:  # noqa: ANN401 -- any JSON value
    found: Any = obj
    for part in path:
        found = found[part]
    return found


def write_as(cluster: Cluster, manager: str, obj: Object) -> None:
    """Somebody else's POST."""
    path = collection_path(obj["kind"], NAMESPACE, api_version=obj["apiVersion"])
    cluster.request("POST", path, query={"fieldManager": manager}, body=Body(obj))


def patch_as(cluster: Cluster, manager: str, ref: Ref, changes: Object) -> None:
    body = Body(changes, "application/merge-patch+json")
    cluster.request("PATCH", object_path(ref), query={"fieldManager": manager}, body=body)


def image_of(cluster: Cluster) -> str:
    return str(dig(objects.get(cluster, DEPLOYMENT), *CONTAINER, "image"))


def test_what_is_missing_is_created_with_our_fence(cluster: Cluster) -> None:
    outcome = put(cluster, deployment(), turn=Turn(fence=12))
    standing = objects.get(cluster, DEPLOYMENT)
    assert outcome.changed
    assert outcome.notes == []
    assert fence_of(standing) == 12
    assert [(entry["manager"], entry["operation"]) for entry in standing["metadata"]["managedFields"]] == [
        ("verdigris", "Update")
    ]


def test_the_same_again_changes_nothing_but_the_stamp(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn(fence=12))
    outcome = put(cluster, deployment(), turn=Turn(fence=13))
    assert not outcome.changed
    assert fence_of(objects.get(cluster, DEPLOYMENT)) == 13


def test_a_field_taken_out_of_the_manifest_is_taken_out_of_what_we_created(cluster: Cluster) -> None:
    # given a Deployment that we created by POST, with a variable
    put(cluster, deployment(mode="x"), turn=Turn())
    changed = deployment()
    del dig(changed, *CONTAINER)["env"]
    # when the variable is no longer in the manifest
    outcome = put(cluster, changed, turn=Turn())
    # then it is no longer in the cluster, and we are the only owner
    standing = objects.get(cluster, DEPLOYMENT)
    assert outcome.changed
    assert "env" not in dig(standing, *CONTAINER)
    assert [(entry["manager"], entry["operation"]) for entry in standing["metadata"]["managedFields"]] == [
        ("verdigris", "Apply")
    ]


def test_our_annotations_survive_the_next_apply(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn())
    put(cluster, deployment(), turn=Turn())
    annotate(cluster, DEPLOYMENT, {"verdigris.dev/passed-template": "abc"}, turn=Turn(fence=20))
    outcome = put(cluster, deployment(tag="v2"), turn=Turn(fence=21))
    found = objects.annotations_of(objects.get(cluster, DEPLOYMENT))
    assert found["verdigris.dev/passed-template"] == "abc"
    assert found["verdigris.dev/fence"] == "21"
    assert outcome.notes == []


def test_an_annotation_may_be_taken_away_and_setting_it_again_writes_nothing(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn())
    annotate(cluster, DEPLOYMENT, {"a": "1", "b": "2"}, turn=Turn())
    first = annotate(cluster, DEPLOYMENT, {"a": "1", "b": None}, turn=Turn())
    again = annotate(cluster, DEPLOYMENT, {"a": "1", "b": None}, turn=Turn())
    assert "b" not in objects.annotations_of(again)
    assert objects.version_of(first) == objects.version_of(again)


def test_annotating_what_is_not_there_is_told(cluster: Cluster) -> None:
    with pytest.raises(NotFound, match="shop-green"):
        annotate(cluster, DEPLOYMENT, {"a": "1"}, turn=Turn())


def test_what_kubectl_applied_before_is_taken_over_and_each_field_is_noted(cluster: Cluster) -> None:
    # given a Deployment from the days of kubectl apply
    write_as(cluster, "kubectl-client-side-apply", deployment(tag="v1"))
    # when Verdigris applies its own
    outcome = put(cluster, deployment(tag="v2"), turn=Turn())
    # then it did, and says what it took from whom
    assert image_of(cluster).endswith(":v2")
    assert any(
        ".image (owned by kubectl-client-side-apply)" in note and note.startswith("took over .spec")
        for note in outcome.notes
    )


def test_what_others_own_is_not_taken_and_the_way_out_is_told(cluster: Cluster) -> None:
    put(cluster, deployment(tag="v1"), turn=Turn())
    patch_as(cluster, "argocd", DEPLOYMENT, {"spec": {"replicas": 3}})
    with pytest.raises(Problem) as caught:
        put(cluster, deployment(tag="v2"), turn=Turn())
    document = caught.value.document
    assert document.slug == "field-conflict"
    assert document.detail == "Deployment shop/shop-green: .spec.replicas (owned by argocd)"
    assert "list argocd under the app's take_over" in document.next_step
    assert image_of(cluster).endswith(":v1")


def test_what_the_configuration_lets_us_take_is_taken_and_noted(cluster: Cluster) -> None:
    put(cluster, deployment(tag="v1"), turn=Turn())
    patch_as(cluster, "argocd", DEPLOYMENT, {"spec": {"replicas": 3}})
    outcome = put(cluster, deployment(tag="v2"), turn=Turn(), take_over=["argocd"])
    assert outcome.notes == ["took over .spec.replicas (owned by argocd)"]
    assert objects.get(cluster, DEPLOYMENT)["spec"]["replicas"] == 1


def test_fields_that_others_own_and_we_do_not_set_stay(cluster: Cluster) -> None:
    put(cluster, deployment(replicas=None), turn=Turn())
    patch_as(cluster, "hpa", DEPLOYMENT, {"spec": {"replicas": 5}})
    put(cluster, deployment(tag="v2", replicas=None), turn=Turn())
    assert objects.get(cluster, DEPLOYMENT)["spec"]["replicas"] == 5


def test_a_write_in_between_is_read_and_applied_over(cluster: Cluster) -> None:
    put(cluster, deployment(tag="v1"), turn=Turn())
    writes = iter(range(2))

    def disturb() -> None:
        for number in writes:
            patch_as(cluster, "someone", DEPLOYMENT, {"metadata": {"labels": {"n": str(number)}}})
            return

    assert put(cluster, deployment(tag="v2"), turn=Turn(before_write=disturb)).changed
    assert image_of(cluster).endswith(":v2")


def test_an_object_that_keeps_changing_is_given_up_at_the_deadline(cluster: Cluster) -> None:
    put(cluster, deployment(tag="v1"), turn=Turn())
    count = iter(range(10_000))

    def disturb() -> None:
        patch_as(cluster, "someone", DEPLOYMENT, {"metadata": {"labels": {"n": str(next(count))}}})

    with pytest.raises(Problem, match="the object has been modified") as caught:
        put(cluster, deployment(tag="v2"), turn=Turn(before_write=disturb), deadline=Deadline.after(0.5))
    assert caught.value.document.slug == "cluster-conflict"


def test_an_object_on_its_way_out_is_waited_for(made: Standin, cluster: Cluster) -> None:
    # given a Deployment that somebody deletes, and no controller that finishes it yet
    put(cluster, deployment(tag="v1"), turn=Turn())
    standing = objects.get(cluster, DEPLOYMENT)
    objects.delete(cluster, DEPLOYMENT, resource_version=objects.version_of(standing))
    with pytest.raises(Problem, match="is being deleted"):
        put(cluster, deployment(tag="v2"), turn=Turn(), deadline=Deadline.after(0.3))
    # when it is gone
    made.call(lambda: made.store.delete("deployments.apps", NAMESPACE, "shop-green"))
    # then the new one is created
    put(cluster, deployment(tag="v2"), turn=Turn())
    assert image_of(cluster).endswith(":v2")


def test_a_wrong_object_is_refused_with_the_servers_words_but_not_with_values(cluster: Cluster) -> None:
    wrong = deployment(mode="a-very-secret-value")
    dig(wrong, *CONTAINER)["env"][0]["name"] = "not/a name!"
    dig(wrong, *CONTAINER)["ports"] = [{"containerPort": "a-very-secret-value"}]
    with pytest.raises(Invalid, match="containerPort") as caught:
        put(cluster, wrong, turn=Turn())
    assert "a-very-secret-value" not in str(caught.value)


def test_a_dry_run_writes_nothing(cluster: Cluster) -> None:
    trial = dry_run(cluster, deployment())
    assert trial.result
    assert trial.result["spec"]["progressDeadlineSeconds"] == 600  # with the server's defaults
    assert objects.find(cluster, DEPLOYMENT) is None


def test_a_dry_run_tells_what_the_server_would_refuse(cluster: Cluster) -> None:
    wrong = deployment()
    wrong["spec"]["replicaz"] = 2
    assert ".spec.replicaz: field not declared in schema" in dry_run(cluster, wrong).words
    nowhere = deployment()
    nowhere["metadata"]["namespace"] = "nowhere"
    assert 'namespaces "nowhere" not found' in dry_run(cluster, nowhere).words


def test_a_dry_run_finds_the_owners_that_an_apply_would_meet(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn())
    patch_as(cluster, "argocd", DEPLOYMENT, {"spec": {"replicas": 3}})
    found = dry_run(cluster, deployment())
    assert found.result is None
    assert found.words == "fields with other owners: .spec.replicas (owned by argocd)"
    assert dry_run(cluster, deployment(), take_over=["argocd"]).result
    assert dry_run(cluster, deployment(), force=True).result


def test_a_dry_run_over_what_kubectl_applied_passes(cluster: Cluster) -> None:
    write_as(cluster, "kubectl-client-side-apply", deployment(tag="v1"))
    assert dry_run(cluster, deployment(tag="v2")).result


def test_istios_older_versions_are_applied_as_they_are_written(cluster: Cluster) -> None:
    old = virtual_service()
    old["apiVersion"] = "networking.istio.io/v1alpha3"
    assert dry_run(cluster, old).result
    put(cluster, old, turn=Turn())
    put(cluster, old, turn=Turn())
    standing = objects.get(cluster, Ref("VirtualService", NAMESPACE, "shop-blue-green"))
    assert standing["apiVersion"] == "networking.istio.io/v1"


def test_an_api_that_is_busy_for_a_moment_is_waited_for(made: Standin, cluster: Cluster) -> None:
    bad = iter(range(3))

    async def fault(_request: object) -> ApiError | None:
        is_bad = next(bad, None) is not None
        return ApiError(503, "ServiceUnavailable", "etcd leader changed") if is_bad else None

    made.server.fault = fault
    turn = Turn()
    assert put(cluster, deployment(), turn=turn).changed
    assert turn.logged == ["the cluster's API is not available (etcd leader changed): trying again"]


def test_an_api_that_stays_away_is_a_problem_with_a_name(made: Standin, cluster: Cluster) -> None:
    made.wait(made.server.stop())
    with pytest.raises(Problem, match="Connection refused") as caught:
        put(cluster, deployment(), turn=Turn(), deadline=Deadline.after(0.5))
    assert caught.value.document.slug == "cluster-unavailable"


def test_an_api_that_restarts_is_found_again_over_new_connections(made: Standin, cluster: Cluster) -> None:
    put(cluster, deployment(tag="v1"), turn=Turn())
    made.restart_server()
    put(cluster, deployment(tag="v2"), turn=Turn())
    assert image_of(cluster).endswith(":v2")


def test_what_our_role_forbids_is_final(made: Standin, cluster: Cluster) -> None:
    async def fault(_request: object) -> ApiError | None:
        return ApiError(403, "Forbidden", "cannot create resource")

    made.server.fault = fault
    with pytest.raises(Forbidden, match="cannot create resource"):
        put(cluster, deployment(), turn=Turn())


def test_an_autoscalers_minimum_is_raised_for_a_switch_and_put_back(cluster: Cluster) -> None:
    # given a color that an autoscaler owns the replicas of
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-green"}
    theirs = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "green", "namespace": NAMESPACE},
        "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 9},
    }
    write_as(cluster, "team", theirs)
    found = find_autoscaler(cluster, DEPLOYMENT)
    assert found is not None
    # when it is raised twice, as by a stage that is repeated, and put back
    for count in (4, 5):
        assert raise_minimum(cluster, found, count, turn=Turn())["spec"]["minReplicas"] == count
    for _ in range(2):
        restore_minimum(cluster, found, turn=Turn())
    # then it is as it was
    standing = objects.get(cluster, found)
    assert standing["spec"]["minReplicas"] == 2
    assert ORIGINAL_MINIMUM not in objects.annotations_of(standing)
    # and one that is gone in the meantime needs nothing
    restore_minimum(cluster, Ref(found.kind, NAMESPACE, "gone"), turn=Turn())
