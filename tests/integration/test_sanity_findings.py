"""Sanity tells everything at once: each kind of finding alone under its own name, several as one refusal."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cluster.connection import Body, Cluster
from release.model import Stage
from sandbox.api.errors import ApiError
from sandbox.api.server import ApiServer, User, write_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from release.problems import ProblemDocument
    from sandbox.store import Object
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

MERGE = "application/merge-patch+json"
WORKER = "system:serviceaccount:verdigris:verdigris-worker"
WRITTEN = ("Service", "Deployment", "DestinationRule", "VirtualService", "Gateway")


# Findings of several kinds


def refusal(line: Line) -> ProblemDocument:
    problem = line.job().problem
    assert problem
    return problem


def with_deployment(line: Line, old: str, new: str) -> dict[str, str]:
    """Verdigris' own templates, with a change in the Deployment."""
    files = line.default_manifests()
    text = files["manifests/deployment.yml"]
    assert old in text
    return {**files, "manifests/deployment.yml": text.replace(old, new)}


def quota(name: str, **hard: str) -> Object:
    """A quota as its controller leaves it; ``_`` stands for a dot in names."""
    limits = {key.replace("_", "."): value for key, value in hard.items()}
    status = {"hard": limits, "used": dict.fromkeys(limits, "0")}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name},
        "spec": {"hard": limits},
        "status": status,
    }


def put_quota(line: Line, made: Object) -> None:
    """With its status, which only a controller writes."""
    placed = {**made, "metadata": {**made["metadata"], "namespace": line.namespace}}
    line.town.call(lambda: line.town.store.create("resourcequotas", placed))


def test_findings_of_all_kinds_are_told_in_one_refusal(make_line: Callable[..., Line]) -> None:
    # given green is live, and a tag that names green, brings a kind that is not allowed, a Service that the
    # server refuses, a pull secret and a Secret that don't exist, and more pods than the quota allows
    line = make_line(values={"image_pull_secrets": ["registry"], "env_from": True})
    line.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry"}, "type": "Opaque"})
    line.go_live("v1-blue", files=without_secrets(line))
    put_quota(line, quota("few", pods="1"))
    before = {kind: line.get(kind, "blue")["metadata"]["resourceVersion"] for kind in WRITTEN}
    files = line.default_manifests()
    files["manifests/service.yml"] = (
        files["manifests/service.yml"].replace("port: 80", "port: 0")
        + f"---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: job, namespace: {line.namespace}}}\n"
    )
    files["manifests/deployment.yml"] = files["manifests/deployment.yml"].replace(
        "values.replicas | default(2)", "2"
    )

    release = line.push("v2-green", files=files)
    ended = line.run()

    # then one problem lists them all, each with its object and what to do, and nothing was touched
    problem = refusal(line)
    assert [one.stage for one in ended] == ["sanity"]
    assert problem.slug == "sanity-refused"
    for slug in (
        "manifests-refused",
        "dry-run-refused",
        "pull-secret-missing",
        "reference-missing",
        "quota-too-small",
    ):
        assert f"({slug})" in problem.detail
    assert "Job job: this kind is not allowed for the app" in problem.detail
    assert "Service shop: " in problem.detail
    assert f"Secret {line.namespace}/registry is of type Opaque" in problem.detail
    assert f"Secret {line.namespace}/env-green does not exist" in problem.detail
    assert "pods: 2 more needed, 1 of 1 left" in problem.detail
    assert problem.detail.count("What to do: ") == 5
    assert "`verdigris plan shop v2-green`" in problem.next_step
    assert "What to do: " in line.told(release)
    after = {kind: line.get(kind, "blue")["metadata"]["resourceVersion"] for kind in WRITTEN}
    assert after == before
    line.expect("v1-blue")


def without_secrets(line: Line) -> dict[str, str]:
    """Templates whose pods need nothing."""
    files = line.default_manifests()
    text = files["manifests/deployment.yml"]
    for value in ("image_pull_secrets", "env_from"):
        text = text.replace(f"values.{value}", f"values.no_{value}")
    return {**files, "manifests/deployment.yml": text}


def test_a_moved_tag_and_a_live_color_are_both_told(line: Line) -> None:
    line.go_live("v1-green")
    line.push("v2-green")
    line.repo.commit("v2-green", other="commit")

    line.run()

    problem = refusal(line)
    assert problem.slug == "sanity-refused"
    assert "(tag-moved)" in problem.detail
    assert "(color-is-live)" in problem.detail
    assert "git tag v2-blue v2-green^{}" in problem.detail


