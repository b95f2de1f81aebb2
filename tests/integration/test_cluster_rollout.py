"""Rollouts of real processes in the sandbox, followed over its API; and what comes after them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster import objects
from cluster.apply import annotate, put
from cluster.connection import Cluster
from cluster.deployments import delete_deployment, read_deployment, scale
from cluster.exec import run_command
from cluster.kinds import Ref
from cluster.observe import observe
from cluster.pods import logs, ready_pod
from cluster.rollout import RolledOut, follow_rollout
from cluster.verdict import Limits
from cluster.waiting import Deadline
from release.model import Color
from release.names import PASSED_TEMPLATE, TAG
from release.problems import Problem
from release.turn import CancelRequested, LostTurn
from tests.integration.standin import (
    NAMESPACE,
    Standin,
    Turn,
    default,
    deployment,
    standin,
    virtual_service,
)

GREEN = Ref("Deployment", NAMESPACE, "shop-green")
BLUE = Ref("Deployment", NAMESPACE, "shop-blue")
ROUTE = Ref("VirtualService", NAMESPACE, "shop-blue-green")
LIMITS = Limits(rollout=60, image_wait=60, max_restarts=2)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Standin]:
    with standin(tmp_path, run_pods=True) as running:
        yield running


@pytest.fixture
def cluster(made: Standin) -> Cluster:
    return made.connect()


class Heard:
    """What a wait reports, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._news:
            self.lines.append(line)
            self._news.notify_all()

    def wait_for(self, words: str) -> None:
        with self._news:
            if not self._news.wait_for(lambda: any(words in line for line in self.lines), timeout=30):
                pytest.fail(f"nobody said {words!r}, only {self.lines}")


def follow(
    cluster: Cluster, *, limits: Limits = LIMITS, turn: Turn | None = None, heard: Heard | None = None
) -> RolledOut:
    return follow_rollout(
        cluster, GREEN.name, NAMESPACE, limits=limits, turn=turn or Turn(), report=heard or Heard()
    )


def test_a_rollout_is_followed_to_its_end_and_again_to_the_next_versions(
    made: Standin, cluster: Cluster
) -> None:
    made.repository.release("v2")
    put(cluster, deployment(replicas=2), turn=Turn())
    first = follow(cluster)
    assert len(first.ready_pods) == 2
    # a finished rollout is done at once
    assert follow(cluster) == first
    # when the next version is applied
    put(cluster, deployment(tag="v2", replicas=2), turn=Turn())
    second = follow(cluster)
    # then it is only done when nothing of the first serves any more
    assert second.template_hash != first.template_hash
    assert not set(second.ready_pods) & set(first.ready_pods)
    view = read_deployment(cluster, GREEN)
    assert view is not None
    assert (view.template_hash, view.replicas, view.is_available) == (second.template_hash, 2, True)


def test_a_crashing_program_ends_the_rollout_with_its_last_words(cluster: Cluster) -> None:
    put(cluster, deployment(mode="crash"), turn=Turn())
    heard = Heard()
    with pytest.raises(Problem) as caught:
        follow(cluster, limits=Limits(rollout=60, image_wait=60, max_restarts=1), heard=heard)
    document = caught.value.document
    assert document.slug == "rollout-crash-loop"
    assert "ended with exit code 1 after 1 restart" in document.detail
    assert document.detail.endswith("boom: cannot open config")


def test_an_image_that_ci_pushes_late_is_waited_for(made: Standin, cluster: Cluster) -> None:
    # given a tag whose image does not exist yet, and a short deadline for the rollout itself
    put(cluster, deployment(tag="v9"), turn=Turn())
    heard = Heard()
    limits = Limits(rollout=20, image_wait=60, max_restarts=2)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, cluster, limits=limits, heard=heard)
        heard.wait_for("not found")
        # when CI pushes it
        made.repository.release("v9")
        # then the rollout goes on to its end
        assert len(following.result(timeout=60).ready_pods) == 1


def test_an_image_that_never_comes_ends_the_rollout(cluster: Cluster) -> None:
    put(cluster, deployment(tag="v404"), turn=Turn())
    with pytest.raises(Problem, match="v404") as caught:
        follow(cluster, limits=Limits(rollout=60, image_wait=1, max_restarts=2))
    assert caught.value.document.slug == "rollout-image-not-found"


def test_pods_that_are_not_ready_in_time_end_the_rollout_with_what_hindered_them(cluster: Cluster) -> None:
    broken = deployment()
    broken["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = {
        "exec": {"command": ["false"]},
        "periodSeconds": 1,
    }
    put(cluster, broken, turn=Turn())
    with pytest.raises(Problem, match="its probes don't pass yet") as caught:
        follow(cluster, limits=Limits(rollout=3, image_wait=60, max_restarts=2))
    assert caught.value.document.slug == "rollout-deadline"
    assert "last lines of app:\npid " in caught.value.document.detail


