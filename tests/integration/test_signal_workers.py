"""Real workers for signals, over real Redis and real HTTP: each event is told, whoever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from cli.commands.processes import worker_arguments
from release.jobs import NewJob, NewRelease
from release.model import Actor, Color, JobKind, StageState, State
from release.plan import stages_of
from release.queue import Queue
from release.records import Move
from release.redis_access import connect
from release.secret import Secret
from release.signals import make_test
from release.store import Store
from sandbox.datastore import start_redis
from tests.integration.receivers import Got, Receiver, Reply, taken
from webhook.providers.events import Delivery
from webhook.providers.standard_webhooks import check_standard_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.redis_access import Client
    from release.signal_lines import ChannelState

pytestmark = pytest.mark.needs_redis

ROOT: Final = Path(__file__).parents[2]
DEADLINE: Final = 40.0
ANNA: Final = Actor("person", "anna")
KEY: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHAT_PATH: Final = "/services/T0/B0/verysecretpart"


def until(is_so: Callable[[], object], what: str, *, log: Path | None = None) -> None:
    pause, end = threading.Event(), time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > end:
            pytest.fail(f"not within {DEADLINE:.0f} s: {what}\n{log.read_text()[-3000:] if log else ''}")
        pause.wait(0.05)


@dataclass
class Place:
    """Redis, a configuration with three channels, and workers when they are asked for."""

    folder: Path
    redis_url: str
    client: Client
    receiver: Receiver
    stack: ExitStack
    count: int = 0
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store, self.queue = Store(self.client), Queue(self.client)
        base = self.receiver.url
        app = {
            "repository": "https://git.example.com/shop.git",
            "namespace": "shop",
            "image": "registry.example.com/shop:{tag}",
            "gateway": {"address": "http://127.0.0.1:1"},
            "webhook": {"provider": "github", "repository": "acme/shop", "secrets": [{"env": "NOT_HERE"}]},
        }
        channels = {
            "chat": {"kind": "slack", "url": {"env": "CHAT_URL"}, "plain_http": True},
            "hook": {
                "kind": "webhook",
                "url": f"{base}/hook",
                "secret": {"env": "HOOK_KEY"},
                "plain_http": True,
            },
            "commits": {
                "kind": "commit-status",
                "host": "github",
                "api": f"{base}/api/v3",
                "token": {"env": "GIT_TOKEN"},
                "plain_http": True,
            },
        }
        (self.folder / "verdigris.yml").write_text(json.dumps({"channels": channels, "apps": {"shop": app}}))
        self.environment = {
            **os.environ,
            "VERDIGRIS_CONFIG": str(self.folder / "verdigris.yml"),
            "VERDIGRIS_REDIS_URL": self.redis_url,
            "VERDIGRIS_PUBLIC_URL": "https://verdigris.example.com",
            "CHAT_URL": base + CHAT_PATH,
            "HOOK_KEY": KEY,
            "GIT_TOKEN": "ghp_0123456789abcdef",
        }

    def log(self, number: int) -> Path:
        return self.folder / f"signals-{number}.log"

    def start_worker(self) -> subprocess.Popen[bytes]:
        number = len(self.workers)
        with self.log(number).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", *worker_arguments("signals", f"signals-{number}")],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(process)
        self.stack.callback(end, process)
        until(lambda: " ready." in self.log(number).read_text(), "the worker is ready", log=self.log(number))
        until(lambda: self.client.exists("verdigris:signals:cursor"), "it reads events", log=self.log(number))
        return process

    def go_live(self) -> str:
        """A release that passes the stages of its deploy and is moved on to live; its id."""
        self.count += 1
        name = f"{self.count}"
        release = NewRelease(f"R{name}", "shop", f"v{name}-blue", Color.BLUE, f"c0ffee{name}", ANNA, "")
        job = NewJob(
            id=f"J{name}",
            app="shop",
            kind=JobKind.DEPLOY,
            queue=f"shop{name}",
            color=Color.BLUE,
            release_id=release.id,
            tag=release.tag,
            actor=ANNA,
            release=release,
        )
        offer = self.queue.accept(job).offer
        assert offer
        for index in range(len(stages_of(JobKind.DEPLOY))):
            assert self.queue.claim(job.id, index=index, fence=offer.fence, owner=f"w{index}")
            self.queue.done(job.id, index=index, fence=offer.fence, outcome=StageState.PASSED)
        steps = (State.QUEUED, State.RUNNING, State.READY, State.LIVE)
        for source, target in pairwise(steps):
            self.queue.settle([Move(release.id, frozenset({source}), target, ANNA, "")])
        return release.id

    def got(self, prefix: str) -> list[Got]:
        return [one for one in self.receiver.got if one.path.startswith(prefix)]

    def state(self, name: str) -> ChannelState:
        return self.store.signals.states([name])[0]


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """With its pool, as when the machine loses power."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        running = stack.enter_context(start_redis(tmp_path / "redis", append_only=False))
        client = connect(running.url, timeout=5)
        stack.callback(client.close)
        receiver = stack.enter_context(Receiver())
        yield Place(tmp_path, running.url, client, receiver, stack)


