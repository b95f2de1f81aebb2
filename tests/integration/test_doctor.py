"""`verdigris doctor` on a sandbox and a real Redis, as they should be and broken in one way at a time.

What is broken is told in a line of its own with its fix, and nothing else changes.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator  # noqa: TC003 -- in the types of fixtures
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from click.testing import CliRunner

from cli.commands.processes import worker_arguments
from cli.main import main
from release.redis_access import connect
from sandbox.api.access import ADMIN
from sandbox.api.errors import ApiError
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.api.users import service_account
from sandbox.datastore import find_redis_server, find_valkey_server, start_redis
from tests.integration.line import Repo
from tests.integration.town import DEADLINE, TOKEN, Town
from tests.serving import answering, closed_port
from worker.checkup.workers import look_at_workers
from worker.roll_call import ROLL_CALL_SECONDS, call_roll

if TYPE_CHECKING:
    from aiohttp import web

    from release.redis_access import Client
    from sandbox.datastore import RunningRedis

pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_redis]

ROOT: Final = Path(__file__).parents[2]
WORKER: Final = service_account("verdigris", "verdigris-worker")
WORKER_TOKEN: Final = "worker-token"
CLAIMS: Final = base64.urlsafe_b64encode(b'{"exp": 1600000000}').decode().rstrip("=")
EXPIRED: Final = f"e30.{CLAIMS}.c2ln"
SECRET: Final = "a-secret-of-a-good-length"

Check = dict[str, str]


class Hospital(Town):
    """A town whose API server knows the workers' account, bound by the Role that we deliver in ``shop``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = ApiServer(self.store, self.node, {TOKEN: ADMIN, WORKER_TOKEN: WORKER})
        self.server.app.on_response_prepare.append(self._set_date)
        self.lead = timedelta(0)

    async def _set_date(self, _: web.Request, response: web.StreamResponse) -> None:
        """Its clock may be ahead of ours."""
        response.headers["Date"] = format_datetime(datetime.now(UTC) + self.lead, usegmt=True)

    def start(self) -> None:
        super().start()
        for namespace in ("shop", "unbound"):
            self.add_namespace(namespace)
        for name in ("role.yml", "role-binding.yml"):
            obj = yaml.safe_load((ROOT / "deploy" / "app-role" / name).read_text())
            obj["metadata"]["namespace"] = "shop"
            resource = f"{obj['kind'].lower()}s.rbac.authorization.k8s.io"
            self.call(lambda resource=resource, obj=obj: self.store.create(resource, obj))  # type: ignore[misc]

    @property
    def api(self) -> str:
        """The API server's address."""
        kubeconfig = yaml.safe_load((self.folder / "kubeconfig").read_text())
        address: str = kubeconfig["clusters"][0]["cluster"]["server"]
        return address.partition("/as/")[0]

    @contextmanager
    def without(self, path: str, *, status: int) -> Iterator[None]:
        """What stands below the path is not answered."""

        async def refuse(request: web.Request) -> ApiError | None:
            return ApiError(status, None, "not here") if path in request.path else None

        self.server.fault = refuse
        try:
            yield
        finally:
            self.server.fault = None


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    town = Hospital(tmp_path_factory.mktemp("hospital"))
    town.start()
    try:
        yield town
    finally:
        town.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RunningRedis]:
    with start_redis(tmp_path / "redis") as running:
        yield running


