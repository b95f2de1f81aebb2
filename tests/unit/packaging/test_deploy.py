"""The kustomize folder builds, fits the API's types, and promises no more than the program keeps.

What the Role allows is held against what the stages do in ``tests/integration/test_role.py``.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from cli.main import main
from release.environment import VARIABLES
from release.loading import parse_config
from tests.unit.packaging.kustomize import (
    DEPLOY,
    OVERLAYS,
    ROOT,
    build,
    container_of,
    find_misfits,
    named,
    of_kind,
    pod_of,
    workloads,
    write_kustomization,
)

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
WRITABLE = {"emptyDir", "persistentVolumeClaim"}

# Variables that others read: Flower, `verdigris web` for gunicorn, Git, Redis.
OTHERS = {"FLOWER_BASIC_AUTH", "WEB_CONCURRENCY", "GIT_SSH_COMMAND", "REDIS_PASSWORD", "REDISCLI_AUTH"}
SECRET = re.compile("SECRET|TOKEN|PASSWORD|AUTH$|REDIS_URL")

overlays = pytest.mark.parametrize("overlay", OVERLAYS)


def procfile() -> dict[str, list[str]]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: shlex.split(command) for name, _, command in (line.partition(":") for line in lines)}


def seconds(text: str) -> int:
    """``15m`` of a compose file."""
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def options(command: list[str]) -> dict[str, str]:
    words = [word for word in command[2:] if not word.startswith("${")]
    return dict(zip(words[::2], words[1::2], strict=False))


@overlays
def test_an_overlay_builds_and_every_object_fits_its_type(overlay: str) -> None:
    objects = build(overlay)

    assert [f"{named(obj)}: {found}" for obj in objects for found in find_misfits(obj)] == []
    identities = [(obj["kind"], obj["metadata"]["name"]) for obj in objects]
    assert len(set(identities)) == len(identities)
    assert {obj["metadata"].get("namespace") for obj in objects if obj["kind"] != "Namespace"} == {
        "verdigris"
    }


def test_a_field_that_does_not_exist_is_found() -> None:
    (web,) = [obj for obj in build("single-node") if obj["kind"] == "Deployment" and named(obj) == "web"]
    spec = {**web["spec"], "template": {"spec": {**pod_of(web), "runAsNonRoot": True}}}
    broken = {**web, "spec": spec}

    assert find_misfits(broken) == ["spec.template.spec.runAsNonRoot: no such field of V1PodSpec"]
    assert find_misfits({**web, "spec": "1"}) == ["spec: a str, not V1DeploymentSpec"]


@overlays
def test_pods_have_no_privileges_and_write_only_where_a_volume_is(overlay: str) -> None:
    for workload in workloads(overlay):
        spec, container = pod_of(workload), container_of(workload)

        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= container["resources"].keys()
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()


@overlays
def test_every_mount_has_its_volume_and_every_process_a_place_for_temporary_files(overlay: str) -> None:
    for workload in workloads(overlay):
        volumes = {volume["name"]: set(volume) - {"name"} for volume in pod_of(workload).get("volumes", [])}
        claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        mounts = {mount["mountPath"]: mount for mount in container_of(workload)["volumeMounts"]}

        assert {mount["name"] for mount in mounts.values()} == volumes.keys() | claims
        for mount in mounts.values():
            is_writable = mount["name"] in claims or volumes[mount["name"]] <= WRITABLE
            assert is_writable is not mount.get("readOnly", False)
        assert ("/data" if named(workload) == "redis" else "/tmp") in mounts  # noqa: S108 -- a path in a container


@overlays
def test_only_the_workers_get_a_token_of_the_cluster(overlay: str) -> None:
    with_token = {
        named(workload) for workload in workloads(overlay) if pod_of(workload)["automountServiceAccountToken"]
    }
    accounts = {named(obj): obj["automountServiceAccountToken"] for obj in of_kind(overlay, "ServiceAccount")}

    assert with_token == {"releases", "switches"}
    assert accounts == {"verdigris-web": False, "verdigris-worker": True}
    assert of_kind(overlay, "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding") == []


@overlays
def test_our_processes_are_started_as_by_the_procfile_and_the_compose_file(overlay: str) -> None:
    for workload in workloads(overlay):
        name, args = named(workload), container_of(workload)["args"]
        assert "command" not in container_of(workload), "the image's init would be left out"
        if name == "redis":
            assert args[: len(COMPOSE["redis"]["command"])] == COMPOSE["redis"]["command"]
            continue
        assert args == COMPOSE[name]["command"]
        assert args[:2] == procfile()[name][:2]
        assert options(procfile()[name]).get("--queues") == options(args).get("--queues")
        known = CliRunner().invoke(main, [args[1], "--help"]).output
        assert [option for option in options(args) if option not in known] == []


@overlays
def test_every_process_is_asked_whether_it_starts_lives_and_works(overlay: str) -> None:
    for workload in workloads(overlay):
        container = container_of(workload)
        probes = [container[f"{probe}Probe"] for probe in ("startup", "liveness", "readiness")]
        check = " ".join(COMPOSE[named(workload)]["healthcheck"]["test"])
        for probe in probes:
            if "exec" in probe and named(workload) != "redis":
                assert probe["exec"]["command"][-1] == check.removeprefix("CMD-SHELL ").replace("$$", "$")
        if "httpGet" in probes[-1]:
            port = next(one["containerPort"] for one in container["ports"] if one["name"] == "http")
            assert f":{port}{probes[-1]['httpGet']['path']}'" in check


@overlays
def test_an_outage_of_redis_of_two_minutes_ends_no_process_and_takes_none_from_its_service(
    overlay: str,
) -> None:
    for workload in workloads(overlay):
        if named(workload) != "redis":
            lives, works = (container_of(workload)[f"{probe}Probe"] for probe in ("liveness", "readiness"))
            if lives.get("httpGet", {}).get("path") != "/healthz":  # which does not ask Redis
                assert lives["periodSeconds"] * (lives["failureThreshold"] - 1) > 120
            if named(workload) == "web":
                assert works["periodSeconds"] * (works["failureThreshold"] - 1) > 120


@overlays
@pytest.mark.parametrize("name", ["web", "releases", "switches", "signals"])
def test_a_process_is_given_the_time_to_end_that_the_compose_file_gives(overlay: str, name: str) -> None:
    (workload,) = [one for one in workloads(overlay) if named(one) == name]

    assert pod_of(workload)["terminationGracePeriodSeconds"] == seconds(COMPOSE[name]["stop_grace_period"])


@overlays
def test_variables_are_known_and_secrets_only_named(overlay: str) -> None:
    literals = [
        obj for obj in of_kind(overlay, "ConfigMap") if named(obj).startswith("verdigris-environment")
    ]
    names = {name for obj in literals for name in obj["data"]}
    for workload in workloads(overlay):
        for variable in container_of(workload).get("env", []):
            names.add(variable["name"])
            if SECRET.search(variable["name"]):
                assert variable["valueFrom"]["secretKeyRef"], variable["name"]

    assert names - VARIABLES.keys() - OTHERS == set()
    assert not [name for obj in literals for name in obj["data"] if SECRET.search(name)]
    assert of_kind(overlay, "Secret") == []


@overlays
def test_every_secret_that_has_to_be_there_is_explained(overlay: str) -> None:
    explained = (DEPLOY / "README.md").read_text()
    for workload in workloads(overlay):
        container = container_of(workload)
        references = [
            one["valueFrom"]["secretKeyRef"] for one in container.get("env", []) if "valueFrom" in one
        ]
        references += [one["secretRef"] for one in container.get("envFrom", []) if "secretRef" in one]
        for reference in references:
            assert f"`{reference['name']}`" in explained
            assert f"`{reference.get('key', reference['name'])}`" in explained


@overlays
def test_the_configuration_is_one_and_a_change_of_it_starts_every_process_anew(overlay: str) -> None:
    (config,) = [obj for obj in of_kind(overlay, "ConfigMap") if "verdigris.yml" in obj["data"]]

    assert parse_config(config["data"]["verdigris.yml"], name="verdigris.yml").apps
    assert re.fullmatch(r"verdigris-\w{10}", named(config)), "named by its content"
    mounted = {
        named(workload): [
            one["configMap"]["name"] for one in pod_of(workload)["volumes"] if "configMap" in one
        ]
        for workload in workloads(overlay)
        if named(workload) in {"web", "releases", "switches", "signals"}
    }
    assert mounted == {name: [named(config)] for name in ("web", "releases", "switches", "signals")}


@overlays
def test_images_are_pinned_and_ours_is_named_in_one_place(overlay: str) -> None:
    entry = yaml.safe_load((DEPLOY / "overlays" / overlay / "kustomization.yml").read_text())["images"]
    (ours,) = [f"{one['newName']}:{one['newTag']}" for one in entry if one["name"] == "verdigris"]
    images = {named(workload): container_of(workload)["image"] for workload in workloads(overlay)}

    assert {images[name] for name in images if name != "redis"} == {ours}
    if "redis" in images:
        assert images["redis"] == COMPOSE["redis"]["image"]


def test_what_there_is_of_each_overlay() -> None:
    counts = {
        overlay: {named(one): one["spec"]["replicas"] for one in workloads(overlay)} for overlay in OVERLAYS
    }

    assert counts["single-node"] == {
        "web": 1,
        "releases": 1,
        "switches": 1,
        "signals": 1,
        "redis": 1,
        "flower": 1,
    }
    assert counts["production"] == {
        "web": 3,
        "releases": 4,
        "switches": 2,
        "signals": 1,
        "flower": 1,
    }
    assert sorted(OVERLAYS) == sorted(path.name for path in (DEPLOY / "overlays").iterdir())


@overlays
def test_a_disruption_takes_one_process_of_each_sort_and_never_holds_a_node_back(overlay: str) -> None:
    budgets = of_kind(overlay, "PodDisruptionBudget")
    for name in ("web", "releases", "switches", "signals"):
        (workload,) = [one for one in workloads(overlay) if named(one) == name]
        labels = workload["spec"]["template"]["metadata"]["labels"]
        (budget,) = [
            one for one in budgets if one["spec"]["selector"]["matchLabels"].items() <= labels.items()
        ]
        assert budget["spec"]["maxUnavailable"] == 1


def test_components_that_no_overlay_takes_fit_as_well(tmp_path: Path) -> None:
    # given an overlay with Redis on a volume, and Git over SSH
    components = ["components/redis", "components/git-ssh"]
    objects = write_kustomization(tmp_path, resources=["base"], components=components)

    assert [found for obj in objects for found in find_misfits(obj)] == []
    by_name = {named(obj): obj for obj in objects if obj["kind"] in {"Deployment", "StatefulSet"}}
    assert by_name["redis"]["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "data"
    for name in ("releases", "switches"):
        (git,) = [one for one in pod_of(by_name[name])["volumes"] if one["name"] == "git"]
        assert git["secret"]["defaultMode"] == 0o440
        assert any(one["name"] == "GIT_SSH_COMMAND" for one in container_of(by_name[name])["env"])
    assert not any(one["name"] == "git" for one in pod_of(by_name["web"])["volumes"])


def test_the_role_is_bound_to_the_workers_whatever_the_apps_namespace(tmp_path: Path) -> None:
    # given a kustomization of an app's namespace
    role, binding = write_kustomization(tmp_path, namespace="shop", resources=["app-role"])

    assert [found for obj in (role, binding) for found in find_misfits(obj)] == []
    assert [(obj["kind"], obj["metadata"]["namespace"]) for obj in (role, binding)] == [
        ("Role", "shop"),
        ("RoleBinding", "shop"),
    ]
    assert binding["roleRef"]["name"] == named(role)
    (subject,) = binding["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "verdigris-worker", "namespace": "verdigris"}
    workers = [one for one in workloads("production") if named(one) in {"releases", "switches"}]
    assert {pod_of(one)["serviceAccountName"] for one in workers} == {subject["name"]}


def test_the_role_says_nothing_twice_and_nothing_with_a_star() -> None:
    (role,) = [obj for obj in build("app-role") if obj["kind"] == "Role"]
    rights = [
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]

    assert len(set(rights)) == len(rights)
    assert not [right for right in rights if "*" in right]


@overlays
def test_user_and_folders_are_those_of_the_image(overlay: str) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for workload in workloads(overlay):
        if named(workload) in {"web", "releases", "switches"}:
            context = pod_of(workload)["securityContext"]
            mounts = [mount["mountPath"] for mount in container_of(workload)["volumeMounts"]]
            assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in dockerfile
            assert f"VERDIGRIS_CONFIG={mounts[0]}/verdigris.yml" in dockerfile
            if named(workload) not in {"web", "signals"}:
                assert f"VERDIGRIS_DATA={mounts[1]}\n" in dockerfile