@pytest.mark.parametrize("ending", [LostTurn(), CancelRequested()])
def test_a_turn_that_ends_stops_the_wait_at_once(cluster: Cluster, ending: Exception) -> None:
    put(cluster, deployment(tag="v404"), turn=Turn())
    heard, turn = Heard(), Turn()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, cluster, turn=turn, heard=heard)
        heard.wait_for("not found")
        turn.ended = ending
        with pytest.raises(type(ending)):
            following.result(timeout=2)


def test_a_deployment_that_somebody_deletes_ends_the_rollout(cluster: Cluster) -> None:
    put(cluster, deployment(tag="v404"), turn=Turn())
    heard = Heard()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, cluster, heard=heard)
        heard.wait_for("not found")
        delete_deployment(cluster, GREEN.name, NAMESPACE, turn=Turn(), deadline=Deadline.after(30))
        with pytest.raises(Problem) as caught:
            following.result(timeout=10)
    assert caught.value.document.slug == "rollout-deleted"


def test_an_api_that_restarts_and_watches_that_expire_are_survived(made: Standin, cluster: Cluster) -> None:
    # given a wait for an image
    put(cluster, deployment(tag="v9"), turn=Turn())
    heard = Heard()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, cluster, heard=heard)
        heard.wait_for("not found")
        # when the API goes away, history expires and the API comes back
        made.restart_server()
        made.call(lambda: [made.store.create("configmaps", _filler(number)) for number in range(300)])
        made.repository.release("v9")
        # then the wait goes on from a fresh list
        assert len(following.result(timeout=60).ready_pods) == 1


def _filler(number: int) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"filler-{number}", "namespace": NAMESPACE},
    }


def test_a_command_runs_in_a_ready_pod_and_its_output_is_heard(cluster: Cluster) -> None:
    obj = deployment()
    put(cluster, obj, turn=Turn())
    follow(cluster)
    pod = ready_pod(cluster, NAMESPACE, obj["metadata"]["labels"])

    def run(*command: str, seconds: float = 20) -> tuple[int, list[str]]:
        lines: list[str] = []
        code = run_command(
            cluster,
            pod,
            NAMESPACE,
            "app",
            command,
            turn=Turn(),
            on_output=lines.append,
            deadline=Deadline.after(seconds),
        )
        return code, lines

    assert run("cat", "VERSION") == (0, ["v1"])
    assert run("sh", "-c", "printf 'ä\\nb'; exit 3") == (3, ["ä", "b"])
    with pytest.raises(Problem, match="no-such-binary") as caught:
        run("no-such-binary")
    assert caught.value.document.slug == "command-not-started"
    with pytest.raises(Problem, match="still running after 1 s") as caught:
        run("sleep", "30", seconds=1)
    assert caught.value.document.slug == "command-deadline"
    assert "pid " in logs(cluster, pod, NAMESPACE, "app")


def test_a_command_in_a_pod_that_is_gone_is_refused(cluster: Cluster) -> None:
    with pytest.raises(Problem, match='pods "gone" not found') as caught:
        run_command(
            cluster,
            "gone",
            NAMESPACE,
            "app",
            ["true"],
            turn=Turn(),
            on_output=print,
            deadline=Deadline.after(5),
        )
    assert caught.value.document.slug == "command-not-started"


def test_a_lost_turn_stops_listening_and_a_cancel_does_not(cluster: Cluster) -> None:
    obj = deployment()
    put(cluster, obj, turn=Turn())
    pod = follow(cluster).ready_pods[0]

    def run(turn: Turn, heard: Heard, *command: str) -> int:
        where = (cluster, pod, NAMESPACE, "app", command)
        return run_command(*where, turn=turn, on_output=heard, deadline=Deadline.after(30))

    with ThreadPoolExecutor(2) as pool:
        turns = Turn(), Turn()
        heards = Heard(), Heard()
        lost = pool.submit(run, turns[0], heards[0], "sh", "-c", "echo begun; sleep 30")
        wait = "echo begun; while ! test -e enough; do sleep 0.1; done; echo ended"
        cancelled = pool.submit(run, turns[1], heards[1], "sh", "-c", wait)
        for heard in heards:
            heard.wait_for("begun")
        turns[0].ended = LostTurn()
        turns[1].ended = CancelRequested()
        with pytest.raises(LostTurn):
            lost.result(timeout=5)
        run(Turn(), Heard(), "touch", "enough")
        assert cancelled.result(timeout=10) == 0
        assert heards[1].lines == ["begun", "ended"]


