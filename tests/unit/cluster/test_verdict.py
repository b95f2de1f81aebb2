"""The decision over a rollout, as a table over what a real kubelet and controller reported."""

import copy
from typing import Any

import pytest

from cluster.kinds import Object
from cluster.picture import Picture, selector_of
from cluster.podstate import remember_pull_errors
from cluster.verdict import Done, Elapsed, Failed, Limits, Waiting, judge
from tests.unit.cluster.fakes import RECORDINGS, answer_of

LIMITS = Limits(rollout=120, image_wait=600, max_restarts=2)
EARLY, LATE = Elapsed(1, 1), Elapsed(121, 121)
HASH = "84bdb74c9f"
MISSING = 'failed to resolve reference "docker.io/acme/myapp:v9": docker.io/acme/myapp:v9: not found'


def green() -> Object:
    obj: Object = answer_of("deployment-get-available")
    return obj


def replica_set() -> Object:
    obj: Object = answer_of("replicasets-list")["items"][0]
    return obj


def pod(name: str = "pods-list-by-label") -> Object:
    """A recorded pod, made one of the recorded rollout's."""
    obj: Object = answer_of(name)["items"][0]
    obj["metadata"]["labels"]["pod-template-hash"] = HASH
    obj["metadata"]["ownerReferences"][0]["uid"] = replica_set()["metadata"]["uid"]
    return obj


def rolling() -> Object:
    """The Deployment while its pod is not ready yet."""
    obj = green()
    obj["status"] |= {"readyReplicas": 0, "availableReplicas": 0, "unavailableReplicas": 1}
    return obj


def container(obj: Object) -> dict[str, Any]:
    found: dict[str, Any] = obj["status"]["containerStatuses"][0]
    return found


def with_container(name: str, **changes: object) -> Object:
    obj = pod(name)
    container(obj).update(changes)
    return obj


def waiting(reason: str, message: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def terminated(code: int, reason: str) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


def picture(*pods: Object, deployment: Object | None = None) -> Picture:
    return Picture(deployment or rolling(), [replica_set()], pods, remember_pull_errors({}, list(pods)))


def test_a_recorded_rollout_is_waited_for_until_its_last_event() -> None:
    events = RECORDINGS["watch-deployment-rollout"]["watch_events"]
    verdicts = [
        judge(Picture(event["object"], [replica_set()], [pod()]), elapsed=EARLY, limits=LIMITS)
        for event in events
    ]
    assert [type(verdict) for verdict in verdicts] == [Waiting] * 4 + [Done]
    assert verdicts[-1] == Done(HASH, ("myapp-green-84bdb74c9f-lqjzl",))


@pytest.mark.parametrize(
    ("obj", "slug", "words"),
    [
        (pod("pods-list-invalid-image-name"), "rollout-invalid-image", "invalid reference format"),
        (pod("pods-list-config-error"), "rollout-config-error", 'secret "nope" not found'),
        (
            with_container("pods-list-crash-loop", restartCount=2),
            "rollout-crash-loop",
            "container myapp: ended with exit code 1 after 2 restarts",
        ),
        (
            with_container("pods-list-oom-killed", restartCount=2),
            "rollout-out-of-memory",
            "killed for its memory after 2 restarts (exit code 137)",
        ),
        (
            with_container(
                "pods-list-oom-killed", restartCount=3, state=waiting("CrashLoopBackOff", "back-off 40s")
            ),
            "rollout-out-of-memory",
            "after 3 restarts (exit code 137)",
        ),
        (
            with_container(
                "pods-list-oom-killed", restartCount=2, state=terminated(1, "Error"), lastState={}
            ),
            "rollout-crash-loop",
            "exit code 1 after 2 restarts",
        ),
        (
            with_container("pods-list-crash-loop", restartCount=2, state=terminated(0, "Completed")),
            "rollout-crash-loop",
            "exit code 0",
        ),
    ],
)
def test_what_will_never_run_fails_at_once(obj: Object, slug: str, words: str) -> None:
    verdict = judge(picture(obj), elapsed=EARLY, limits=LIMITS)
    assert isinstance(verdict, Failed)
    assert verdict.slug == slug
    assert words in verdict.reason
    assert obj["metadata"]["name"] in verdict.reason
    assert verdict.next_step


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (pod("pods-list-crash-loop"), "ended with exit code 1, restarts so far: 1"),
        (pod("pods-list-oom-killed"), "ended with exit code 137, restarts so far: 1"),
        (pod("pods-list-unschedulable"), "no node takes it: 0/1 nodes are available"),
        (pod("pods-list-image-pull-error"), "ErrImagePull: failed to pull and unpack image"),
        (with_container("pods-list-by-label", ready=False), "runs, but its probes don't pass yet"),
        (
            with_container("pods-list-config-error", state={"waiting": {"reason": "ContainerCreating"}}),
            "container app: ContainerCreating",
        ),
    ],
)
def test_what_may_still_pass_is_shown_at_once_and_waited_out_to_the_deadline(obj: Object, words: str) -> None:
    for condition in obj["status"].get("conditions", []):
        if condition["type"] == "Ready":
            condition["status"] = "False"
    shown = judge(picture(obj), elapsed=EARLY, limits=LIMITS)
    assert isinstance(shown, Waiting)
    assert words in shown.shown
    failed = judge(picture(obj), elapsed=LATE, limits=LIMITS)
    assert isinstance(failed, Failed)
    assert failed.slug == "rollout-deadline"
    assert words in failed.reason