def test_an_object_of_another_namespace_is_not_even_sent(line: Line) -> None:
    files = line.default_manifests()
    files["manifests/service.yml"] += (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: foreign, namespace: kube-system}\n"
    )
    asked: list[str] = []

    async def listen(request: Any) -> None:  # noqa: ANN401 -- aiohttp's request
        asked.append(request.path)

    line.push("v1-green", files=files)
    line.town.server.fault = listen
    line.run()
    line.town.server.fault = None

    assert refusal(line).slug == "manifests-refused"
    assert "names the namespace kube-system" in refusal(line).detail
    assert any("services/shop" in path for path in asked)
    assert not any("kube-system" in path for path in asked)


# What the cluster lacks


def test_a_missing_namespace_is_told_once_with_the_command_that_makes_it(line: Line) -> None:
    line.reconfigure(namespace="nowhere")

    release = line.push("v1-green")
    line.run()

    problem = refusal(line)
    assert problem.slug == "namespace-missing"
    assert problem.detail == 'shop v1-green: namespaces "nowhere" not found'
    assert "`kubectl create namespace nowhere`" in problem.next_step
    assert line.state(release) == "failed"


@pytest.mark.parametrize("words", ["404 page not found", "the server could not find the requested resource"])
def test_a_cluster_without_istio_is_told_as_that(line: Line, words: str) -> None:
    async def forget(request: Any) -> ApiError | None:  # noqa: ANN401 -- aiohttp's request
        return ApiError(404, "NotFound", words) if "/networking.istio.io/" in request.path else None

    line.push("v1-green")
    line.town.server.fault = forget
    line.run()
    line.town.server.fault = None

    problem = refusal(line)
    assert problem.slug == "istio-missing"
    assert "Istio's CRDs are not installed in this cluster" in problem.detail
    assert "istioctl install" in problem.next_step
    assert problem.detail.count("CRDs") == 1


def test_an_immutable_selector_is_told_with_the_way_out(line: Line) -> None:
    line.go_live("v1-green")
    line.deploy("v1-blue")
    files = line.default_manifests()
    text = files["manifests/deployment.yml"]
    files["manifests/deployment.yml"] = text.replace(
        "    matchLabels:\n", "    matchLabels:\n      tier: web\n"
    ).replace("    metadata:\n      labels:\n", "    metadata:\n      labels:\n        tier: web\n")

    line.push("v2-blue", files=files)
    line.run()

    problem = refusal(line)
    assert problem.slug == "dry-run-refused"
    assert "field is immutable" in problem.detail
    assert "`verdigris decommission shop`" in problem.next_step


def test_a_key_that_a_secret_lacks_is_told_by_name_and_its_values_are_not(line: Line) -> None:
    line.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "database"},
            "stringData": {"user": "a-secret-user-name"},
        }
    )
    files = with_deployment(
        line,
        "          env:\n",
        "          env:\n            - name: DB_PASSWORD\n"
        "              valueFrom: {secretKeyRef: {name: database, key: password}}\n",
    )

    release = line.push("v1-green", files=files)
    line.run()

    problem = refusal(line)
    assert problem.slug == "reference-missing"
    assert f"Secret {line.namespace}/database has no key password" in problem.detail
    assert "env DB_PASSWORD of container shop" in problem.detail
    assert "a-secret-user-name" not in line.told(release)


def test_a_config_map_that_the_release_brings_along_counts_as_there(line: Line) -> None:
    files = with_deployment(
        line,
        "          env:\n",
        "          envFrom:\n            - configMapRef: {name: settings}\n          env:\n",
    )
    files["manifests/service.yml"] += (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {LEVEL: debug}\n"
    )

    release = line.deploy("v1-green", files=files)

    assert release.state == "ready", line.told(release)


def test_a_quota_that_has_room_refuses_nothing(line: Line) -> None:
    put_quota(line, quota("enough", pods="3"))

    assert line.deploy("v1-green").state == "ready"


