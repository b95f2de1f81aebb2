"""A sandbox without its API server, and the repository of a small app: what integration tests play on.

Tests write objects into the store as the API server would.
"""

import asyncio
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest
import yaml

from sandbox.controllers import Controllers
from sandbox.images import Images
from sandbox.node import ExecOutcome, Node
from sandbox.store import Event, EventType, Json, Object, Store

DEADLINE = 30.0
TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts.jsonl"
NAMESPACE = "shop"
DEPLOYMENTS, REPLICASETS, PODS = "deployments.apps", "replicasets.apps", "pods"
SLICES = "endpointslices.discovery.k8s.io"

APP = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

mode = os.environ.get("MODE", "")
ready = True
print("pid", os.getpid(), flush=True)
if mode == "crash":
    sys.exit("boom: cannot open config")
if mode == "done":
    sys.exit(0)
if mode == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "tell":
    def tell(number, frame):
        print("hook ran" if os.path.exists(os.environ["HOOK"]) else "no hook", flush=True)
        os._exit(0)
    signal.signal(signal.SIGTERM, tell)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global ready
        if self.path == "/break":
            ready = False
        self.send_response(200 if ready or self.path != "/ready" else 503)
        self.end_headers()
        self.wfile.write(open("VERSION").read().encode())

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

T = TypeVar("T")


