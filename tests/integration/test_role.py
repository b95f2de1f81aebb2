"""The workers' Role is exact: the whole life of releases needs every rule of it, and nothing else.

The folder ``deploy/app-role`` is applied with the real kubectl, as a person does it, and every stage runs as
the service account that it binds.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator  # noqa: TC003 -- in a type that stands in the module
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cli.demo.account import read_account
from cluster import objects
from cluster.connection import Cluster
from cluster.errors import Forbidden
from release.clock import utc_now
from release.model import Stage
from sandbox.api.access import ADMIN
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.api.usage import Usage
from sandbox.api.users import service_account
from sandbox.main import USAGE_FILE, kubeconfig_of
from tasks.direct import find_way_back, roll_back
from tasks.execution import look_at_app
from tests.integration.line import ANNA, DEADLINE, Line
from tests.integration.town import TOKEN, Town

if TYPE_CHECKING:
    from release.model import Release

pytestmark = pytest.mark.needs_envoy

ROLE_FOLDER = Path(__file__).parents[2] / "deploy" / "app-role"
KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or ""
WORKER = service_account("verdigris", "verdigris-worker")
WORKER_TOKEN = "worker-token"

# A WebSocket asks for `get` up to Kubernetes 1.34, and from 1.35 on for `create`.
UNUSED_BY_SOME = {("get", "", "pods/exec"), ("create", "", "pods/exec")}

QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "room"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "stringData": {"DATABASE": "shop"}}
CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: shop-texts}, data: {greeting: hello}}"

POD = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "{{ image }}", "command": ["true"]}]}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "migrate"},
    "spec": {"template": {"spec": POD}},
}

Permission = tuple[str, str, str]


class GuardedTown(Town):
    """A town whose API server knows a second user: the workers' service account."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.usage = Usage()
        tokens = {TOKEN: ADMIN, WORKER_TOKEN: WORKER}
        self.server = ApiServer(self.store, self.node, tokens, usage=self.usage)

    def start(self) -> None:
        super().start()
        address = yaml.safe_load((self.folder / "kubeconfig").read_text())["clusters"][0]["cluster"]["server"]
        write_kubeconfig(self.folder / "worker", address.partition("/as/")[0], WORKER_TOKEN)

    def connect_worker(self) -> Cluster:
        return Cluster.connect(self.folder / "worker")

    def kubectl(self, *arguments: str) -> str:
        command = [KUBECTL, "--kubeconfig", str(self.folder / "kubeconfig"), *arguments]
        command += ["--cache-dir", str(self.folder / "cache")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GuardedTown]:
    town = GuardedTown(tmp_path)
    town.start()
    try:
        yield town
    finally:
        town.stop()


@pytest.fixture
def line(guarded: GuardedTown, tmp_path: Path) -> Iterator[Line]:
    """A line whose stages run as the workers' account, bound by nothing but the Role."""
    smoke = {"commands": [["true"]], "deadline": 5}
    app: dict[str, Any] = {"migrate": [["true"]], "smoke": smoke, "take_over": ["kubectl-edit"]}
    made = Line(guarded, tmp_path / "line", values={"env_from": True}, **app)
    made.around = replace(made.around, connect=lambda _: guarded.connect_worker())
    guarded.kubectl("apply", "-k", str(ROLE_FOLDER), "-n", made.namespace)
    made.create({**QUOTA, "spec": {"hard": {"pods": "9"}}})
    for color in ("blue", "green"):
        made.create({**SECRET, "metadata": {"name": f"env-{color}"}})
    yield made
    made.close()


def granted() -> set[Permission]:
    """Every permission that the Role gives, one by one."""
    role: dict[str, Any] = yaml.safe_load((ROLE_FOLDER / "role.yml").read_text())
    return {
        (verb, group, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def asked_for(town: GuardedTown, *, allowed: bool) -> set[Permission]:
    """What the workers' account did, or was refused."""
    mine = [use for use in town.usage.uses() if use.user == WORKER.name and use.allowed is allowed]
    return {(use.verb, use.group, use.resource) for use in mine}


def ready_for_promote(line: Line) -> Release:
    """Users are on green; blue, with a ConfigMap of its own, has been migrated and tested."""
    line.go_live("v1-green")
    files = line.default_manifests()
    files["manifests/service.yml"] += f"\n---\n{CONFIG_MAP}\n"
    ready = line.deploy("v2-blue", files=files)
    assert ready.state == "ready", line.told(ready)
    return ready


def switch_forth_and_back(line: Line, release: Release) -> None:
    """Blue's replicas are an autoscaler's, so that its minimum is raised for the switch."""
    line.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "shop-blue"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-blue"},
                "minReplicas": 1,
                "maxReplicas": 3,
            },
        }
    )
    line.edit("Deployment", {"spec": {"replicas": 2}}, "green")
    line.edit("Deployment", {"spec": {"replicas": 2}}, "blue")
    for ask in (line.promote, line.rollback, partial(line.promote, release.id)):
        job = ask()
        assert job.state == "done", job.problem


