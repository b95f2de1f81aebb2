import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from kubernetes import client, config, stream

pytestmark = pytest.mark.needs_envoy

Object = dict[str, Any]
DEADLINE = 30.0
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
COOKIE = r"^(.*?;\s*)?(test=true)(;.*)?$"

APP = """
import http.server, os, pathlib

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = pathlib.Path("VERSION").read_text().strip().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Ask again and again, for at most the deadline."""
    end = time.monotonic() + DEADLINE
    pause = threading.Event()
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {DEADLINE:.0f} s: {what}")
        pause.wait(0.05)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def make_repository(folder: Path) -> Path:
    """A bare repository of a tiny app with the tags v1-green and v2-blue."""
    tree = folder / "tree"
    tree.mkdir()
    git(tree, "init")
    (tree / "app.py").write_text(APP)
    for tag in ("v1-green", "v2-blue"):
        (tree / "VERSION").write_text(f"{tag}\n")
        git(tree, "add", ".")
        git(tree, "commit", "-m", tag)
        git(tree, "tag", tag)
    git(folder, "clone", "--bare", str(tree), str(folder / "shop.git"))
    return folder / "shop.git"


def deployment(color: str, tag: str) -> Object:
    labels = {"app": "shop", "color": color}
    container = {
        "name": "shop",
        "image": f"registry.sandbox/shop:{tag}",
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"shop-{color}", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shop"},
    "spec": {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}


def istio(kind: str, name: str, spec: Object) -> Object:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


GATEWAY = istio(
    "Gateway",
    "shop",
    {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
)
RULE = istio(
    "DestinationRule",
    "shop",
    {
        "host": "shop",
        "subsets": [{"name": color, "labels": {"color": color}} for color in ("blue", "green")],
    },
)
ROUTE = istio(
    "VirtualService",
    "shop",
    {
        "hosts": ["*"],
        "gateways": ["shop"],
        "http": [
            {
                "name": "shop-test",
                "match": [{"headers": {"cookie": {"regex": COOKIE}}}],
                "route": [{"destination": {"host": "shop", "subset": "blue"}}],
                "retries": {"attempts": 0},
            },
            {"name": "shop-default", "route": [{"destination": {"host": "shop", "subset": "green"}}]},
        ],
    },
)


@dataclass
class Cluster:
    """A running sandbox, seen through the official client."""

    process: subprocess.Popen[str]
    directory: Path
    gateway: str
    api: client.ApiClient
    apps: Any = field(init=False)
    core: Any = field(init=False)
    custom: Any = field(init=False)

    def __post_init__(self) -> None:
        self.apps = client.AppsV1Api(self.api)
        self.core = client.CoreV1Api(self.api)
        self.custom = client.CustomObjectsApi(self.api)

    def apply(self, *objects: Object) -> None:
        calls: dict[str, Callable[..., object]] = {
            "Deployment": self.apps.patch_namespaced_deployment,
            "Service": self.core.patch_namespaced_service,
            "Gateway": partial(self.patch_istio, "gateways"),
            "DestinationRule": partial(self.patch_istio, "destinationrules"),
            "VirtualService": partial(self.patch_istio, "virtualservices"),
        }
        for obj in objects:
            name = obj["metadata"]["name"]
            calls[obj["kind"]](name, "shop", obj, field_manager="test", _content_type=APPLY)

    def patch_istio(self, plural: str, name: str, namespace: str, body: object, **options: str) -> object:
        return self.custom.patch_namespaced_custom_object(
            "networking.istio.io", "v1", namespace, plural, name, body, **options
        )

    def switch(self, subset: str) -> None:
        path = "/spec/http/1/route/0/destination/subset"
        patch = [{"op": "replace", "path": path, "value": subset}]
        self.patch_istio("virtualservices", "shop", "shop", patch, _content_type=JSON_PATCH)

    def is_available(self, color: str) -> bool:
        status = self.apps.read_namespaced_deployment(f"shop-{color}", "shop").status
        return bool(status.available_replicas == 1)

    def ask(self, cookie: str = "") -> tuple[int, str]:
        try:
            answer = requests.get(
                self.gateway, headers={"Cookie": cookie} if cookie else {}, timeout=DEADLINE
            )
        except requests.exceptions.ChunkedEncodingError:
            return 0, "cut off in the middle"
        return answer.status_code, answer.text

    def wait_for_answer(self, expected: tuple[int, str], cookie: str = "") -> None:
        wait_until(lambda: self.ask(cookie) == expected, f"{expected} for cookie {cookie!r}")


@contextmanager
def running_sandbox(folder: Path) -> Iterator[Cluster]:
    """`python -m sandbox` with the namespace shop and the image registry.sandbox/shop."""
    image = {
        "name": "registry.sandbox/shop",
        "repository": str(make_repository(folder)),
        "command": [sys.executable, "app.py"],
    }
    images = folder / "images.yml"
    images.write_text(yaml.safe_dump({"images": [image]}))
    directory = folder / "sandbox"
    command = [sys.executable, "-m", "sandbox", "--directory", str(directory), "--images", str(images)]
    log = folder / "sandbox.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [*command, "--namespace", "shop"], stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            wait_until(lambda: is_ready(process, directory), f"ready: {log.read_text()}")
            endpoints = json.loads((directory / "sandbox.json").read_text())
            connect: Any = config.new_client_from_config  # the client's own annotations stop here
            with connect(endpoints["kubeconfig"]) as api:
                yield Cluster(process, directory, endpoints["gateway"], api)
        finally:
            process.terminate()
            process.wait(DEADLINE)


def is_ready(process: subprocess.Popen[str], directory: Path) -> bool:
    assert process.poll() is None, "the sandbox ended before it was ready"
    announced = directory / "sandbox.json"
    return announced.exists() and json.loads(announced.read_text())["pid"] == process.pid


@contextmanager
def deployed_shop(folder: Path) -> Iterator[Cluster]:
    """The same with both colors available and routed."""
    with running_sandbox(folder) as cluster:
        cluster.apply(SERVICE, deployment("green", "v1-green"), deployment("blue", "v2-blue"))
        for color in ("green", "blue"):
            wait_until(partial(cluster.is_available, color), f"{color} is available")
        cluster.apply(GATEWAY, RULE, ROUTE)
        cluster.wait_for_answer((200, "v1-green"))
        yield cluster


def family(root: int) -> set[int]:
    """A process and all of its descendants. Linux only."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we were looking
        parents[int(path.parent.name)] = int(fields[1])
    members = {root}
    while more := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= more
    return members


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


def test_a_release_is_tested_behind_the_cookie_switched_and_deleted(tmp_path: Path) -> None:
    with deployed_shop(tmp_path) as cluster:
        # the test cookie reaches blue, everybody else green
        cluster.wait_for_answer((200, "v2-blue"), cookie="a=1; test=true")
        assert cluster.ask() == (200, "v1-green")
        # a JSON patch of the default entry moves everybody
        cluster.switch("blue")
        cluster.wait_for_answer((200, "v2-blue"))
        # a deleted color answers 503 to whoever is still led to it
        cluster.apps.delete_namespaced_deployment("shop-blue", "shop")
        cluster.wait_for_answer((503, "no healthy upstream"))
        # and the way back is the other color
        cluster.switch("green")
        cluster.wait_for_answer((200, "v1-green"))
        wait_until(lambda: len(cluster.core.list_namespaced_pod("shop").items) == 1, "one pod is left")


def test_a_command_runs_in_a_pod_and_kubectl_sees_it(tmp_path: Path) -> None:
    with deployed_shop(tmp_path) as cluster:
        pod = cluster.core.list_namespaced_pod("shop", label_selector="color=blue").items[0].metadata.name
        command = ["cat", "VERSION"]
        connect = cluster.core.connect_get_namespaced_pod_exec
        # Not preloaded, and shut down by hand: websocket-client's close() does nothing after the server's.
        channel = stream.stream(connect, pod, "shop", command=command, stdout=True, _preload_content=False)
        try:
            channel.run_forever(timeout=DEADLINE)
            assert channel.read_stdout() == "v2-blue\n"
        finally:
            channel.sock.shutdown()
        kubectl = ["kubectl", "--kubeconfig", str(cluster.directory / "kubeconfig"), "-n", "shop"]
        found = subprocess.run(
            [Path(sys.executable).parent / kubectl[0], *kubectl[1:], "get", "pods", "--no-headers"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert [line.split()[1:3] for line in found.stdout.splitlines()] == [["1/1", "Running"]] * 2


def test_an_unknown_tag_leaves_the_live_color_alone(tmp_path: Path) -> None:
    with deployed_shop(tmp_path) as cluster:
        cluster.apply(deployment("blue", "v9-blue"))
        wait_until(partial(is_pull_failing, cluster), "the pull fails")
        assert cluster.ask() == (200, "v1-green")


def is_pull_failing(cluster: Cluster) -> bool:
    pods = cluster.core.list_namespaced_pod("shop", label_selector="color=blue").items
    waiting = [
        status.state.waiting
        for pod in pods
        for status in pod.status.container_statuses or []
        if status.state.waiting
    ]
    return any("not found" in (state.message or "") for state in waiting)


def test_the_token_is_in_the_kubeconfig_only_and_nobody_else_reads_it(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as cluster:
        kubeconfig = cluster.directory / "kubeconfig"
        assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
        token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
        assert len(token) >= 32
        assert token not in (cluster.directory / "sandbox.json").read_text()
        assert token not in (tmp_path / "sandbox.log").read_text()
        server = json.loads((cluster.directory / "sandbox.json").read_text())["api"]
        answer = requests.get(f"{server}/api/v1/namespaces", timeout=DEADLINE)
        assert answer.status_code in {401, 403}


def test_a_second_sandbox_in_the_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as cluster:
        command = [sys.executable, "-m", "sandbox", "--directory", str(cluster.directory)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert second.returncode == 1
        assert "Another sandbox runs in" in second.stderr.splitlines()[-1]
        assert (cluster.directory / "sandbox.json").exists()


@linux_only
def test_a_term_leaves_no_process_and_no_endpoints(tmp_path: Path) -> None:
    with deployed_shop(tmp_path) as cluster:
        members = family(cluster.process.pid)
        assert len(members) >= 4, "the sandbox, Envoy and two pods"
        cluster.process.send_signal(signal.SIGTERM)
        assert cluster.process.wait(DEADLINE) == 0
        wait_until(lambda: not any(map(is_alive, members)), "everything has ended")
        assert not (cluster.directory / "sandbox.json").exists()
        assert not (cluster.directory / "kubeconfig").exists()


@linux_only
def test_a_kill_leaves_no_process_either_and_the_next_sandbox_starts(tmp_path: Path) -> None:
    with deployed_shop(tmp_path) as cluster:
        members = family(cluster.process.pid)
        os.kill(cluster.process.pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, members)), "everything has been killed")
        directory = cluster.directory
    command = [sys.executable, "-m", "sandbox", "--directory", str(directory)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    ) as process:
        wait_until(lambda: is_ready(process, directory), "the next one is ready")
        process.terminate()
        assert process.wait(DEADLINE) == 0


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for option in ("--api-port", "--gateway-port"):
            command = [sys.executable, "-m", "sandbox", "--directory", str(tmp_path / option), option, port]
            refused = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
            assert refused.returncode == 1
            assert f"can't listen on 127.0.0.1:{port}" in refused.stderr.splitlines()[-1]
            assert not (tmp_path / option / "kubeconfig").exists()