def test_a_promote_that_the_quota_would_not_carry_is_told_as_a_warning(line: Line) -> None:
    # given the live color was scaled to three pods
    line.go_live("v1-green")
    line.by_hand("PATCH", line.ref("Deployment", "green"), Body({"spec": {"replicas": 3}}, MERGE))
    put_quota(line, quota("tight", pods="4", requests_cpu="2"))
    line.wait_for(lambda: line.is_settled("Deployment", "green"), "green has three pods")

    # when a release of one pod comes
    release = line.push("v2-blue", files=with_resources(line))
    line.run(until=None)

    # then it passes sanity, and the log says what a promote will meet
    told = line.told(release)
    assert "warning: The quota leaves no room for the second color" in told
    assert "a promote raises blue to 3 replicas, as green has: tight: requests.cpu: 3 more needed" in told


def with_resources(line: Line) -> dict[str, str]:
    return with_deployment(
        line,
        "          readinessProbe:",
        '          resources: {"requests": {"cpu": "1"}}\n          readinessProbe:',
    )


# Rights


@contextmanager
def as_worker(line: Line, folder: Path, *rules: Object) -> Iterator[None]:
    """The line's stages run as an account that may do only this in the namespace."""
    town, version = line.town, "rbac.authorization.k8s.io/v1"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "verdigris"}
    subject = {"kind": "ServiceAccount", "name": "verdigris-worker", "namespace": "verdigris"}
    identity = {"apiVersion": version, "metadata": {"name": "verdigris", "namespace": line.namespace}}
    role = {**identity, "kind": "Role", "rules": list(rules)}
    binding = {**identity, "kind": "RoleBinding", "subjects": [subject], "roleRef": reference}
    town.call(lambda: town.store.create("roles.rbac.authorization.k8s.io", role))
    town.call(lambda: town.store.create("rolebindings.rbac.authorization.k8s.io", binding))
    server = ApiServer(town.store, town.node, {"worker-token": User(WORKER)})
    kubeconfig = folder / "worker"
    write_kubeconfig(kubeconfig, f"http://127.0.0.1:{town.wait(server.start())}", "worker-token")
    line.around = replace(line.around, connect=lambda _: Cluster.connect(kubeconfig))
    try:
        yield
    finally:
        town.wait(server.stop())


def rule(group: str, resources: list[str], *verbs: str) -> Object:
    return {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}


WRITE = ("get", "create", "patch")
ENOUGH = (
    rule("", ["services", "configmaps"], *WRITE),
    rule("apps", ["deployments"], *WRITE, "list", "watch", "delete"),
    rule("apps", ["replicasets"], "list", "watch"),
    rule("", ["pods"], "list", "watch"),
    rule("", ["pods/log"], "get"),
    rule("autoscaling", ["horizontalpodautoscalers"], "get", "list", "patch"),
    rule("networking.istio.io", ["gateways", "virtualservices", "destinationrules"], *WRITE),
)


def test_rights_that_are_missing_are_told_before_they_are_needed(line: Line, tmp_path: Path) -> None:
    # given an account that may read Deployments, but not write or delete them
    reading = [one for one in ENOUGH if one["resources"] != ["deployments"]]

    release = line.push("v1-green")
    with as_worker(line, tmp_path, *reading, rule("apps", ["deployments"], "get", "list", "watch")):
        line.run()

    # then the refusal says so in our words, once, though the dry run was forbidden as well
    problem = refusal(line)
    assert problem.slug == "permission-missing"
    assert problem.detail == (
        "shop v1-green: the worker's account may not create, patch, delete deployments.apps "
        f"in {line.namespace}"
    )
    assert f"`kubectl apply -k deploy/app-role -n {line.namespace}`" in problem.next_step
    assert line.state(release) == "failed"


def test_an_account_without_any_right_is_told_to_look_at_the_namespace(line: Line, tmp_path: Path) -> None:
    line.push("v1-green")
    with as_worker(line, tmp_path):
        line.run()

    problem = refusal(line)
    assert problem.slug == "permission-missing"
    assert f"kubectl get namespace {line.namespace}" in problem.next_step
    assert "gateways.networking.istio.io" in problem.detail


def test_what_may_not_be_looked_at_is_said_and_refuses_nothing(
    make_line: Callable[..., Line], tmp_path: Path
) -> None:
    # given an account that may do what stages need, and pods that name a Secret
    line = make_line(values={"image_pull_secrets": ["registry"]})
    release = line.push("v1-green")

    with as_worker(line, tmp_path, *ENOUGH):
        line.run()

    # then the release goes its way, and the log says what was not looked at
    told = line.told(release)
    assert line.state(release) == "ready", told
    assert f"not looked at: Secret {line.namespace}/registry; the worker's account may not read them" in told
    assert f"not looked at: every ResourceQuota in {line.namespace}" in told