@dataclass
class Patient:
    """An installation, and the doctor's word on it. ``roll_call``: seconds for workers to answer in."""

    folder: Path
    environment: dict[str, str | None]
    apps: dict[str, dict[str, Any]]
    roll_call: float = 0.2

    @property
    def shop(self) -> dict[str, Any]:
        """The settings of its app."""
        return self.apps["shop"]

    def set_kubeconfig(self, **changes: Any) -> None:  # noqa: ANN401 -- parts of a kubeconfig
        """Change the kubeconfig of the workers: ``cluster`` or ``user``."""
        file = self.folder / "kubeconfig"
        document = yaml.safe_load(file.read_text())
        document["clusters"][0]["cluster"].update(changes.get("cluster", {}))
        if "user" in changes:
            document["users"][0]["user"] = changes["user"]
        file.write_text(yaml.safe_dump(document))

    def examine(self, *arguments: str) -> dict[str, Check]:
        """The lines by what they are about; the exit code fits them."""
        (self.folder / "verdigris.yml").write_text(json.dumps({"apps": self.apps}))
        result = CliRunner().invoke(main, ["doctor", "--json", *arguments], env=self.environment)
        assert not isinstance(result.exception, Exception), result.output
        checks: list[Check] = json.loads(result.stdout)["checks"]
        assert result.exit_code == (1 if any(one["grade"] == "failed" for one in checks) else 0)
        for secret in (SECRET, WORKER_TOKEN, EXPIRED, "hidden"):
            assert secret not in result.output
        worst = {"ok": 0, "warning": 1, "failed": 2}
        return {one["about"]: one for one in sorted(checks, key=lambda one: worst[one["grade"]])}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nobody changes it."""
    repo = Repo(tmp_path_factory.mktemp("repository"))
    repo.commit("v1-blue")
    repo.commit("not-ours")
    return repo.bare


@pytest.fixture
def patient(
    hospital: Hospital,
    redis: RunningRedis,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Patient:
    """All is as it should be, but that no worker runs; so nobody waits long for one to answer."""
    kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(kubeconfig, hospital.api, WORKER_TOKEN)
    document = yaml.safe_load(kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = hospital.api  # the token in the header alone
    kubeconfig.write_text(yaml.safe_dump(document))
    shop = {
        "repository": str(repository),
        "webhook": {"repository": "acme/shop", "secrets": [{"env": "HOOK_SECRET"}]},
        "namespace": "shop",
        "image": "registry.sandbox/shop:{tag}",
        "gateway": {"address": hospital.address, "host": "shop.example.com"},
        "values_by_color": {"blue": {"PASSWORD": {"env": "BLUE_PASSWORD"}}},
    }
    environment: dict[str, str | None] = {
        "VERDIGRIS_CONFIG": str(tmp_path / "verdigris.yml"),
        "VERDIGRIS_REDIS_URL": redis.url,
        "VERDIGRIS_DATA": str(tmp_path / "data"),
        "VERDIGRIS_SECRET_KEY": "k" * 40,
        "VERDIGRIS_PUBLIC_URL": "https://verdigris.example.com",
        "KUBECONFIG": str(kubeconfig),
        "HOOK_SECRET": SECRET,
        "BLUE_PASSWORD": SECRET,
    }
    made = Patient(tmp_path, environment, {"shop": shop})
    monkeypatch.setattr(
        "worker.checkup.datastore.look_at_workers",
        lambda url: look_at_workers(url, ask=partial(call_roll, seconds=made.roll_call)),
    )
    return made


@contextmanager
def workers(patient: Patient, *queues: str) -> Iterator[None]:
    """Real workers in processes of their own, once they take messages; and time to answer as ever."""
    (patient.folder / "verdigris.yml").write_text(json.dumps({"apps": patient.apps}))
    patient.roll_call = ROLL_CALL_SECONDS
    with ExitStack() as ended, ExitStack() as told_to_end:
        for log, process in [start_worker(patient, queue, ended, told_to_end) for queue in queues]:
            end, pause = time.monotonic() + DEADLINE, threading.Event()
            while " ready." not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                pause.wait(0.05)
        yield


def start_worker(
    patient: Patient, queue: str, ended: ExitStack, told_to_end: ExitStack
) -> tuple[Path, subprocess.Popen[bytes]]:
    """Its log and its process; all are told to end before the first is waited for."""
    log = patient.folder / f"{queue}.log"
    given = {name: value for name, value in patient.environment.items() if value}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", *worker_arguments(queue, queue)],
            cwd=ROOT,
            env={**os.environ, **given},
            stdout=file,
            stderr=file,
        )
    ended.callback(process.wait, DEADLINE)
    told_to_end.callback(process.terminate)
    return log, process


@contextmanager
def client_of(url: str) -> Iterator[Client]:
    client = connect(url, timeout=5)
    try:
        yield client
    finally:
        client.close()


def execute(client: Client, *command: str) -> None:
    """A command as one types it; redis-py has no type for this call."""
    client.execute_command(*command)  # type: ignore[no-untyped-call]


@pytest.fixture
def unheard_port() -> Iterator[int]:
    with closed_port() as port:
        yield port


def expect(check: Check, grade: str, found: str, fix: str) -> None:
    assert check["grade"] == grade, check
    assert found in check["found"]
    assert fix in check["fix"]


# As it should be


def test_a_good_installation_is_ok_in_every_line(patient: Patient, hospital: Hospital) -> None:
    with answering(200) as url, workers(patient, "releases", "switches"):
        checks = patient.examine("--url", url)

    assert {about for about, check in checks.items() if check["grade"] != "ok"} == set()
    assert {check["fix"] for check in checks.values()} == {""}
    assert checks["workers of releases"]["found"].startswith("1: releases@")
    assert checks["workers of switches"]["found"].startswith("1: switches@")
    assert "Kubernetes v1." in checks["cluster"]["found"]
    assert "in v1 (served: v1" in checks["istio"]["found"]
    assert checks["namespace shop"]["found"] == "our rights are bound in it"
    assert checks["rights in shop"]["found"] == "all that the stages need"
    assert "127.0.0.1 answers" in checks[f"gateway {hospital.address}"]["found"]
    assert "1 of 2 tags name a color" in checks[f"repository {patient.shop['repository']}"]["found"]
    assert "acme/shop/settings/hooks" in checks["webhook of shop"]["found"]
    assert "Redis" in checks["clocks"]["found"]
    assert "cluster" in checks["clocks"]["found"]


@pytest.mark.parametrize("find", [find_redis_server, find_valkey_server], ids=["Redis", "Valkey"])
def test_redis_and_valkey_are_called_by_their_names(
    patient: Patient, tmp_path: Path, find: Callable[[], Path]
) -> None:
    with start_redis(tmp_path / "other", server=find()) as other:
        patient.environment["VERDIGRIS_REDIS_URL"] = other.url
        checks = patient.examine()

    check = checks[f"redis 127.0.0.1:{other.port}/0"]
    assert check["grade"] == "ok"
    # where no redis-server is installed, both are Valkey
    assert check["found"].startswith("Valkey " if find() == find_valkey_server() else "Redis ")


# Redis


def test_a_redis_that_forgets_is_told_with_the_commands_against_it(
    patient: Patient, redis: RunningRedis
) -> None:
    with client_of(redis.url) as client:
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "allkeys-lru")

    checks = patient.examine()

    cli = f"`redis-cli -h 127.0.0.1 -p {redis.port} CONFIG SET"
    expect(checks["redis append-only file"], "failed", "off", f"{cli} appendonly yes`")
    expect(checks["redis maxmemory-policy"], "failed", "allkeys-lru", f"{cli} maxmemory-policy noeviction`")


def test_the_fix_that_is_told_mends_it(patient: Patient, redis: RunningRedis) -> None:
    with client_of(redis.url) as client:
        client.config_set("appendfsync", "everysec")
        before = patient.examine()["redis appendfsync"]
        expect(before, "warning", "up to a second", "CONFIG SET appendfsync always")
        command = before["fix"].split("`")[1].split()
        assert command[0] == "redis-cli"
        execute(client, *command[5:])

    assert patient.examine()["redis appendfsync"]["grade"] == "ok"


def test_a_managed_redis_without_config_and_scripts_is_told_line_by_line(
    patient: Patient, redis: RunningRedis
) -> None:
    with client_of(redis.url) as client:
        rules = ["allkeys", "allchannels", "+@all", "-config", "-@scripting"]
        execute(client, "ACL", "SETUSER", "app", "on", ">hidden-password", *rules)
    patient.environment["VERDIGRIS_REDIS_URL"] = redis.url.replace("//", "//app:hidden-password@")

    checks = patient.examine()

    # then what INFO tells is judged, what it doesn't is not failed for it
    assert checks["redis append-only file"]["grade"] == "ok"
    assert checks["redis maxmemory-policy"]["grade"] == "ok"
    expect(checks["redis appendfsync"], "warning", "could not be looked at", "`appendfsync always`")
    expect(checks["redis scripts"], "failed", "refused", "+@scripting")
    assert checks["redis writes"]["grade"] == "ok"


def test_an_account_that_may_not_write_is_told(patient: Patient, redis: RunningRedis) -> None:
    with client_of(redis.url) as client:
        rules = ["allkeys", "allchannels", "+@all", "-set"]
        execute(client, "ACL", "SETUSER", "app", "on", ">hidden-password", *rules)
    patient.environment["VERDIGRIS_REDIS_URL"] = redis.url.replace("//", "//app:hidden-password@")

    expect(patient.examine()["redis writes"], "failed", "'set'", "ACL SETUSER")


def test_a_replica_is_told_with_its_master(patient: Patient, redis: RunningRedis, tmp_path: Path) -> None:
    with start_redis(tmp_path / "replica") as replica, client_of(replica.url) as client:
        client.replicaof("127.0.0.1", str(redis.port))
        patient.environment["VERDIGRIS_REDIS_URL"] = replica.url
        checks = patient.examine()

    master = f"127.0.0.1:{redis.port}"
    expect(checks["redis role"], "failed", f"a replica of {master}", f"VERDIGRIS_REDIS_URL: {master}")
    expect(checks["redis writes"], "failed", "read only replica", "name the master")


def test_a_full_redis_is_told(patient: Patient, redis: RunningRedis) -> None:
    with client_of(redis.url) as client:
        client.config_set("maxmemory", "1mb")

        expect(patient.examine()["redis writes"], "failed", "maxmemory", "more memory")


def test_a_password_that_redis_does_not_take_is_told(patient: Patient, redis: RunningRedis) -> None:
    with client_of(redis.url) as client:
        client.config_set("requirepass", "hidden-password")
    patient.environment["VERDIGRIS_REDIS_URL"] = redis.url.replace("//", "//:hidden-wrong@")

    checks = patient.examine()

    expect(checks[f"redis 127.0.0.1:{redis.port}/0"], "failed", "", "correct user and password")


def test_without_redis_everything_else_is_looked_at(patient: Patient, unheard_port: int) -> None:
    patient.environment["VERDIGRIS_REDIS_URL"] = f"redis://127.0.0.1:{unheard_port}/0"

    checks = patient.examine()

    expect(checks[f"redis 127.0.0.1:{unheard_port}/0"], "failed", "refused", "`redis-server --appendonly yes")
    expect(checks["workers of switches"], "warning", "Redis is away", "mend Redis first")
    assert checks["rights in shop"]["grade"] == "ok"
    assert checks[f"repository {patient.shop['repository']}"]["grade"] == "ok"


# Workers


def test_a_queue_that_no_worker_serves_is_told_with_the_command_to_start_one(patient: Patient) -> None:
    with workers(patient, "releases"):
        checks = patient.examine()

    assert checks["workers of releases"]["grade"] == "ok"
    expect(
        checks["workers of switches"],
        "failed",
        "promote, rollback and decommission wait",
        "`verdigris worker --queues switches`",
    )


# The web process


def test_a_web_process_that_is_not_ready_is_told(patient: Patient) -> None:
    with answering(503) as url:
        checks = patient.examine("--url", url)

    expect(checks[f"web process {url}"], "failed", "not ready", "VERDIGRIS_REDIS_URL")


# Clusters


def test_a_namespace_without_the_role_is_told_with_the_command_that_binds_it(patient: Patient) -> None:
    patient.shop["namespace"] = "unbound"

    check = patient.examine()["namespace unbound"]

    expect(check, "failed", "no right there", "`kubectl apply -k deploy/app-role -n unbound`")


def test_a_namespace_that_is_missing_is_told_where_that_can_be_seen(
    patient: Patient, hospital: Hospital
) -> None:
    patient.environment["KUBECONFIG"] = str(hospital.folder / "kubeconfig")
    patient.shop["namespace"] = "nowhere"

    check = patient.examine()["namespace nowhere"]

    expect(check, "failed", "does not exist; shop can't be released", "`kubectl create namespace nowhere`")


def test_a_right_that_is_missing_is_named(patient: Patient, hospital: Hospital) -> None:
    roles = "roles.rbac.authorization.k8s.io"
    whole = hospital.call(lambda: hospital.store.get(roles, "shop", "verdigris"))
    rules = [rule for rule in whole["rules"] if "deployments" not in rule["resources"]]
    hospital.call(lambda: hospital.store.update(roles, {**whole, "rules": rules}, check_version=False))
    try:
        check = patient.examine()["rights in shop"]
    finally:
        hospital.call(lambda: hospital.store.update(roles, whole, check_version=False))

    expect(check, "failed", "delete deployments.apps", "`kubectl apply -k deploy/app-role -n shop`")


def test_a_cluster_without_istio_is_told(patient: Patient, hospital: Hospital) -> None:
    with hospital.without("/networking.istio.io", status=404):
        checks = patient.examine()

    expect(checks["istio"], "failed", "custom resources are not installed", "istioctl install")
    assert checks["cluster"]["grade"] == "ok"


def test_a_control_plane_without_a_pod_is_told(patient: Patient, hospital: Hospital) -> None:
    patient.environment["KUBECONFIG"] = str(hospital.folder / "kubeconfig")

    check = patient.examine()["istio control plane"]

    expect(check, "warning", "no istiod in istio-system", "--selector app=istiod")


def test_an_api_server_that_is_away_is_told_with_what_was_left_out(
    patient: Patient, unheard_port: int
) -> None:
    patient.set_kubeconfig(cluster={"server": f"http://127.0.0.1:{unheard_port}"})

    checks = patient.examine()

    expect(checks["cluster"], "failed", "not looked at: shop", "`kubectl get --raw /version`")
    assert "namespace shop" not in checks


def test_an_api_server_that_speaks_no_tls_is_told(patient: Patient, hospital: Hospital) -> None:
    patient.set_kubeconfig(cluster={"server": hospital.api.replace("http://", "https://")})

    expect(patient.examine()["cluster"], "failed", "SSL", "https or http?")


def test_a_token_that_expired_is_told_with_the_time(patient: Patient, hospital: Hospital) -> None:
    patient.set_kubeconfig(user={"token": EXPIRED})

    check = patient.examine()["cluster"]

    expect(check, "failed", "the token expired at 2020-09-13 12:26 UTC", "create token verdigris-worker")
    assert hospital.api.partition("//")[2] in check["found"]


def test_a_credential_plugin_that_is_missing_is_told_by_its_name(patient: Patient) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin"}
    patient.set_kubeconfig(user={"exec": plugin})

    expect(patient.examine()["cluster"], "failed", "no-such-plugin", "users[].user.exec")


def test_a_context_that_is_not_in_the_kubeconfig_is_told_by_its_name(patient: Patient) -> None:
    patient.shop["context"] = "production"

    checks = patient.examine()

    expect(checks["cluster production"], "failed", "production", "config get-contexts")


def test_a_cluster_whose_clock_is_wrong_is_told(patient: Patient, hospital: Hospital) -> None:
    hospital.lead = timedelta(seconds=90)
    try:
        check = patient.examine()["clocks"]
    finally:
        hospital.lead = timedelta(0)

    expect(check, "warning", "cluster are 9", "timedatectl set-ntp true")


# Gateway, Git, webhook


def test_a_gateway_where_nobody_listens_is_told(patient: Patient, unheard_port: int) -> None:
    patient.shop["gateway"]["address"] = f"http://127.0.0.1:{unheard_port}"

    check = patient.examine()[f"gateway http://127.0.0.1:{unheard_port}"]

    expect(check, "failed", "Connection refused", "while EXTERNAL-IP is <pending>")


def test_a_gateway_whose_name_nobody_knows_is_told(patient: Patient) -> None:
    patient.shop["gateway"]["address"] = "http://gateway.invalid"

    check = patient.examine()["gateway http://gateway.invalid"]

    expect(check, "failed", "no DNS entry for gateway.invalid", "correct apps.shop.gateway.address")


def test_a_repository_that_is_not_there_is_told(patient: Patient) -> None:
    patient.shop["repository"] = "/nowhere/shop.git"

    check = patient.examine()["repository /nowhere/shop.git"]

    expect(check, "failed", "does not appear to be a git repository", "correct apps.shop.repository")


def test_a_repository_that_asks_for_a_password_is_told_without_asking(patient: Patient) -> None:
    with answering(401, {"WWW-Authenticate": 'Basic realm="git"'}) as address:
        patient.shop["repository"] = f"{address}/shop.git"
        check = patient.examine()[f"repository {address}/shop.git"]

    expect(check, "failed", "could not read Username", "a deploy key")


def test_a_webhooks_secret_that_is_short_is_told(patient: Patient) -> None:
    patient.environment["HOOK_SECRET"] = "short"

    check = patient.examine()["webhook of shop"]

    expect(check, "failed", "fewer than 16 characters", "`export HOOK_SECRET=$(openssl rand -hex 32)`")


# Many apps


def test_one_app_may_be_looked_at_alone(patient: Patient, unheard_port: int) -> None:
    broken = {**patient.shop, "namespace": "unbound"}
    broken["gateway"] = {"address": f"http://127.0.0.1:{unheard_port}"}
    patient.apps["blog"] = broken

    checks = patient.examine("--app", "shop")

    assert [about for about in checks if "unbound" in about or str(unheard_port) in about] == []
    assert checks["rights in shop"]["grade"] == "ok"


def test_two_hundred_apps_are_looked_at_in_seconds(patient: Patient, unheard_port: int) -> None:
    # given apps with a namespace, gateway and repository of their own each, most of them out of reach
    with ExitStack() as held:
        deaf = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=200))
        silent = deaf.getsockname()[1]
        for number in range(200):
            port = silent if number < 20 else unheard_port
            patient.apps[f"app-{number}"] = {
                **patient.shop,
                "namespace": f"team-{number}",
                "repository": f"/nowhere/{number}.git",
                "gateway": {"address": f"http://127.0.0.{number + 1}:{port}"},
            }
        started = time.monotonic()
        checks = patient.examine()
        took = time.monotonic() - started

    assert len([about for about in checks if about.startswith("namespace team-")]) == 200
    assert len([about for about in checks if about.startswith("repository /nowhere/")]) == 200
    assert checks["rights in shop"]["grade"] == "ok"
    assert took < 60
