"""Verdigris as it is run, for a bench: Redis, a web process, workers, and a cluster.

The cluster is that of KUBECONFIG, else the sandbox. All listen on 127.0.0.1 and
end with the bench, however that ends.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import socket
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import requests
import yaml

from bench.shop import push_app
from cli.commands.processes import gunicorn_arguments, worker_arguments
from cli.demo.crew import Crew, Member
from release.redis_access import connect
from release.store import Store
from sandbox.datastore import redis_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NAMESPACE: Final = "bench-verdigris"
ARTICLE: Final = "bench-article"
"""The same app in another namespace, which only kubectl touches."""

IMAGE: Final = "registry.sandbox/shop"
OWNER: Final = "bench"
START_SECONDS: Final = 60.0
JOB_SECONDS: Final = 60.0


class NotStarted(Exception):
    """A process of the bench does not come up; the message ends with its log."""


@dataclass(frozen=True)
class Plan:
    """What a bench needs. ``apps``: how many more are configured. ``is_instant``: pods only pretend."""

    tags: tuple[str, ...] = ()
    apps: int = 0
    workers: tuple[str, ...] = ("releases", "switches")
    needs_cluster: bool = True
    is_instant: bool = False


class House:
    """A running installation, and the ways in that a Git host and a person have."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self.web_port, self.redis_port, self.api_port, self.gateway_port = _free_ports()
        self.given = os.environ.get("KUBECONFIG") if plan.needs_cluster and not plan.is_instant else None
        self.delays = os.environ.get("BENCH_DELAYS", "").split() if plan.needs_cluster else []
        self.repository, self.commit = push_app(folder, plan.tags, image=self.image)
        self._secret, self.token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.environment = self._environment()
        self.crew = Crew(environment=self.environment, logs=folder / "logs")
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    @property
    def web(self) -> str:
        """The web process."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def redis_url(self) -> str:
        """The installation's Redis."""
        return f"redis://127.0.0.1:{self.redis_port}/0"

    @property
    def kubeconfig(self) -> Path:
        """The cluster's: that of KUBECONFIG, else the sandbox's, or of what delays its requests."""
        if self.given:
            return Path(self.given)
        return self.folder / "sandbox" / f"kubeconfig{'.delayed' if self.delays else ''}"

    @property
    def gateway(self) -> str:
        """Where users reach the app."""
        return os.environ.get("BENCH_GATEWAY") or f"http://127.0.0.1:{self.gateway_port}"

    @property
    def image(self) -> str:
        """On a cluster of one's own: what answers ``{"ready": true}`` to ``/ready`` on port 3000."""
        return os.environ.get("BENCH_IMAGE", "")

    def start(self) -> None:
        """Start everything, and wait until it answers.

        Raises:
            NotStarted: something does not.
        """
        (self.folder / "data").mkdir()
        (self.folder / "redis").mkdir()
        self._write("verdigris.yml", self._configuration())
        source = {"repository": str(self.repository), "command": [sys.executable, "-S", "app.py"]}
        self._write("images.yml", {"images": [{"name": IMAGE, **source}]})
        for member in self._members():
            self.crew.start(member)
        if self.plan.needs_cluster:
            self.wait_until("sandbox", self.kubeconfig.exists)
        self.wait_until("web", lambda: self.answers(f"{self.web}/readyz"))
        for name in self.plan.workers:
            self.wait_until(name, partial(_says_ready, self.crew.log_of(name)))

    def wait_until(self, name: str, is_so: Callable[[], bool]) -> None:
        """Wait for one process."""
        until = time.monotonic() + START_SECONDS
        while not is_so():
            if time.monotonic() > until:
                log = self.crew.log_of(name)
                lines = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
                raise NotStarted("\n".join([f"{name} was not ready within {START_SECONDS:.0f} s:", *lines]))
            time.sleep(0.02)

    def store(self) -> Store:
        """The records, over a connection of one's own."""
        return Store(connect(self.redis_url, timeout=30))

    def delivery(self, tag: str, *, app: str = "shop", secret: str = "") -> tuple[bytes, dict[str, str]]:
        """What a Git host sends for a tag: body and headers."""
        body = json.dumps(self._push(tag, app)).encode()
        key = (secret or self._secret).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}",
        }
        return body, headers

    def deliver(self, tag: str, *, app: str = "shop") -> dict[str, Any]:
        """Deliver a tag; what is answered: release and job."""
        body, headers = self.delivery(tag, app=app)
        answer = self.session.post(f"{self.web}/webhooks/github", data=body, headers=headers, timeout=30)
        return _told(answer)

    def post(self, path: str, content: Mapping[str, str]) -> dict[str, Any]:
        """Call the API."""
        return _told(self.session.post(f"{self.web}/api/v1/{path}", json=content, timeout=30))

    def get(self, path: str) -> dict[str, Any]:
        """Read from the API."""
        return _told(self.session.get(f"{self.web}/api/v1/{path}", timeout=30))

    def finish(self, job: str) -> dict[str, Any]:
        """The job, once it is over; it must have ended well."""
        until = time.monotonic() + JOB_SECONDS
        while True:
            told = self.get(f"jobs/{job}")
            if told["ended_at"]:
                break
            if time.monotonic() > until:
                raise RuntimeError(f"job {job} is not over after {JOB_SECONDS:.0f} s: {told}")
            time.sleep(0.05)
        if told["state"] != "done":
            raise RuntimeError(f"job {job}: {told['state']}: {told['problem']}")
        return told

    def _members(self) -> list[Member]:
        python = sys.executable
        members = [Member("redis", tuple(redis_command(self.folder / "redis", self.redis_port)), rank=0)]
        if self.plan.needs_cluster and not self.given:
            members.append(Member("sandbox", self._sandbox(), rank=0))
            if self.delays:
                words = (python, "-m", "bench.delays", str(self.folder / "sandbox"), *self.delays)
                members.append(Member("delays", words, rank=0))
        web = gunicorn_arguments(f"127.0.0.1:{self.web_port}", 1)
        members.append(Member("web", (python, "-m", "gunicorn", *web)))
        for name in self.plan.workers:
            queue = name.partition("-")[0]
            members.append(Member(name, (python, "-m", "celery", *worker_arguments(queue, name))))
        return members

    def _sandbox(self) -> tuple[str, ...]:
        if self.plan.is_instant:
            ports = str(self.api_port), str(self.gateway_port)
            return (sys.executable, "-m", "bench.cluster", str(self.folder / "sandbox"), *ports, NAMESPACE)
        options = {
            "directory": self.folder / "sandbox",
            "api-port": self.api_port,
            "gateway-port": self.gateway_port,
            "images": self.folder / "images.yml",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        spaces = [word for name in (NAMESPACE, ARTICLE) for word in ("--namespace", name)]
        return (sys.executable, "-m", "sandbox", *words, *spaces)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "VERDIGRIS_CONFIG": str(self.folder / "verdigris.yml"),
            "VERDIGRIS_REDIS_URL": self.redis_url,
            "VERDIGRIS_PUBLIC_URL": self.web,
            "VERDIGRIS_DATA": str(self.folder / "data"),
            "VERDIGRIS_SECRET_KEY": secrets.token_urlsafe(32),
            "VERDIGRIS_LOG_FORMAT": "json",
            "BENCH_SECRET": self._secret,
            "BENCH_TOKEN": self.token,
            "KUBECONFIG": str(self.kubeconfig),
            "PYTHONUNBUFFERED": "1",
        }

    def _configuration(self) -> dict[str, Any]:
        names = ["shop", *(f"app-{number}" for number in range(self.plan.apps))]
        apps = {name: self._app(name) for name in names}
        return {"tokens": [{"name": OWNER, "value": {"env": "BENCH_TOKEN"}}], "apps": apps}

    def _app(self, name: str) -> dict[str, Any]:
        return {
            "repository": str(self.repository),
            "webhook": {"repository": f"{OWNER}/{name}", "secrets": [{"env": "BENCH_SECRET"}]},
            "namespace": NAMESPACE,
            "image": f"{self.image.partition(':')[0] or IMAGE}:{{tag}}",  # the manifest names it in full
            "gateway": {"address": self.gateway, "host": f"{NAMESPACE}.example.com"},
            "manifests": {
                "syntax": "envsubst",
                "variables": {"DOCKER_USERNAME": OWNER, "HOST": f"{NAMESPACE}.example.com", "IMAGE": IMAGE},
            },
            "migrate": [["/bin/true"]],
            "smoke": {
                "commands": [["/bin/true"]],
                "requests": [{"path": "/ready", "json_equals": {"ready": True}}],
                "deadline": 30,
            },
            "drain": 0,
            **({} if name == "shop" else self._built_in(name)),
        }

    def _built_in(self, name: str) -> dict[str, Any]:
        """Other apps have the built-in manifests: those of the repository say ``shop``."""
        host = f"{name}.example.com"
        return {
            "gateway": {"address": self.gateway, "host": host},
            "manifests": {"path": "none"},
            "values": {"hosts": [host], "replicas": 1, "drain_seconds": 0, "readiness_path": "/ready"},
        }

    def _push(self, tag: str, app: str) -> dict[str, Any]:
        return {
            "ref": f"refs/tags/{tag}",
            "before": "0" * 40,
            "after": self.commit,
            "created": True,
            "deleted": False,
            "forced": False,
            "head_commit": {"id": self.commit, "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ")},
            "repository": {"full_name": f"{OWNER}/{app}", "name": app, "owner": {"login": OWNER}},
            "pusher": {"name": "octocat"},
        }

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        (self.folder / name).write_text(yaml.safe_dump(dict(content), sort_keys=False))

    def answers(self, address: str) -> bool:
        """Whether a server is there."""
        try:
            return self.session.get(address, timeout=1).ok
        except requests.RequestException:
            return False

    def log_of(self, name: str) -> str:
        """What a process has said."""
        log = self.crew.log_of(name)
        return log.read_text(errors="replace") if log.exists() else ""

    def pid(self, name: str) -> int:
        """The process of that name, with others below it."""
        return self.crew.pid(name)


@contextmanager
def house(plan: Plan) -> Iterator[House]:
    """A house that stands while the block runs."""
    with TemporaryDirectory(prefix="verdigris-bench-") as folder:
        made = House(Path(folder), plan)
        try:
            made.start()
            yield made
        finally:
            made.crew.close()


def _says_ready(log: Path) -> bool:
    return log.exists() and " ready." in log.read_text(errors="replace")


def _told(answer: requests.Response) -> dict[str, Any]:
    if not answer.ok:
        raise RuntimeError(
            f"{answer.request.method} {answer.request.path_url}: {answer.status_code} {answer.text}"
        )
    told: dict[str, Any] = answer.json()
    return told


def free_port() -> int:
    """On 127.0.0.1, for a server that is started at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free_ports() -> tuple[int, int, int, int]:
    """Held open together, so that all differ."""
    probes = [socket.socket() for _ in range(4)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        web, redis, api, gateway = (int(probe.getsockname()[1]) for probe in probes)
        return web, redis, api, gateway
    finally:
        for probe in probes:
            probe.close()