def test_what_happens_is_told_to_each_channel_once_though_two_workers_listen(place: Place) -> None:
    place.start_worker()
    place.start_worker()

    releases = [place.go_live() for _ in range(5)]

    until(lambda: [place.state(name).pending for name in ("chat", "hook", "commits")] == [0, 0, 0]
          and place.state("hook").sent == 10, "everything is told", log=place.log(0))  # fmt: skip
    for one in place.got("/hook"):
        check_standard_signature(Delivery(one.headers, one.body, at_of(one)), [Secret(KEY)])
    told = [(one.json["type"], one.json["data"]["release"]) for one in place.got("/hook")]
    assert told == [(topic, release) for release in releases for topic in ("ready", "live")]
    ids = [one.headers["webhook-id"] for one in place.got("/hook")]
    assert len(set(ids)) == len(ids)
    assert len(place.got(CHAT_PATH)) == 10
    assert "v1-blue is live" in place.got(CHAT_PATH)[1].json["text"]
    assert "https://verdigris.example.com/releases/R1" in place.got(CHAT_PATH)[1].json["text"]
    statuses = [(one.path, one.json["context"], one.json["state"]) for one in place.got("/api/v3")]
    assert ("/api/v3/repos/acme/shop/statuses/c0ffee1", "verdigris/shop/sanity", "success") in statuses
    assert statuses[-1][2] == "success", "the newest is the last"
    assert_no_secret_is_anywhere(place)


def assert_no_secret_is_anywhere(place: Place) -> None:
    for number, _ in enumerate(place.workers):
        log = place.log(number).read_text()
        assert "verysecretpart" not in log
        assert KEY not in log
        assert "ghp_" not in log
    read = {
        "string": place.client.get,
        "hash": place.client.hgetall,
        "list": lambda name: place.client.lrange(name, 0, -1),
        "set": place.client.smembers,
        "zset": lambda name: place.client.zrange(name, 0, -1),
        "stream": place.client.xrange,
    }
    names = list(place.client.scan_iter("*"))
    assert len(names) > 10, "Celery's results are there as well"
    for name in names:
        text = str(read[place.client.type(name)](name))
        assert "verysecretpart" not in text
        assert "ghp_0123" not in text


def at_of(got: Got) -> datetime:
    return datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)


def test_a_broken_channel_holds_up_no_other_and_is_told_when_it_works_again(place: Place) -> None:
    def reply(got: Got) -> Reply:
        return (503, {}, b"down for repair") if got.path == CHAT_PATH and is_down else taken(got)

    is_down = True
    place.receiver.reply = reply
    place.start_worker()

    place.go_live()

    until(lambda: place.state("hook").sent == 2 and place.state("chat").error, "hook is told, chat fails")
    assert place.state("chat").failing_since
    assert place.state("chat").error == "503: down for repair"
    assert place.state("chat").pending == 2
    assert list(place.store.signals.failing(["chat", "hook"])) == ["chat"]
    is_down = False
    until(lambda: place.state("chat").sent == 2, "chat is told later", log=place.log(0))
    assert place.store.signals.failing(["chat"]) == {}
    texts = [one.json["text"] for one in place.got(CHAT_PATH)]
    assert "is ready" in texts[-2]
    assert "is live" in texts[-1]


def test_a_worker_that_is_killed_while_it_sends_loses_nothing(place: Place) -> None:
    # given a receiver that holds the first request
    holding, reached = threading.Event(), threading.Event()

    def reply(got: Got) -> Reply:
        if got.path == "/hook" and not reached.is_set():
            reached.set()
            holding.wait(30)
        return taken(got)

    place.receiver.reply = reply
    place.stack.callback(holding.set)
    doomed = place.start_worker()
    place.go_live()
    assert reached.wait(DEADLINE)

    # when the worker dies with its pool, and something happens before another comes
    kill(doomed)
    holding.set()
    place.go_live()
    # the claim of the dead one is over (it would be after 30 s)
    place.client.hset("verdigris:signals:channel:hook", "until", 0)
    for name in ("chat", "commits"):
        place.client.hset(f"verdigris:signals:channel:{name}", "until", 0)
    place.start_worker()

    # then all is told, and what was told twice has the same id
    until(lambda: place.state("hook").sent == 4, "all is told", log=place.log(1))
    ids = [one.headers["webhook-id"] for one in place.got("/hook")]
    assert len(ids) == 5
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_a_test_reaches_each_kind_of_channel(place: Place) -> None:
    place.start_worker()
    for name in ("chat", "hook", "commits"):
        message = make_test(name, id=f"T{name}", actor="token:ci", at=datetime.now(UTC))
        place.store.signals.add(message)

    until(lambda: all(place.state(name).sent == 1 for name in ("chat", "hook", "commits")), "all are tried")
    assert "This is a test" in place.got(CHAT_PATH)[0].json["text"]
    assert place.got("/hook")[0].json["type"] == "test"
    (looked,) = place.got("/api/v3")
    assert (looked.method, looked.path) == ("GET", "/api/v3/repos/acme/shop")
    assert looked.headers["authorization"] == "Bearer ghp_0123456789abcdef"


def test_a_worker_does_not_start_with_a_channel_that_it_could_not_use(place: Place) -> None:
    place.environment["CHAT_URL"] = "http://"

    done = subprocess.run(
        [sys.executable, "-m", "celery", *worker_arguments("signals", "signals-x")],
        cwd=ROOT,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    assert done.returncode == 2
    assert (
        "the secret in environment variable CHAT_URL has fewer than 16 characters"
        in done.stdout + done.stderr
    )
