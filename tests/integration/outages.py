"""An installation whose Redis can be away, and the ways of being away: killed, frozen, lost on the way.

On hosts of their own where this machine has namespaces for us; else on one, where nothing is lost on the way.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final

import pytest
import redis
import yaml

from cli.commands.processes import gunicorn_arguments, worker_arguments
from cli.demo.crew import Crew, Member
from release.store import Store
from sandbox.datastore import redis_command
from tests.integration.hosts import SWITCH
from tests.integration.hosts_cluster import GATEWAY_PORT, KUBECONFIG, Gate
from tests.integration.line import Repo
from tests.unit.webhook.fakes import REPOSITORY, TOKEN, dump, headers, push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from pathlib import Path

    from release.model import Job, Release
    from tests.integration.hosts import Hosts

DEADLINE: Final = 60.0
DATA, CLUSTER = "data", "cluster"
PLAN: Final = {
    "redis": (10, frozenset({DATA})),
    "cluster": (11, frozenset({CLUSTER})),
    "web": (20, frozenset({DATA})),
    "first": (41, frozenset({DATA, CLUSTER})),
    "second": (42, frozenset({DATA, CLUSTER})),
}
WORKERS: Final = {"releases": "first", "switches": "second"}
"""The host of the worker that serves each queue."""

REDIS_PORT: Final = 6379
BEARER: Final = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
SECRET_KEY: Final = "a secret key for as long as this test runs"
HOOK_SECRET_NAME: Final = "HOOK_SECRET"


class OneHost:
    """Where there are no namespaces: an address of this process's own on the loopback."""

    def address(self, _host: str, _network: str) -> str:
        """The same for all."""
        return f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"

    def command(self, _host: str, *command: str) -> tuple[str, ...]:
        """As it is."""
        return command


@dataclass(frozen=True)
class Answer:
    """What the web process said, and after how many seconds."""

    status: int
    headers: Message
    text: str
    seconds: float