def test_a_connection_that_breaks_leaves_the_command_in_doubt(made: Standin, cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn())
    pod = follow(cluster).ready_pods[0]
    heard = Heard()
    where = (cluster, pod, NAMESPACE, "app", ["sh", "-c", "echo begun; sleep 30"])
    with ThreadPoolExecutor(1) as pool:
        limit = Deadline.after(30)
        running = pool.submit(run_command, *where, turn=Turn(), on_output=heard, deadline=limit)
        heard.wait_for("begun")
        made.restart_server()
        with pytest.raises(Problem, match="can't be known") as caught:
            running.result(timeout=10)
    assert caught.value.document.slug == "command-lost"


def test_a_command_is_not_started_while_the_api_is_away(made: Standin, cluster: Cluster) -> None:
    made.wait(made.server.stop())
    where = (cluster, "pod", NAMESPACE, "app", ["true"])
    with pytest.raises(Problem) as caught:
        run_command(*where, turn=Turn(), on_output=print, deadline=Deadline.after(0.5))
    assert caught.value.document.slug == "cluster-unavailable"


def test_no_ready_pod_is_told_with_the_labels(cluster: Cluster) -> None:
    with pytest.raises(Problem, match="labels app=shop,workflow=x: 0 pods"):
        ready_pod(cluster, NAMESPACE, {"workflow": "x", "app": "shop"})


def test_deleting_waits_until_the_pods_are_gone_and_again_is_success(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn())
    follow(cluster)
    for _ in range(2):
        delete_deployment(cluster, GREEN.name, NAMESPACE, turn=Turn(), deadline=Deadline.after(30))
        assert objects.find(cluster, GREEN) is None
        assert objects.list_objects(cluster, "Pod", NAMESPACE)[0] == []


def test_a_deletion_that_something_holds_back_is_told_at_the_deadline(cluster: Cluster) -> None:
    # given a Deployment that a finalizer keeps
    held = deployment(tag="v404")
    held["metadata"]["finalizers"] = ["example.org/keep"]
    put(cluster, held, turn=Turn())
    with pytest.raises(Problem, match="still exist after 1 s") as caught:
        delete_deployment(cluster, GREEN.name, NAMESPACE, turn=Turn(), deadline=Deadline.after(1))
    assert caught.value.document.slug == "delete-deadline"
    assert objects.find(cluster, GREEN) is not None


def test_scaling_leaves_what_passed_as_it_is(cluster: Cluster) -> None:
    # given a color that passed its tests
    put(cluster, deployment(), turn=Turn())
    done = follow(cluster)
    annotate(cluster, GREEN, {PASSED_TEMPLATE: done.template_hash, TAG: "v1-green"}, turn=Turn())
    # when it is raised to the live color's count
    scale(cluster, GREEN, 2, turn=Turn())
    raised = follow(cluster)
    # then its generation has moved, and what passed still counts
    assert raised.template_hash == done.template_hash
    assert len(raised.ready_pods) == 2
    view = read_deployment(cluster, GREEN)
    assert view is not None
    assert view.has_passed
    # and scaling to what it has writes nothing
    before = objects.version_of(objects.get(cluster, GREEN))
    scale(cluster, GREEN, 2, turn=Turn())
    assert objects.version_of(objects.get(cluster, GREEN)) == before


def test_an_app_is_observed_with_both_colors_and_its_route(made: Standin, cluster: Cluster) -> None:
    refs = {Color.BLUE: BLUE, Color.GREEN: GREEN}
    empty = observe(cluster, "shop", deployments=refs, virtual_service=ROUTE)
    assert (empty.live, empty.problem, empty.blue.exists) == (None, "", False)
    # when one color runs behind a route
    put(cluster, deployment(), turn=Turn())
    done = follow(cluster)
    annotate(cluster, GREEN, {PASSED_TEMPLATE: done.template_hash, TAG: "v1-green"}, turn=Turn())
    put(cluster, virtual_service(default("green")), turn=Turn())
    # then it is live
    seen = observe(cluster, "shop", deployments=refs, virtual_service=ROUTE)
    assert seen.live is Color.GREEN
    assert (seen.green.tag, seen.green.available, seen.green.passed) == ("v1-green", 1, True)
    # and a route that can't be adopted, or a cluster that is away, is what was observed
    objects.patch_merge(cluster, ROUTE, {"spec": {"http": [{"route": [{"destination": {"host": "shop"}}]}]}})
    odd = observe(cluster, "shop", deployments=refs, virtual_service=ROUTE)
    assert odd.live is None
    assert "names no subset" in odd.problem
    made.wait(made.server.stop())
    away = observe(cluster, "shop", deployments=refs, virtual_service=ROUTE)
    assert "can't be reached" in away.problem
