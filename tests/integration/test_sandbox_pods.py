"""Pods of the sandbox, with real processes, compared with what a real cluster reported."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.node import ExecOutcome
from sandbox.store import BadRequest, EventType, NotFound, Object
from tests.integration.sandbox_cluster import (
    DEADLINE,
    DEPLOYMENTS,
    NAMESPACE,
    PODS,
    Cluster,
    ask,
    build_deployment,
    build_service,
    cluster,
    is_gone,
    is_running,
    ready_endpoints,
    recorded,
    restarted,
    run,
    wait_until_gone,
)

GENERATION = "observedGeneration"
VALUES = ("ready", "started", "restartCount")
SAME_MESSAGES = ("InvalidImageName", "CreateContainerConfigError")


def missing_secret() -> Object:
    reference = {"secretKeyRef": {"name": "nope", "key": "password"}}
    return build_deployment(env=[{"name": "PASSWORD", "valueFrom": reference}])


def unschedulable() -> Object:
    deployment = build_deployment()
    deployment["spec"]["template"]["spec"]["nodeSelector"] = {"x": "y"}
    return deployment


@pytest.mark.parametrize(
    ("name", "deployment", "reason"),
    [
        ("pods-list-by-label", build_deployment(), ""),
        ("pods-list-image-pull-error", build_deployment(image="nosuch"), "ErrImagePull"),
        ("pods-list-invalid-image-name", build_deployment(image="Not A Name"), "InvalidImageName"),
        ("pods-list-config-error", missing_secret(), "CreateContainerConfigError"),
        ("pods-list-crash-loop", build_deployment(mode="crash"), "CrashLoopBackOff"),
        ("pods-list-unschedulable", unschedulable(), "Unschedulable"),
    ],
)
def test_pods_look_as_recorded(name: str, deployment: Object, reason: str, tmp_path: Path) -> None:
    def find(it: Cluster) -> Object | None:
        if reason == "Unschedulable":
            return next((pod for pod in it.pods() if pod["status"].get("conditions")), None)
        return it.find_waiting(reason) if reason else next(iter(it.find_ready() or ()), None)

    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, deployment)
            pod = await it.until(lambda: find(it))
        assert shape(pod["status"]) == shape(recorded(name)["response"]["body"]["items"][0]["status"])

    run(scenario())


def shape(status: Object) -> Object:
    """Fields, reasons and phases; not the values that belong to one machine or one moment."""
    container = {
        key: (state_shape(value) if key in ("state", "lastState") else key not in VALUES or value)
        for entry in status.get("containerStatuses", ())
        for key, value in entry.items()
        if key not in ("volumeMounts", "name")
    }
    conditions = [
        (
            condition["type"],
            condition["status"],
            condition.get("reason"),
            sorted(condition.keys() - {GENERATION}),
        )
        for condition in status["conditions"]
    ]
    fields = sorted(status.keys() - {"containerStatuses", "conditions"})
    return {"fields": fields, "phase": status["phase"], "conditions": conditions, "container": container}


def state_shape(state: Object) -> Object:
    return {
        kind: {
            "fields": sorted(detail),
            "reason": detail.get("reason"),
            "exitCode": detail.get("exitCode"),
            "message": detail["message"] if detail.get("reason") in SAME_MESSAGES else "",
        }
        for kind, detail in state.items()
    }


def test_a_crashing_container_is_restarted_with_growing_pauses_and_keeps_its_last_log(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment(mode="crash"))
            pod = await it.until(lambda: restarted(it, 3))
            assert "boom: cannot open config\n" in it.log(pod, previous=True)
            assert "availableReplicas" not in it.deployment()["status"]
            waits = [
                status["state"]["waiting"]["message"].split()[1]
                for event in it.events
                if event.resource == PODS
                for status in event.object["status"].get("containerStatuses", ())
                if status["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"
            ]
            assert list(dict.fromkeys(waits)) == ["500ms", "1s"]
            reasons = {event["reason"] for event in it.store.list("events")}
            assert {"Scheduled", "Pulling", "Pulled", "Created", "Started", "BackOff"} <= reasons

    run(scenario())


def test_an_image_that_appears_later_is_pulled_then(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            # given an image that isn't there yet
            it.store.create(DEPLOYMENTS, build_deployment(image="v2"))
            pod = await it.until(lambda: it.find_waiting("ImagePullBackOff"))
            waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"]
            start = 'Back-off pulling image "registry.sandbox/shop:v2": ErrImagePull: '
            assert waiting["message"].startswith(start)
            assert waiting["message"].endswith("registry.sandbox/shop:v2: not found")
            # when it is pushed
            it.repository.release("v2")
            # then the same pod gets ready
            (ready,) = await it.until(it.find_ready)
            assert ready["metadata"]["uid"] == pod["metadata"]["uid"]

    run(scenario())


@pytest.mark.parametrize(("policy", "expected"), [("IfNotPresent", b"v1"), ("Always", b"v1 moved")])
def test_a_moved_tag_counts_only_where_the_pod_pulls_always(
    policy: str, expected: bytes, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            # given a node that has the image
            it.store.create(DEPLOYMENTS, build_deployment(imagePullPolicy=policy))
            (pod,) = await it.until(it.find_ready)
            # when its tag moves and the pod is replaced
            (it.repository.folder / "VERSION").write_text("v1 moved")
            it.repository.git("commit", "--all", "--quiet", "-m", "moved")
            it.repository.git("tag", "--force", "v1")
            it.delete(PODS, pod["metadata"]["name"], grace=5)
            await it.until(lambda: is_gone(it, PODS, pod))
            (fresh,) = await it.until(it.find_ready)
            # then what runs depends on the pull policy
            _, written = await it.execute(fresh, "cat", "VERSION")
            assert written[1] == expected

    run(scenario())


def test_a_pod_that_stops_being_ready_leaves_the_endpoints_and_is_not_restarted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create("services", build_service())
            probe = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
            it.store.create(DEPLOYMENTS, build_deployment(readinessProbe=probe))
            await it.until(lambda: ready_endpoints(it))
            (pod,) = it.pods()
            await ask(pod, "/break")
            await it.until(lambda: not ready_endpoints(it))
            assert it.pods()[0]["status"]["containerStatuses"][0]["restartCount"] == 0
            assert it.messages("Unhealthy") == [
                "Readiness probe failed: HTTP probe failed with statuscode: 503"
            ]

    run(scenario())


def test_a_failing_liveness_probe_restarts_the_container(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            probe = {"httpGet": {"path": "/ready", "port": 3000}, "periodSeconds": 1, "failureThreshold": 1}
            it.store.create(DEPLOYMENTS, build_deployment(livenessProbe=probe | {"initialDelaySeconds": 1}))
            (pod,) = await it.until(it.find_ready)
            await ask(pod, "/break")
            await it.until(lambda: restarted(it, 1))
            (pod,) = await it.until(it.find_ready)
            assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 143
            assert it.messages("Killing") == ["Container app failed liveness probe, will be restarted"]

    run(scenario())


def test_a_startup_probe_holds_the_others_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            startup = {"exec": {"command": ["test", "-e", str(tmp_path / "go")]}, "periodSeconds": 1}
            deployment = build_deployment(startupProbe=startup | {"failureThreshold": 60})
            it.store.create(DEPLOYMENTS, deployment)
            await it.until(lambda: it.messages("Unhealthy"))
            status = it.pods()[0]["status"]["containerStatuses"][0]
            assert (status["started"], status["ready"]) == (False, False)
            (tmp_path / "go").touch()
            await it.until(it.find_ready)

    run(scenario())


def test_a_pod_taken_out_of_the_store_loses_its_processes_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment(mode="deaf"))
            (pod,) = await it.until(it.find_ready)
            pid = it.pid(pod)
            it.store.delete(PODS, NAMESPACE, pod["metadata"]["name"])
            await it.until(it.find_ready)  # its replacement
            assert not is_running(pid)

    run(scenario())


def test_a_process_deaf_to_term_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment(mode="deaf"))
            (pod,) = await it.until(it.find_ready)
            it.delete(PODS, pod["metadata"]["name"], grace=1)
            await it.until(lambda: is_gone(it, PODS, pod))
            last = next(event.object for event in it.events if event.type is EventType.DELETED)
            assert last["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137

    run(scenario())


def test_the_prestop_hook_runs_before_term_and_followers_read_to_the_end(tmp_path: Path) -> None:
    hook = tmp_path / "hook"

    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            lifecycle = {"preStop": {"exec": {"command": ["sh", "-c", 'touch "$HOOK"']}}}
            env = [{"name": "MODE", "value": "tell"}, {"name": "HOOK", "value": str(hook)}]
            it.store.create(DEPLOYMENTS, build_deployment(env=env, lifecycle=lifecycle))
            (pod,) = await it.until(it.find_ready)
            name = pod["metadata"]["name"]
            follower = asyncio.create_task(collect(it.node.follow_log(NAMESPACE, name, "app")))
            await asyncio.sleep(0)
            it.delete(PODS, name, grace=10)
            async with asyncio.timeout(DEADLINE):
                assert (await follower).endswith(b"hook ran\n")

    run(scenario())


async def collect(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])


def test_stopping_the_node_ends_every_process_and_leaves_the_objects(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[int], int]:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment(replicas=2))
            pods = await it.until(lambda: it.find_ready(2))
            pids = [it.pid(pod) for pod in pods]
        return pids, len(it.pods())

    pids, left = asyncio.run(scenario())
    assert left == 2
    assert not any(map(is_running, pids))


def test_a_command_in_a_pod_gives_its_exit_code_and_both_outputs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment())
            (pod,) = await it.until(it.find_ready)
            outcome, written = await it.execute(pod, "sh", "-c", 'echo "$COLOR"; echo no >&2; exit 3')
            assert (outcome, written) == (ExecOutcome(3), {1: b"green\n", 2: b"no\n"})

            outcome, _ = await it.execute(pod, "no-such-binary")
            frames = recorded("exec-command-not-found")["frames"]
            status = json.loads(next(frame["text"] for frame in frames if frame.get("channel") == 3))
            expected = status["details"]["causes"][0]["message"]
            assert outcome.exit_code is None
            assert without_id(outcome.error or "") == without_id(expected)

    run(scenario())


def without_id(message: str) -> str:
    return re.sub(r"[0-9a-f]{64}", "ID", message)


def test_a_command_ends_with_its_caller(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment())
            (pod,) = await it.until(it.find_ready)
            pids: asyncio.Queue[int] = asyncio.Queue()

            async def write(_: int, part: bytes) -> None:
                pids.put_nowait(int(part))

            command = ("sh", "-c", "echo $$; exec sleep 60")
            name = pod["metadata"]["name"]
            caller = asyncio.create_task(it.node.execute(NAMESPACE, name, "app", command, write))
            async with asyncio.timeout(DEADLINE):
                pid = await pids.get()
                caller.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await caller
                await asyncio.to_thread(wait_until_gone, pid)

    run(scenario())


def test_only_the_containers_own_variables_are_in_its_environment(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment())
            (pod,) = await it.until(it.find_ready)
            _, written = await it.execute(pod, "env")
            names = {line.partition("=")[0] for line in written[1].decode().splitlines()}
            assert names - {"LC_CTYPE"} == {"PATH", "HOME", "HOSTNAME", "PORT", "COLOR", "MODE"}

    run(scenario())


def test_unknown_pods_containers_and_logs_are_refused_in_the_recorded_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment())
            (pod,) = await it.until(it.find_ready)
            name = pod["metadata"]["name"]
            with pytest.raises(NotFound, match='pods "gone" not found'):
                it.node.log(NAMESPACE, "gone", "app", previous=False, tail_lines=None)
            with pytest.raises(BadRequest, match=f"container zzz is not valid for pod {name}"):
                it.node.log(NAMESPACE, name, "zzz", previous=False, tail_lines=None)
            message = f'previous terminated container "app" in pod "{name}" not found'
            with pytest.raises(BadRequest, match=message):
                it.log(pod, previous=True)

    run(scenario())


def test_a_secret_that_comes_later_lets_the_container_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, missing_secret())
            await it.until(lambda: it.find_waiting("CreateContainerConfigError"))
            metadata = {"name": "nope", "namespace": NAMESPACE}
            it.store.create("secrets", {"metadata": metadata, "data": {"password": "aHVudGVyMg=="}})
            (pod,) = await it.until(it.find_ready)
            _, written = await it.execute(pod, "sh", "-c", 'echo "$PASSWORD"')
            assert written[1] == b"hunter2\n"

    run(scenario())


def test_a_pod_that_is_not_to_be_restarted_succeeds(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            spec = build_deployment(mode="done")["spec"]["template"]["spec"] | {"restartPolicy": "Never"}
            it.store.create(PODS, {"metadata": {"name": "job", "namespace": NAMESPACE}, "spec": spec})
            await it.until(lambda: it.pods()[0].get("status", {}).get("phase") == "Succeeded")
            state = it.pods()[0]["status"]["containerStatuses"][0]["state"]["terminated"]
            assert (state["exitCode"], state["reason"]) == (0, "Completed")

    run(scenario())


def test_a_command_that_does_not_exist_is_a_start_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment(command=["no-such-program"]))
            pod = await it.until(lambda: it.find_waiting("CrashLoopBackOff"))
            ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
            assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
            assert 'exec: "no-such-program": executable file not found in $PATH' in ended["message"]

    run(scenario())


def test_a_pod_whose_image_never_came_ends_as_recorded(tmp_path: Path) -> None:
    events = recorded("watch-pods-crash-loop")["watch_events"]
    expected = next(event["object"]["status"] for event in events if event["type"] == "DELETED")

    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment(image="nosuch"))
            pod = await it.until(lambda: it.find_waiting("ErrImagePull"))
            name = pod["metadata"]["name"]
            with pytest.raises(BadRequest, match="is waiting to start: trying and failing to pull image"):
                it.log(pod)
            it.delete(PODS, name, grace=5)
            await it.until(lambda: is_gone(it, PODS, pod))
            last = next(event.object for event in it.events if event.type is EventType.DELETED)
            assert shape(last["status"]) == shape(expected)
            ended = last["status"]["containerStatuses"][0]["state"]
            assert ended == expected["containerStatuses"][0]["state"]

    run(scenario())


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ({"sleep": {"seconds": 60}}, "PreStopHook failed: still running after 1s"),
        ({"httpGet": {"path": "/break", "port": "http"}}, ""),
        ({"exec": {"command": ["no-such-program"]}}, 'exec: "no-such-program": executable file not found'),
    ],
)
def test_a_prestop_hook_that_fails_is_told_and_holds_nothing_up(
    hook: Object, message: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            it.store.create(DEPLOYMENTS, build_deployment(lifecycle={"preStop": hook}))
            (pod,) = await it.until(it.find_ready)
            it.delete(PODS, pod["metadata"]["name"], grace=1)
            await it.until(lambda: is_gone(it, PODS, pod))
            assert message in "".join(it.messages("FailedPreStopHook"))
            assert bool(message) == bool(it.messages("FailedPreStopHook"))

    run(scenario())


def test_a_container_that_does_not_start_in_time_is_restarted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
            it.store.create(DEPLOYMENTS, build_deployment(startupProbe=probe))
            await it.until(lambda: restarted(it, 1))
            assert it.messages("Killing") == ["Container app failed startup probe, will be restarted"]

    run(scenario())


def test_what_the_sandbox_does_not_do_is_said_in_an_event(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path) as it:
            deployment = build_deployment()
            deployment["spec"]["template"]["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
            it.store.create(DEPLOYMENTS, deployment)
            await it.until(it.find_ready)
            assert it.messages("NotInSandbox") == ["The sandbox mounts no volumes: data"]

    run(scenario())