def test_rights_for_commands_are_asked_only_of_apps_that_run_some(
    make_line: Callable[..., Line], tmp_path: Path
) -> None:
    line = make_line(migrate=[["true"]])
    line.push("v1-green")
    with as_worker(line, tmp_path, *ENOUGH):
        line.run()

    assert refusal(line).slug == "permission-missing"
    assert "may not get, create pods/exec in" in refusal(line).detail


def test_a_rule_for_named_objects_is_enough_for_these(line: Line, tmp_path: Path) -> None:
    """A Role may open one Secret by its name, and no other."""
    line.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database"}})
    files = with_deployment(
        line,
        "          env:\n",
        "          envFrom:\n            - secretRef: {name: database}\n          env:\n",
    )
    named = {**rule("", ["secrets"], "get"), "resourceNames": ["database"]}

    release = line.push("v1-green", files=files)
    with as_worker(line, tmp_path, *ENOUGH, named):
        line.run()

    assert line.state(release) == "ready", line.told(release)
    assert "not looked at: Secret" not in line.told(release)


def test_a_cluster_that_reviews_no_rights_is_asked_without(make_line: Callable[..., Line]) -> None:
    # given a proxy before the API that lets nobody ask for rights, list quotas or read Secrets
    line = make_line(values={"image_pull_secrets": ["registry"]})
    closed = ("/authorization.k8s.io/", "/resourcequotas", "/secrets/")

    async def refuse(request: Any) -> ApiError | None:  # noqa: ANN401 -- aiohttp's request
        is_closed = any(part in request.path for part in closed)
        return ApiError(403, "Forbidden", "not through this door") if is_closed else None

    release = line.push("v1-green")
    line.town.server.fault = refuse
    line.run(until=Stage.DEPLOY)
    line.town.server.fault = None

    # then sanity passes, and says what it does not know
    told = line.told(release)
    assert line.job().stage is Stage.DEPLOY, told
    assert "rights were not looked at: the cluster does not review them (not through this door)" in told
    assert f"not looked at: every ResourceQuota in {line.namespace}" in told
    assert f"not looked at: Secret {line.namespace}/registry" in told


# Users who would reach untested pods


def without_mesh(line: Line) -> dict[str, str]:
    """Routes for the ingress gateway alone, as in many a repository."""
    return {
        name: text.replace('"*" not in values.hosts', "false")
        for name, text in line.default_manifests().items()
    }


def test_callers_in_the_mesh_who_would_reach_untested_pods_are_told_with_the_fix(line: Line) -> None:
    release = line.push("v1-green", files=without_mesh(line))
    line.run()

    told = line.told(release)
    assert line.state(release) == "ready"
    assert f"warning: Users would reach untested pods: Service {line.namespace}/shop selects the pods" in told
    assert "add to VirtualService shop-blue-green in route.yml and route-test.yml spec.hosts: shop" in told
    (warning,) = line.release(release.id).warnings
    assert f"warning: {warning}" in told


def test_an_app_may_have_such_manifests_refused(line: Line) -> None:
    line.reconfigure(in_mesh="refuse")

    release = line.push("v1-green", files=without_mesh(line))
    line.run()

    assert refusal(line).slug == "in-mesh-leak"
    assert "spec.gateways: mesh" in refusal(line).next_step
    assert line.state(release) == "failed"
    assert line.find("Service") is None


def test_the_command_that_closes_a_standing_route_does_close_it(line: Line) -> None:
    # given a route that stands without the mesh
    line.go_live("v1-green", files=without_mesh(line))
    leaking = line.push("v2-blue")
    line.run()
    told = line.told(leaking)
    command = f"kubectl -n {line.namespace} patch virtualservice shop-blue-green --type=json -p '"
    assert command in told

    # when the patch that the log names is made
    patch = json.loads(told.partition(command)[2].partition("'")[0])
    line.by_hand("PATCH", line.ref("VirtualService"), Body(patch, "application/json-patch+json"))

    # then the next release has nothing to warn of
    after = line.push("v3-blue")
    line.run()
    assert "warning: " not in line.told(after)
    line.expect("v1-green")


def test_verdigris_own_manifests_leak_nothing(line: Line) -> None:
    first = line.deploy("v1-green")

    assert "warning: " not in line.told(first)
