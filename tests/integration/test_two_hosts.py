"""Web process, workers, Redis and cluster on hosts of their own; a worker is cut off from Redis in mid-stage.

It still reaches the cluster: nothing but the fence keeps it from writing there what is no longer its turn.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import redis
import yaml
from celery import Celery

from cli.commands.processes import gunicorn_arguments, worker_arguments
from cli.demo.crew import Crew, Member
from release.model import JobState, Stage, StageState, State
from release.store import Store
from sandbox.datastore import redis_command
from tests.integration.hosts import Hosts, NoHosts
from tests.integration.hosts_cluster import GATEWAY_PORT, KUBECONFIG, Entry, Gate, Journal
from tests.integration.line import Repo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from release.model import Job, Release

DEADLINE = 45.0
CONFLICT = 409
DATA, CLUSTER = "data", "cluster"
PLAN = {
    "redis": (10, frozenset({DATA})),
    "cluster": (11, frozenset({CLUSTER})),
    "web": (20, frozenset({DATA})),
    "desk": (30, frozenset({DATA})),
    "first": (41, frozenset({DATA, CLUSTER})),
    "second": (42, frozenset({DATA, CLUSTER})),
}
WORKERS = ("first", "second")
REDIS_PORT, WEB_PORT = 6379, 8000


class Site:
    """An installation over several hosts, and a release that is made on it."""

    def __init__(self, hosts: Hosts, folder: Path) -> None:
        self.hosts, self.folder = hosts, folder
        self.gate, self.journal = Gate(folder), Journal(folder)
        self.repo = Repo(folder)
        self.socket = folder / "redis.sock"
        # Redis is asked over a file: the test is on none of the hosts.
        client: Any = redis.Redis(unix_socket_path=str(self.socket), decode_responses=True)
        self.store = Store(client)
        self.crew = Crew(environment=self._environment(), logs=folder / "logs")
        (folder / "verdigris.yml").write_text(yaml.safe_dump(self._configuration()))

    def _environment(self) -> dict[str, str]:
        data = f"redis://{self.hosts.address('redis', DATA)}:{REDIS_PORT}/0"
        return {
            **os.environ,
            "VERDIGRIS_CONFIG": str(self.folder / "verdigris.yml"),
            "VERDIGRIS_REDIS_URL": data,
            "VERDIGRIS_DATA": str(self.folder / "data"),
            "VERDIGRIS_SECRET_KEY": "a secret for as long as this test runs",
            "VERDIGRIS_LOG_FORMAT": "json",
            "VERDIGRIS_SERVER": f"http://{self.hosts.address('web', DATA)}:{WEB_PORT}",
            "VERDIGRIS_TOKEN": "the token of the desk, long enough",
            "KUBECONFIG": str(self.folder / KUBECONFIG),
            "PYTHONUNBUFFERED": "1",
        }

    def _configuration(self) -> dict[str, Any]:
        shop = {
            "repository": str(self.repo.bare),
            "namespace": "shop",
            "image": "registry.invalid/shop:{tag}",
            "gateway": {"address": f"http://{self.hosts.address('cluster', CLUSTER)}:{GATEWAY_PORT}"},
            "values": {"hosts": ["shop.example.com"], "replicas": 1, "drain_seconds": 0},
            "migrate": [["migrate"]],
            "migrate_repeatable": True,
        }
        tokens = [{"name": "desk", "value": {"env": "VERDIGRIS_TOKEN"}}]
        return {"tokens": tokens, "apps": {"shop": shop}}

    def start(self) -> None:
        """Everything, each on its host, as in earnest."""
        data = self.hosts.address("redis", DATA)
        listen = ("--bind", data, "--protected-mode", "no", "--unixsocket", str(self.socket))
        self.run("redis", "redis", *redis_command(self.folder, REDIS_PORT), *listen, rank=0)
        api = self.hosts.address("cluster", CLUSTER)
        self.run("cluster", "cluster", "-m", "tests.integration.hosts_cluster", str(self.folder), api, "shop")
        self.until(self.socket.exists, "Redis is there")
        self.until((self.folder / KUBECONFIG).exists, "the cluster is there")
        bind = f"{self.hosts.address('web', DATA)}:{WEB_PORT}"
        self.run("web", "web", "-m", "gunicorn", *gunicorn_arguments(bind, 1))
        for worker in WORKERS:
            self.run(worker, worker, "-m", "celery", *worker_arguments("releases", worker))
        self.until(lambda: "Booting worker" in self.log("web"), "the web process is there")
        self.until(lambda: all(" ready." in self.log(worker) for worker in WORKERS), "the workers are there")

    def run(self, host: str, name: str, *command: str, rank: int = 1) -> None:
        """Keep a process running on a host; arguments alone are Python's."""
        whole = (sys.executable, *command) if command[0].startswith("-") else command
        self.crew.start(Member(name, self.hosts.command(host, *whole), rank=rank))

    def log(self, name: str) -> str:
        """What a process has said so far."""
        file = self.crew.log_of(name)
        return file.read_text(errors="replace") if file.exists() else ""

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for it."""
        pause, end = threading.Event(), time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                told = "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in PLAN)
                pytest.fail(f"not within {DEADLINE:.0f} s: {what}\n{told}")
            pause.wait(0.05)

    def deploy(self, tag: str) -> Release:
        """Somebody at a desk asks for it."""
        self.repo.commit(tag)
        program = "from cli.main import main; main()"
        command = self.hosts.command("desk", sys.executable, "-c", program, "deploy", "shop", tag)
        subprocess.run(command, env=self._environment(), check=True, capture_output=True, timeout=DEADLINE)
        return self.store.releases("shop")[0]

    def job(self, release: Release) -> Job:
        """The one job of a release."""
        [job] = self.store.jobs_of(release.id)
        return job

    def wait_for_end(self, release: Release) -> None:
        self.until(lambda: self.job(release).state.is_over, f"{release.tag} has ended")

    def cut_off_the_worker_that_is_held(self) -> str:
        """Which host that was."""
        self.until(self.gate.find_sender, "a request is held back")
        host = self.hosts.find_host(self.gate.find_sender())
        self.hosts.cut(host, DATA)
        return host

    def has_given_up(self, host: str, fence: int) -> bool:
        """Whether the worker there has heard that its turn under ``fence`` is over."""
        return re.search(rf"\.f{fence}\.\w+\] ignored", self.log(host)) is not None

    def is_answering(self) -> bool:
        """Whether both workers take part again."""
        app = Celery(broker=f"redis+socket://{self.socket}", set_as_current=False)
        with app.connection_or_acquire() as connection:
            answers = app.control.ping(timeout=1, connection=connection) or []
        return {name.partition("@")[0] for answer in answers for name in answer} == set(WORKERS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        try:
            hosts = stack.enter_context(Hosts(PLAN))
        except NoHosts as reason:
            if os.environ.get("CI"):
                pytest.fail(f"CI needs network namespaces: {reason}")
            pytest.skip(str(reason))
        running = Site(hosts, tmp_path_factory.mktemp("hosts"))
        stack.callback(running.crew.close)
        running.start()
        running.wait_for_end(running.deploy("v1-green"))
        yield running


def check_it_ended_well_once(site: Site, release: Release) -> None:
    job = site.job(release)
    assert (job.state, job.problem) == (JobState.DONE, None)
    assert {run.state for run in job.stages} == {StageState.PASSED}
    life = [change.target for change in site.store.changes(release.id)]
    assert life == [State.QUEUED, State.RUNNING, State.READY]


@pytest.mark.needs_redis
class TestWorkerCutOffFromRedis:
    def test_what_it_had_on_its_way_to_the_cluster_is_refused_after_another_took_over(
        self, site: Site
    ) -> None:
        site.gate.hold("PATCH /apis/apps/v1/namespaces/shop/deployments/shop-green")
        release = site.deploy("v2-green")
        cut = site.cut_off_the_worker_that_is_held()
        job = site.job(release)
        assert job.stage is Stage.DEPLOY

        site.until(lambda: is_stamped(site, job.fence), "the other worker has stamped the Deployment")
        site.gate.open()
        site.until(lambda: late(site, cut, job.fence), "the late write has been answered")
        site.wait_for_end(release)  # joined before, it might rightly be given one of the later stages
        site.hosts.join(cut, DATA)

        site.until(lambda: site.has_given_up(cut, job.fence), f"{cut} has heard of it")
        site.until(site.is_answering, "both workers are back")
        assert [one.status for one in late(site, cut, job.fence)] == [CONFLICT]
        check_it_ended_well_once(site, release)

    def test_a_migration_that_it_sees_through_counts_for_nothing_once_another_took_over(
        self, site: Site
    ) -> None:
        site.gate.hold("RUN migrate")
        release = site.deploy("v3-green")
        cut = site.cut_off_the_worker_that_is_held()
        job = site.job(release)
        assert job.stage is Stage.MIGRATE

        site.wait_for_end(release)
        site.gate.open()
        site.until(lambda: late(site, cut, job.fence), "its command has ended")
        site.hosts.join(cut, DATA)

        site.until(lambda: site.has_given_up(cut, job.fence), f"{cut} has heard of it")
        site.until(site.is_answering, "both workers are back")
        assert [one.what for one in late(site, cut, job.fence)] == ["RUN migrate"]
        check_it_ended_well_once(site, release)


def is_stamped(site: Site, fence: int) -> bool:
    """Whether the Deployment that the late write is about carries a later fence."""
    return any(one.what == "deployments.apps/shop-green" for one in taken_over(site, fence))


def taken_over(site: Site, fence: int) -> list[Entry]:
    """What was done to the cluster from the first object on that carries a later fence."""
    entries = site.journal.read()
    first = next((place for place, one in enumerate(entries) if one.fence > fence), len(entries))
    return entries[first:]


def late(site: Site, host: str, fence: int) -> list[Entry]:
    """What a host did to the cluster, or was refused, after another had stamped a later fence."""
    address = site.hosts.address(host, CLUSTER)
    return [one for one in taken_over(site, fence) if one.by == address]
