"""Deployments of the sandbox, with real processes, compared with what a real cluster reported."""

import json
from collections.abc import Iterator
from pathlib import Path

from sandbox.store import EventType, Object
from tests.integration.sandbox_cluster import (
    DEPLOYMENTS,
    NAMESPACE,
    PODS,
    REPLICASETS,
    SLICES,
    ask,
    build_deployment,
    build_service,
    cluster,
    comparable,
    is_gone,
    is_running,
    ready_endpoints,
    recorded,
    run,
    use_image,
)


def without_repeats(values: Iterator[Object]) -> list[Object]:
    kept: list[Object] = []
    for value in values:
        if value not in kept[-1:]:
            kept.append(value)
    return kept


def test_a_rollout_passes_through_the_recorded_statuses(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            # when an app is deployed
            it.store.create(DEPLOYMENTS, build_deployment())
            await it.until(lambda: it.deployment()["status"].get("availableReplicas"))
            # then its status goes through what a real cluster reported, step by step
            statuses = (event.object["status"] for event in it.events if event.resource == DEPLOYMENTS)
            events = recorded("watch-deployment-rollout")["watch_events"]
            expected = [event["object"]["status"] for event in events]
            assert without_repeats(map(comparable, statuses)) == comparable(expected)
            assert it.deployment()["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}

    run(scenario())


def test_endpoints_look_as_recorded_and_a_pod_on_its_way_out_is_not_ready(tmp_path: Path) -> None:
    expected = recorded("endpointslices-list")["response"]["body"]["items"][0]

    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            # given a service over a pod that is ready
            it.store.create("services", build_service())
            it.store.create(DEPLOYMENTS, build_deployment())
            await it.until(lambda: ready_endpoints(it))
            (found,) = it.store.list(SLICES)
            assert found["endpoints"][0].keys() == expected["endpoints"][0].keys()
            assert found["endpoints"][0]["conditions"] == expected["endpoints"][0]["conditions"]
            assert found["ports"] == expected["ports"]
            assert found["metadata"]["labels"].keys() == expected["metadata"]["labels"].keys()
            # when it is deleted
            (pod,) = it.pods()
            mark = len(it.events)
            it.delete(PODS, pod["metadata"]["name"], grace=5)
            await it.until(lambda: is_gone(it, PODS, pod))
            # then its endpoint is first marked as terminating
            slices = [event.object for event in it.events[mark:] if event.resource == SLICES]
            (endpoint,) = (
                endpoint
                for endpoint in slices[0]["endpoints"]
                if endpoint["targetRef"]["uid"] == pod["metadata"]["uid"]
            )
            assert endpoint["conditions"] == {"ready": False, "serving": True, "terminating": True}

    run(scenario())


def test_scaling_keeps_the_template_hash(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment())
            await it.until(lambda: it.deployment()["status"].get("availableReplicas"))
            (before,) = it.store.list(REPLICASETS)
            it.change(lambda deployment: deployment["spec"].update(replicas=2))
            await it.until(lambda: it.deployment()["status"].get("availableReplicas") == 2)
            (after,) = it.store.list(REPLICASETS)
            assert after["metadata"]["labels"] == before["metadata"]["labels"]
            expected = recorded("deployment-get-after-scale")["response"]["body"]
            assert comparable(it.deployment()["status"]) == comparable(expected["status"])
            ports = {pod["metadata"]["annotations"]["sandbox.verdigris.dev/port"] for pod in it.pods()}
            assert len(ports) == 2

    run(scenario())


def test_recreate_starts_no_new_pod_before_the_last_old_one_is_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.repository.release("v2")
            it.store.create(DEPLOYMENTS, build_deployment(replicas=2))
            old = await it.until(lambda: it.find_ready(2))
            it.change(lambda deployment: use_image(deployment, "v2"))
            fresh = await it.until(lambda: [pod for pod in it.find_ready(2) or () if pod not in old])
            pods = [event for event in it.events if event.resource == PODS]
            gone = [number for number, event in enumerate(pods) if event.type is EventType.DELETED]
            made = [number for number, event in enumerate(pods) if event.type is EventType.ADDED]
            assert max(gone) < min(made[2:])
            assert {await ask(pod, "/") for pod in fresh} == {"v2"}
            sizes = {found["spec"]["replicas"] for found in it.store.list(REPLICASETS)}
            assert sizes == {0, 2}
            assert it.deployment()["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"

    run(scenario())


def test_a_rolling_update_keeps_the_least_number_of_pods_available(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.repository.release("v2")
            deployment = build_deployment(replicas=2)
            rolling = {"maxSurge": 1, "maxUnavailable": 0}
            deployment["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
            it.store.create(DEPLOYMENTS, deployment)
            await it.until(lambda: it.deployment()["status"].get("availableReplicas") == 2)
            mark = len(it.events)
            it.change(lambda deployment: use_image(deployment, "v2"))
            await it.until(lambda: is_rolled_out(it.deployment()))
            statuses = [event.object["status"] for event in it.events[mark:] if event.resource == DEPLOYMENTS]
            assert min(status["availableReplicas"] for status in statuses) == 2
            assert max(status["replicas"] for status in statuses) == 3

    run(scenario())


def is_rolled_out(deployment: Object) -> bool:
    status, generation = deployment["status"], deployment["metadata"]["generation"]
    fields = ("replicas", "updatedReplicas", "availableReplicas", "unavailableReplicas")
    is_observed = status["observedGeneration"] == generation
    return is_observed and [status.get(field) for field in fields] == [2, 2, 2, None]


def test_deletion_in_the_foreground_goes_from_pods_to_deployment_and_leaves_no_process(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment())
            (pod,) = await it.until(it.find_ready)
            pid = it.pid(pod)
            assert is_running(pid)
            it.delete(DEPLOYMENTS, "shop-green", foreground=True)
            await it.until(lambda: it.store.find(DEPLOYMENTS, NAMESPACE, "shop-green") is None)
            deleted = [event.resource for event in it.events if event.type is EventType.DELETED]
            assert deleted == [PODS, REPLICASETS, DEPLOYMENTS]
            assert not is_running(pid)

    run(scenario())


def test_what_a_deleted_deployment_leaves_is_cleared_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment())
            await it.until(it.find_ready)
            it.store.delete(DEPLOYMENTS, NAMESPACE, "shop-green")
            await it.until(lambda: not it.pods() and not it.store.list(REPLICASETS))

    run(scenario())


def test_a_rollout_that_does_not_move_exceeds_its_deadline_as_recorded(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            deployment = build_deployment(readinessProbe={"exec": {"command": ["false"]}, "periodSeconds": 1})
            deployment["spec"]["progressDeadlineSeconds"] = 1
            it.store.create(DEPLOYMENTS, deployment)
            expected = recorded("deployment-get-progress-deadline-exceeded")["response"]["body"]["status"]
            wanted = comparable(expected) | {"observedGeneration": 1}
            await it.until(lambda: comparable(it.deployment()["status"]) == wanted)

    run(scenario())


def test_a_quota_shows_as_a_failure_as_recorded_and_the_pod_comes_when_it_is_lifted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            quota = {"metadata": {"name": "pods", "namespace": NAMESPACE}, "spec": {"hard": {"pods": "0"}}}
            it.store.create("resourcequotas", quota)
            it.store.create(DEPLOYMENTS, build_deployment())
            await it.until(lambda: len(it.deployment()["status"].get("conditions", ())) == 3)
            expected = recorded("deployment-get-quota-exceeded")["response"]["body"]["status"]
            text = json.dumps(comparable(expected))
            text = text.replace("used: pods=2, limited: pods=1", "used: pods=0, limited: pods=0")
            assert comparable(it.deployment()["status"]) == json.loads(text)
            it.change(lambda quota: quota["spec"]["hard"].update(pods="1"), "resourcequotas")
            await it.until(lambda: it.deployment()["status"].get("availableReplicas"))
            kinds = [condition["type"] for condition in it.deployment()["status"]["conditions"]]
            assert sorted(kinds) == ["Available", "Progressing"]

    run(scenario())