def test_a_container_that_runs_unready_at_the_deadline_has_its_log_shown() -> None:
    obj = with_container("pods-list-by-label", ready=False)
    obj["status"]["conditions"] = []
    failed = judge(picture(obj), elapsed=LATE, limits=LIMITS)
    assert isinstance(failed, Failed)
    assert (failed.pod, failed.container, failed.previous) == (obj["metadata"]["name"], "myapp", False)


@pytest.mark.parametrize(
    ("state", "previous"), [(waiting("CrashLoopBackOff", ""), True), (terminated(1, "Error"), False)]
)
def test_the_last_words_are_those_of_the_run_that_ended(*, state: dict[str, Any], previous: bool) -> None:
    obj = with_container("pods-list-crash-loop", restartCount=2, state=state)
    failed = judge(picture(obj), elapsed=EARLY, limits=LIMITS)
    assert isinstance(failed, Failed)
    assert (failed.pod, failed.container, failed.previous) == (obj["metadata"]["name"], "myapp", previous)


MISSING_IMAGES = [
    with_container("pods-list-image-pull-error", state=waiting("ErrImagePull", MISSING)),
    with_container(
        "pods-list-image-pull-error", state=waiting("ImagePullBackOff", f"Back-off pulling image: {MISSING}")
    ),
    with_container("pods-list-image-pull-error", state=waiting("ErrImagePull", "manifest unknown: tag=v9")),
]


@pytest.mark.parametrize("obj", MISSING_IMAGES)
def test_a_missing_image_has_a_time_of_its_own(obj: Object) -> None:
    long = judge(picture(obj), elapsed=Elapsed(599, 599), limits=LIMITS)
    assert isinstance(long, Waiting)
    assert long.for_image
    over = judge(picture(obj), elapsed=Elapsed(600, 0), limits=LIMITS)
    assert isinstance(over, Failed)
    assert over.slug == "rollout-image-not-found"
    assert "waited 600 s" in over.reason


def test_a_back_off_without_a_cause_means_what_the_error_before_it_said() -> None:
    backing_off = with_container(
        "pods-list-image-pull-error", state=waiting("ImagePullBackOff", 'Back-off pulling image "x"')
    )
    for error, for_image in ((MISSING_IMAGES[0], True), (pod("pods-list-image-pull-error"), False)):
        known = remember_pull_errors(remember_pull_errors({}, [error]), [backing_off])
        seen = Picture(rolling(), [replica_set()], [backing_off], known)
        verdict = judge(seen, elapsed=EARLY, limits=LIMITS)
        assert isinstance(verdict, Waiting)
        assert verdict.for_image is for_image
    assert remember_pull_errors({"gone/app": "x"}, []) == {}


def test_another_pull_error_beside_a_missing_image_counts_first() -> None:
    other = pod("pods-list-image-pull-error")
    other["metadata"]["name"] = "other"
    verdict = judge(picture(MISSING_IMAGES[0], other), elapsed=EARLY, limits=LIMITS)
    assert isinstance(verdict, Waiting)
    assert not verdict.for_image


def test_the_recorded_quota_refusal_is_final() -> None:
    deployment = answer_of("deployment-get-quota-exceeded")
    verdict = judge(Picture(deployment), elapsed=EARLY, limits=LIMITS)
    assert isinstance(verdict, Failed)
    assert verdict.slug == "rollout-quota"
    assert "exceeded quota: pods, requested: pods=1" in verdict.reason


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('admission webhook "policy" denied the request: no root', Failed),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', Failed),
        ('Internal error occurred: failed calling webhook "x": connection refused', Waiting),
    ],
)
def test_admission_that_says_no_is_final_and_one_that_cannot_be_asked_is_not(
    message: str, expected: type[object]
) -> None:
    owned = replica_set()
    owned["status"]["conditions"] = [{"type": "ReplicaFailure", "status": "True", "message": message}]
    verdict = judge(Picture(rolling(), [owned]), elapsed=EARLY, limits=LIMITS)
    assert isinstance(verdict, expected)
    assert message in (verdict.reason if isinstance(verdict, Failed) else getattr(verdict, "shown", ""))