class Repository:
    """An app's repository: `release` commits a version and tags it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet")
        (folder / "app.py").write_text(APP)

    def release(self, tag: str) -> None:
        (self.folder / "VERSION").write_text(tag)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", tag)
        self.git("tag", "--force", tag)

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", *identity, *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, env=env)


class Cluster:
    """Store, controllers and node, and a way to wait for what they do."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "repository")
        self.repository.release("v1")
        source = {"repository": str(folder / "repository" / ".git"), "command": ["python3", "-S", "app.py"]}
        file = folder / "images.yaml"
        file.write_text(yaml.safe_dump({"images": [{"name": "registry.sandbox/shop", **source}]}))
        self.store = Store()
        self.events: list[Event] = []
        self.node = Node(self.store, Images(file, folder / "sandbox"), folder / "sandbox")
        self.controllers = Controllers(self.store)
        self._news = asyncio.Event()
        self.store.subscribe(self._hear)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, condition: Callable[[], T | None]) -> T:
        """What the condition gives as soon as that is something; asked again after every write."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not (found := condition()):
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError:
            pods = json.dumps([pod.get("status") for pod in self.store.list(PODS)], indent=1)
            pytest.fail(f"nothing of the kind in {DEADLINE:.0f} s; pods: {pods}")

    def deployment(self, name: str = "shop-green") -> Object:
        return self.store.get(DEPLOYMENTS, NAMESPACE, name)

    def messages(self, reason: str) -> list[str]:
        return [event["message"] for event in self.store.list("events") if event["reason"] == reason]

    def pods(self) -> list[Object]:
        return self.store.list(PODS, NAMESPACE)

    def find_ready(self, count: int = 1) -> list[Object] | None:
        ready = [pod for pod in self.pods() if is_ready(pod) and not is_deleting(pod)]
        return ready if len(ready) == count else None

    def find_waiting(self, reason: str) -> Object | None:
        for pod in self.pods():
            for status in pod["status"].get("containerStatuses", ()):
                if status["state"].get("waiting", {}).get("reason") == reason:
                    return pod
        return None

    def change(self, change: Callable[[Object], None], resource: str = DEPLOYMENTS) -> None:
        obj = self.store.list(resource, NAMESPACE)[0]
        change(obj)
        self.store.update(resource, obj)

    def delete(self, resource: str, name: str, *, foreground: bool = False, grace: int = 0) -> None:
        """What the API server does for a DELETE."""
        obj = self.store.get(resource, NAMESPACE, name)
        obj["metadata"]["deletionTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        obj["metadata"]["deletionGracePeriodSeconds"] = grace
        if foreground:
            obj["metadata"]["finalizers"] = ["foregroundDeletion"]
        self.store.update(resource, obj)

    def log(self, pod: Object, *, previous: bool = False) -> str:
        name = pod["metadata"]["name"]
        return self.node.log(NAMESPACE, name, "app", previous=previous, tail_lines=None).decode()

    def pid(self, pod: Object) -> int:
        return int(self.log(pod).split()[1])

    async def execute(self, pod: Object, *command: str) -> tuple[ExecOutcome, dict[int, bytes]]:
        written = {1: b"", 2: b""}

        async def write(stream: int, part: bytes) -> None:
            written[stream] += part

        name = pod["metadata"]["name"]
        async with asyncio.timeout(DEADLINE):
            return await self.node.execute(NAMESPACE, name, "app", command, write), written


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    made = Cluster(folder)
    await made.node.start()
    await made.controllers.start()
    try:
        yield made
    finally:
        await made.controllers.stop()
        await made.node.stop()


def is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def is_deleting(obj: Object) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_until_gone(pid: int) -> None:
    """In a thread of its own: `asyncio.to_thread(wait_until_gone, pid)`."""
    end, pause = time.monotonic() + DEADLINE, threading.Event()
    while is_running(pid):
        if time.monotonic() > end:
            pytest.fail(f"process {pid} is still there after {DEADLINE:.0f} s")
        pause.wait(0.02)


def build_deployment(*, mode: str = "", replicas: int = 1, image: str = "v1", **container: Json) -> Object:
    env = [{"name": "COLOR", "value": "green"}, {"name": "MODE", "value": mode}]
    app = {
        "name": "app",
        "image": image if " " in image else f"registry.sandbox/shop:{image}",
        "imagePullPolicy": "IfNotPresent",
        "env": env,
        "ports": [{"containerPort": 3000, "name": "http"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 3000}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop-green", "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "shop"}},
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "template": {
                "metadata": {"labels": {"app": "shop", "color": "green"}},
                "spec": {"terminationGracePeriodSeconds": 5, "containers": [app | container]},
            },
        },
        "status": {},
    }


def build_service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop", "namespace": NAMESPACE, "labels": {"app": "myapp"}},
        "spec": {
            "selector": {"app": "shop"},
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 3000}],
        },
    }


def use_image(deployment: Object, tag: str) -> None:
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = f"registry.sandbox/shop:{tag}"


def recorded(name: str) -> Object:
    with TRANSCRIPTS.open() as lines:
        found: Object = next(entry for entry in map(json.loads, lines) if entry["name"] == name)
    return found


def comparable(value: Json) -> Json:
    """The value without what differs from run to run: times, names of ReplicaSets."""
    if isinstance(value, dict):
        times = {"lastUpdateTime", "lastTransitionTime"}
        return {key: comparable(item) for key, item in value.items() if key not in times}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, str):
        return re.sub(r'"[a-z]+-[a-z]+-[a-z0-9]+(-[a-z0-9]+)?"', '"NAME"', value)
    return value


def run(scenario: Coroutine[None, None, None]) -> None:
    asyncio.run(scenario)


def ready_endpoints(it: Cluster) -> list[Object]:
    endpoints = [endpoint for found in it.store.list(SLICES) for endpoint in found["endpoints"]]
    return [endpoint for endpoint in endpoints if endpoint["conditions"]["ready"]]


def is_gone(it: Cluster, resource: str, obj: Object) -> bool:
    return any(
        event.type is EventType.DELETED and event.object["metadata"]["uid"] == obj["metadata"]["uid"]
        for event in it.events
        if event.resource == resource
    )


def restarted(it: Cluster, times: int) -> Object | None:
    for pod in it.pods():
        if any(status["restartCount"] >= times for status in pod["status"].get("containerStatuses", ())):
            return pod
    return None


async def ask(pod: Object, path: str) -> str:
    port = pod["metadata"]["annotations"]["sandbox.verdigris.dev/port"]
    async with aiohttp.request("GET", f"http://127.0.0.1:{port}{path}") as response:
        return await response.text()