class Wire(HTTPConnection):
    """HTTP over a file: the test is on none of the hosts."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass
class Site:
    """The installation. ``crew`` keeps its processes running; Redis waits with starting while it is away."""

    hosts: Hosts | OneHost
    folder: Path
    secret: str
    crew: Crew = field(init=False)

    def __post_init__(self) -> None:
        self.gate, self.repo = Gate(self.folder), Repo(self.folder)
        client: Any = redis.Redis(unix_socket_path=str(self.folder / "redis.sock"), decode_responses=True)
        self.store = Store(client)
        self.crew = self.make_crew()
        (self.folder / "verdigris.yml").write_text(yaml.safe_dump(self._configuration()))

    def make_crew(self) -> Crew:
        """Processes with this installation's settings."""
        return Crew(environment=self.environment(), logs=self.folder / "logs")

    def environment(self) -> dict[str, str]:
        """What every process is started with."""
        return {
            **os.environ,
            "VERDIGRIS_CONFIG": str(self.folder / "verdigris.yml"),
            "VERDIGRIS_REDIS_URL": f"redis://{self.hosts.address('redis', DATA)}:{REDIS_PORT}/0",
            "VERDIGRIS_DATA": str(self.folder / "data"),
            "VERDIGRIS_SECRET_KEY": SECRET_KEY,
            "VERDIGRIS_LOG_FORMAT": "json",
            "CI_TOKEN": TOKEN,
            HOOK_SECRET_NAME: self.secret,
            "KUBECONFIG": str(self.folder / KUBECONFIG),
            "PYTHONUNBUFFERED": "1",
        }

    def _configuration(self) -> dict[str, Any]:
        shop = {
            "repository": str(self.repo.bare),
            "webhook": {"repository": REPOSITORY, "secrets": [{"env": HOOK_SECRET_NAME}]},
            "namespace": "shop",
            "image": "registry.invalid/shop:{tag}",
            "gateway": {"address": f"http://{self.hosts.address('cluster', CLUSTER)}:{GATEWAY_PORT}"},
            "values": {"hosts": ["shop.example.com"], "replicas": 1, "drain_seconds": 0},
            "migrate": [["migrate"]],
        }
        tokens = [{"name": "ci", "value": {"env": "CI_TOKEN"}}]
        return {"public_read": True, "tokens": tokens, "apps": {"shop": shop}}

    def start(self) -> None:
        """Everything, as in earnest."""
        self._learn_neighbors()
        self._start_redis()
        api = self.hosts.address("cluster", CLUSTER)
        cluster = (sys.executable, "-m", "tests.integration.hosts_cluster", str(self.folder), api, "shop")
        self.crew.start(Member("cluster", self.hosts.command("cluster", *cluster), rank=0))
        self.until((self.folder / "redis.sock").exists, "Redis is there")
        self.until((self.folder / KUBECONFIG).exists, "the cluster is there")
        self.start_web(self.crew, "web")
        for queue in WORKERS:
            self.start_worker(self.crew, queue, queue=queue)
        self.until(lambda: self.is_ready("web"), "the web process is there")
        self.until(lambda: all(map(self.has_begun, WORKERS)), "the workers are there")

    def _learn_neighbors(self) -> None:
        """As behind a router: whoever sends into the void is never told that nobody is there."""
        if isinstance(self.hosts, OneHost):
            return
        for host in ("web", *WORKERS.values()):
            for one, other in ((host, "redis"), ("redis", host)):
                card = self.run_on(other, "cat", f"/sys/class/net/{DATA}/address").strip()
                known = (self.hosts.address(other, DATA), "lladdr", card, "dev", DATA, "nud", "permanent")
                self.run_on(one, "ip", "neighbor", "replace", *known)

    def run_on(self, host: str, *command: str) -> str:
        """What a short command on a host prints."""
        whole = self.hosts.command(host, *command)
        return subprocess.run(whole, check=True, capture_output=True, text=True).stdout

    def start_web(self, crew: Crew, name: str) -> None:
        """A web process on its own socket."""
        arguments = gunicorn_arguments(f"unix:{self.folder / name}.sock", 2)
        crew.start(Member(name, self.hosts.command("web", sys.executable, "-m", "gunicorn", *arguments)))

    def start_worker(self, crew: Crew, name: str, *, queue: str) -> None:
        """A worker on the host of those that serve the same queue."""
        arguments = worker_arguments(queue, name)
        crew.start(
            Member(name, self.hosts.command(WORKERS[queue], sys.executable, "-m", "celery", *arguments))
        )

    def _start_redis(self) -> None:
        """It keeps what it confirms, and stays away for as long as there is a file that says so."""
        options = ("--bind", self.hosts.address("redis", DATA), "--protected-mode", "no")
        listen = ("--unixsocket", str(self.folder / "redis.sock"))
        line = shlex.join((*redis_command(self.folder, REDIS_PORT), *options, *listen))
        away, pid = (shlex.quote(str(self.folder / name)) for name in ("away", "redis.pid"))
        script = f"while [ -e {away} ]; do sleep 0.05; done; echo $$ > {pid}; exec {line}"
        self.crew.start(Member("redis", self.hosts.command("redis", "sh", "-c", script), rank=0))

    def signal_redis(self, number: signal.Signals) -> None:
        """Send a signal to the server alone."""
        os.kill(int((self.folder / "redis.pid").read_text()), number)

    def log(self, name: str) -> str:
        """What a process has said so far."""
        file = self.crew.log_of(name)
        return file.read_text(errors="replace") if file.exists() else ""

    def has_begun(self, worker: str) -> bool:
        """Whether a worker takes messages."""
        return " ready." in self.log(worker)

    def until(self, condition: Callable[[], object], what: str, *, seconds: float = DEADLINE) -> None:
        """Wait for it."""
        pause, end = threading.Event(), time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                told = "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in ("web", *WORKERS))
                pytest.fail(f"not within {seconds:.0f} s: {what}\n{told}")
            pause.wait(0.05)

    def ask(
        self, method: str, path: str, body: bytes = b"", *, web: str = "web", **more: dict[str, str]
    ) -> Answer:
        """One request over a connection of its own."""
        wire, began = Wire(self.folder / f"{web}.sock"), time.monotonic()
        try:
            wire.request(method, path, body, more.get("headers", {}))
            answer = wire.getresponse()
            text = answer.read().decode()
            return Answer(answer.status, answer.headers, text, time.monotonic() - began)
        finally:
            wire.close()

    def is_ready(self, web: str) -> bool:
        """Whether a web process can accept."""
        try:
            return self.ask("GET", "/readyz", web=web).status == 200
        except (OSError, HTTPException):
            return False

    def deliver(self, tag: str, commit: str, *, web: str = "web") -> Answer:
        """The Git host's delivery of a tag: the same each time."""
        body = dump(push(ref=f"refs/tags/{tag}", after=commit, head_commit={"id": commit}))
        about = headers(body, secret=self.secret, **{"X-GitHub-Delivery": f"id-of-{tag}"})
        return self.ask("POST", "/webhooks/github", body, web=web, headers=about)

    def insist(self, ask: Callable[[], Answer], *, seconds: float = DEADLINE) -> Answer:
        """The first answer that is not "later"."""
        answers: list[Answer] = []

        def is_answered() -> bool:
            answers.append(ask())
            return answers[-1].status != 503

        self.until(is_answered, "there is an answer", seconds=seconds)
        return answers[-1]

    def release(self, tag: str) -> Release:
        """The one release of a tag."""
        [release] = [one for one in self.store.releases("shop") if one.tag == tag]
        return release

    def last_job(self, tag: str) -> Job:
        """What was asked last of a tag's release."""
        return self.store.jobs_of(self.release(tag).id)[-1]

    def wait_for_end(self, tag: str, *, seconds: float = DEADLINE) -> Job:
        """The last job of a tag's release, once it is over."""
        self.until(lambda: self.last_job(tag).state.is_over, f"{tag} has ended", seconds=seconds)
        return self.last_job(tag)


@contextmanager
def redis_away(site: Site, how: str) -> Iterator[None]:
    """Redis is away in the block: ``stopped``, ``frozen``, or what is sent to and from it is ``lost``."""
    begin, end = _WAYS[how]
    begin(site)
    try:
        yield
    finally:
        end(site)


def _stop(site: Site) -> None:
    """Killed: what it had not written to its file would be gone."""
    (site.folder / "away").touch()
    site.crew.kill("redis")


_WAYS: Final[dict[str, tuple[Callable[[Site], object], Callable[[Site], object]]]] = {
    "stopped": (_stop, lambda site: (site.folder / "away").unlink()),
    "frozen": (
        lambda site: site.signal_redis(signal.SIGSTOP),
        lambda site: site.signal_redis(signal.SIGCONT),
    ),
    "lost": (
        lambda site: site.run_on(SWITCH, "ip", "link", "set", f"redis-{DATA}", "nomaster"),
        lambda site: site.run_on(SWITCH, "ip", "link", "set", f"redis-{DATA}", "master", DATA),
    ),
}