def test_a_refusal_of_an_older_replica_set_says_nothing_about_the_new_one() -> None:
    deployment = rolling()
    deployment["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    ]
    assert isinstance(judge(picture(deployment=deployment), elapsed=EARLY, limits=LIMITS), Waiting)


def test_what_was_there_before_the_change_says_nothing_about_it() -> None:
    # given a new spec that the controller has not seen, and the old pods crashing
    deployment = rolling()
    deployment["metadata"]["generation"] += 1
    crashing = with_container("pods-list-crash-loop", restartCount=9)
    verdict = judge(picture(crashing, deployment=deployment), elapsed=EARLY, limits=LIMITS)
    assert verdict == Waiting("the Deployment's controller has not seen the change yet")


def test_a_replica_set_of_another_revision_or_owner_is_not_the_new_one() -> None:
    deployment = rolling()
    owner = {"uid": "another", "controller": True}
    changes: list[Object] = [
        {"annotations": {"deployment.kubernetes.io/revision": "0"}},
        {"ownerReferences": [owner]},
        {"ownerReferences": []},
    ]
    for change in changes:
        owned = replica_set()
        owned["metadata"] |= change
        seen = Picture(deployment, [owned], [pod()])
        assert seen.template_hash == ""
        assert judge(seen, elapsed=EARLY, limits=LIMITS) == Waiting("no ReplicaSet for the new template yet")


def test_a_deployment_that_is_gone_fails() -> None:
    verdict = judge(Picture(None), elapsed=EARLY, limits=LIMITS)
    assert isinstance(verdict, Failed)
    assert verdict.slug == "rollout-deleted"
    assert not Picture(None).is_observed
    assert Picture(None).template_hash == ""


@pytest.mark.parametrize("count", ["updatedReplicas", "readyReplicas", "availableReplicas", "replicas"])
def test_every_count_has_to_agree(count: str) -> None:
    deployment = green()
    deployment["status"][count] += 1
    verdict = judge(picture(pod(), deployment=deployment), elapsed=EARLY, limits=LIMITS)
    assert verdict == Waiting("1 of 1 pods ready")


def test_pods_that_were_not_seen_yet_are_waited_for() -> None:
    assert judge(picture(deployment=green()), elapsed=EARLY, limits=LIMITS) == Waiting("0 of 1 pods ready")


def test_an_old_version_that_still_serves_is_waited_for() -> None:
    # given a pod of an older ReplicaSet of the same Deployment
    older = replica_set()
    older["metadata"] |= {"uid": "older", "name": "older"}
    older["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "0"}
    old = pod()
    old["metadata"] |= {"name": "old", "labels": {"pod-template-hash": "other"}}
    old["metadata"]["ownerReferences"][0]["uid"] = "older"
    seen = Picture(green(), [older, replica_set()], [pod(), old])
    verdict = judge(seen, elapsed=EARLY, limits=LIMITS)
    assert verdict == Waiting("1 of 1 pods ready, 1 of the old version still serve")
    # then it counts no more once it is on its way out
    ending = copy.deepcopy(old)
    ending["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z"
    assert isinstance(
        judge(Picture(green(), [older, replica_set()], [pod(), ending]), elapsed=EARLY, limits=LIMITS), Done
    )
    # and another Deployment's pod with the same labels never counts
    old["metadata"]["ownerReferences"][0]["uid"] = "somebody-else"
    assert isinstance(
        judge(Picture(green(), [older, replica_set()], [pod(), old]), elapsed=EARLY, limits=LIMITS), Done
    )


def test_an_evicted_pod_is_replaced_and_not_a_failure() -> None:
    evicted = with_container("pods-list-crash-loop", restartCount=9)
    evicted["status"]["phase"] = "Failed"
    assert isinstance(judge(picture(evicted), elapsed=EARLY, limits=LIMITS), Waiting)


def test_init_containers_that_did_their_work_are_no_crash_and_failing_ones_are() -> None:
    obj = with_container("pods-list-by-label", ready=False, state={"waiting": {"reason": "PodInitializing"}})
    done = {**container(obj), "name": "setup", "restartCount": 5, "state": terminated(0, "Completed")}
    obj["status"]["initContainerStatuses"] = [done]
    obj["status"]["conditions"] = []
    verdict = judge(picture(obj), elapsed=EARLY, limits=LIMITS)
    assert isinstance(verdict, Waiting)
    assert "container myapp: PodInitializing" in verdict.shown
    obj["status"]["initContainerStatuses"] = [{**done, "state": terminated(2, "Error")}]
    failed = judge(picture(obj), elapsed=EARLY, limits=LIMITS)
    assert isinstance(failed, Failed)
    assert "container setup: ended with exit code 2" in failed.reason


def test_a_deployment_scaled_to_none_is_done_without_pods() -> None:
    deployment = green()
    deployment["spec"]["replicas"] = 0
    deployment["status"] = {"observedGeneration": 1}
    assert judge(picture(deployment=deployment), elapsed=EARLY, limits=LIMITS) == Done(HASH, ())


def test_a_selector_is_written_in_the_apis_notation() -> None:
    assert selector_of(green()) == "app=myapp,color=green"
