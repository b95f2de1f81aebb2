"""The command line against the real web process, which is killed and comes back in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import requests

from release.model import StageState
from release.problems import ProblemDocument
from release.queue import Queue
from release.redis_access import connect
from release.store import Store
from sandbox.datastore import DatastoreError, find_redis_server, start_redis
from tests.integration.test_web_process import CONFIGURATION, ROOT, wait_until
from tests.serving import closed_port
from tests.unit.webhook.fakes import HOOK_SECRET, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from release.redis_access import Client

pytestmark = pytest.mark.needs_redis

PROBLEM = ProblemDocument("smoke-failed", "A smoke test failed", "shop: status 500", "push a corrected tag")


@dataclass
class House:
    """Redis, what it keeps, and a web process that comes and goes at one address."""

    folder: Path
    redis_url: str
    port: int
    redis: Client
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.queue, self.store = Queue(self.redis), Store(self.redis)

    def empty(self) -> None:
        """As new: nothing in Redis, and a web process that answers."""
        self.redis.flushall()
        if self.process is None:
            self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Start the web process and wait for its first answer."""
        environment = {
            **os.environ,
            "VERDIGRIS_CONFIG": str(self.folder / "verdigris.yml"),
            "VERDIGRIS_REDIS_URL": self.redis_url,
            "VERDIGRIS_SECRET_KEY": "a secret key that only tests know, 32+",
            "CI_TOKEN": TOKEN,
            "HOOK_SECRET": HOOK_SECRET,
        }
        with (self.folder / "web.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", "from cli.main import main; main()"),
                    *("web", "--bind", f"127.0.0.1:{self.port}", "--workers", "1"),
                ],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self.is_there, f"the web process to answer, see {self.folder / 'web.log'}")

    def is_there(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the web process ended"
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def kill(self) -> None:
        """Without a word, with all its processes."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    def begin(self) -> tuple[str, int]:
        """A release whose first stage runs; its job, and the fence."""
        body = {"tag": "v1-blue", "commit": "b8ec69cbb0a4c521d84f6bff2b8788c343e2a9de"}
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.post(
            f"{self.url}/api/v1/apps/shop/deploy", json=body, headers=bearer, timeout=30
        ).json()
        job = self.store.find_job(answer["job"]["id"])
        assert job is not None
        assert self.queue.claim(job.id, index=0, fence=job.fence, owner="tests") is not None
        return job.id, job.fence

    @contextmanager
    def running(self, *arguments: str) -> Iterator[Running]:
        """`verdigris` with arguments, and what it says meanwhile."""
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", "from cli.main import main; main()", *arguments],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "NO_PROXY": "*",
                "VERDIGRIS_SERVER": self.url,
                "VERDIGRIS_TOKEN": TOKEN,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            running = Running(process)
            try:
                yield running
            finally:
                process.kill()
                running.end()


@dataclass
class Running:
    """A command that runs: the lines of its stdout, and of its stderr, so far."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pipes = ((self.process.stdout, self.said), (self.process.stderr, self.told))
        self._readers = [
            Thread(target=lambda pipe=pipe, lines=lines: lines.extend(pipe)) for pipe, lines in pipes
        ]
        for reader in self._readers:
            reader.start()

    def end(self) -> int:
        """Its exit code, once all that it said is there."""
        code = self.process.wait(60)
        for reader in self._readers:
            reader.join(60)
        return code

    def objects(self) -> list[Any]:
        """Its stdout as JSON, line by line."""
        return [json.loads(line) for line in self.said]


@pytest.fixture
def house(standing: House) -> House:
    standing.empty()
    return standing


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    try:
        server = find_redis_server()
    except DatastoreError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a real Redis: {error}")
        pytest.skip(str(error))
    (folder / "verdigris.yml").write_text(CONFIGURATION, encoding="utf-8")
    with closed_port() as free:
        port = free  # free again below, for the web process: nobody else is given it that soon
    with start_redis(folder / "redis", server=server) as redis:
        client = connect(redis.url, timeout=5)
        made = House(folder, redis.url, port, client)
        try:
            yield made
        finally:
            made.kill()
            client.close()


def test_a_tail_outlives_the_web_process_and_ends_with_the_release(house: House) -> None:
    # Given a release that runs, and a tail of its log
    job, fence = house.begin()
    subject = house.store.find_job(job).release_id  # type: ignore[union-attr]

    def log(*lines: str) -> None:
        assert house.queue.log(job, fence=fence, subject=str(subject), stage="sanity", lines=lines)

    log("one", "\x1b[31mtwo")
    with house.running("logs", "shop", "-f", "--json") as tail:
        wait_until(lambda: any("two" in line for line in tail.said), "the first lines")
        # When the web process is killed, the release goes on, and another web process comes
        house.kill()
        wait_until(lambda: any("trying again" in line for line in tail.told), "the tail to notice")
        log("three")
        house.open()
        wait_until(lambda: any("three" in line for line in tail.said), "the line written meanwhile")
        log("four")
        house.queue.done(job, index=0, fence=fence, outcome=StageState.FAILED, problem=PROBLEM)
        code = tail.end()
    # Then each line came once and in order, and the end tells how the release ended
    *lines, last = tail.objects()
    texts = [line["text"] for line in lines]
    assert [one for one in texts if one in {"one", "\x1b[31mtwo", "three", "four"}] == [
        *("one", "\x1b[31mtwo", "three", "four"),
    ]
    assert len({line["id"] for line in lines}) == len(lines)
    assert last["error"]["title"] == "deploy of v1-blue: A smoke test failed"
    assert code == 1


def test_watching_outlives_the_web_process(house: House) -> None:
    with house.running("watch", "--json", "--interval", "0.5") as watch:
        wait_until(lambda: bool(watch.said), "the first look")
        house.kill()
        wait_until(lambda: '"server"' in watch.said[-1], "the loss to be told")
        house.open()
        wait_until(lambda: "the server is back" in watch.said[-1], "the server to be back")
        job, _ = house.begin()
        wait_until(lambda: any("running sanity" in line for line in watch.said), "the job to be told")
        watch.process.send_signal(signal.SIGINT)
        code = watch.end()

    assert code == 130
    assert watch.told == []
    assert job in {one["job"] for one in watch.objects()}


def test_status_tells_what_runs_and_what_failed_last(house: House) -> None:
    job, fence = house.begin()
    with house.running("status") as status:
        assert status.end() == 0
    assert any("deploy v1-blue: running sanity" in line for line in status.said)

    house.queue.done(job, index=0, fence=fence, outcome=StageState.FAILED, problem=PROBLEM)
    with house.running("status", "--json") as status:
        assert status.end() == 0
    assert status.objects()[0]["apps"][0]["queue"] == []


def test_a_refusal_of_the_real_server_is_its_problem_document(house: House) -> None:
    with house.running("promote", "shop", "--wait", "--json") as promote:
        assert promote.end() == 1

    error = promote.objects()[0]["error"]
    assert error["type"].endswith("/nothing-ready")
    assert error["status"] == 409
    assert error["next_step"]