def roll_back_directly(line: Line, guarded: GuardedTown) -> None:
    """As from a worker's shell with Redis gone: no more rights than the stages have."""
    way = find_way_back(
        "shop",
        line.config.apps["shop"],
        guarded.connect_worker(),
        actor=ANNA,
        reason="errors",
        tell=lambda _: None,
        clock=utc_now,
    )
    assert roll_back(way), "it is proved through the gateway"
    line.expect("v1-green")


def lose_a_deploy(line: Line) -> None:
    """A worker is lost in mid-deploy; who takes over stamps its fence, then finds that the app crashes."""
    broken = line.push("v3-blue", crash=3)
    line.run(until=Stage.DEPLOY)
    offer = line.sent.offers.pop()
    assert line.queue.claim(offer.job_id, index=offer.index, fence=offer.fence, owner="lost")
    line.sent.send(line.lose())
    line.run()
    assert line.state(broken) == "failed"


def migrate_by_a_job(line: Line) -> None:
    """The color that is free is deployed once more, by an app whose migration is a Job."""
    line.reconfigure(migrate=[], migrate_job="migrate.yml")
    files = {**line.default_manifests(), "manifests/migrate.yml": yaml.safe_dump(JOB)}
    release = line.deploy("v4-blue", files=files)
    assert release.state == "ready", line.told(release)


def test_the_whole_life_of_releases_needs_the_whole_role_and_nothing_else(
    line: Line, guarded: GuardedTown
) -> None:
    switch_forth_and_back(line, ready_for_promote(line))
    roll_back_directly(line, guarded)
    lose_a_deploy(line)
    migrate_by_a_job(line)
    assert line.decommission().state == "done"
    observation = look_at_app(line.around, "shop")
    assert observation.problem == ""

    assert asked_for(guarded, allowed=False) == set()
    unused = granted() - asked_for(guarded, allowed=True)
    assert unused - UNUSED_BY_SOME == set(), "rules that nothing needs"


def test_without_the_role_nothing_is_allowed_and_the_refusal_names_account_verb_and_namespace(
    line: Line, guarded: GuardedTown
) -> None:
    guarded.kubectl("delete", "rolebinding", "verdigris", "-n", line.namespace)

    observation = look_at_app(line.around, "shop")

    assert f'User "{WORKER.name}" cannot' in observation.problem
    assert line.namespace in observation.problem


def test_a_sandbox_that_is_told_an_account_lets_it_do_what_its_role_says_from_the_start(
    tmp_path: Path,
) -> None:
    # given a sandbox with the Role as the demo gives it
    account = read_account("shop")
    (tmp_path / "objects.yml").write_text(account.as_yaml())
    options = ["--namespace", "shop", "--objects", str(tmp_path / "objects.yml"), "--account", account.path]
    with sandbox(tmp_path / "sandbox", *options) as directory:
        worker = Cluster.connect(kubeconfig_of(directory, account.path))
        # then its account may do that, and nothing else
        assert objects.list_objects(worker, "Pod", "shop")[0] == []
        with pytest.raises(Forbidden, match='cannot list resource "secrets"'):
            objects.list_objects(worker, "Secret", "shop")
        # and both are written down
        told = {(use.verb, use.resource, use.allowed) for use in account.uses(directory / USAGE_FILE)}
        assert told == {("list", "pods", True), ("list", "secrets", False)}
        administrator = Cluster.connect(directory / "kubeconfig")
        assert objects.list_objects(administrator, "Secret", "shop")[0] == []


@contextmanager
def sandbox(directory: Path, *options: str) -> Iterator[Path]:
    """A sandbox in a process of its own, until the block ends."""
    command = [sys.executable, "-m", "sandbox", "--directory", str(directory), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline().startswith("kubeconfig "), "it says where it is once it is ready"
        yield directory
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE)
