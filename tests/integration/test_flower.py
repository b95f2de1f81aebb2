"""Flower over a real Redis and a real worker: who gets in, what stands there, and what never does."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest
import redis
import requests
import yaml

from cli.commands.processes import worker_arguments
from cli.demo.crew import Crew, Member
from release.loading import load_config
from release.model import Actor
from release.queue import Queue
from release.redis_access import connect
from release.requests import Requests
from release.store import Store
from sandbox.datastore import start_redis
from tests.integration.line import Repo
from tests.unit.webhook.fakes import make_app
from worker.sending import quick_sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release.requests import Accepted

pytestmark = [pytest.mark.needs_redis, pytest.mark.timeout(180)]
pytest.importorskip("flower")

Found = TypeVar("Found")

DEADLINE: Final = 60.0
GIT: Final = Actor("git", "octocat")
LOGIN: Final = ("me", "secret-of-the-login")
SECRETS: Final = {
    "redis": "secret-of-redis",
    "key": "secret-that-signs-the-sessions-of-people",
    "hook": "secret-of-the-hook",
    "password": "secret-in-a-value-of-the-app",
    "token": "secret-of-a-token",
    "login": LOGIN[1],
}
PAGES: Final = ("/", "/workers", "/tasks", "/broker", "/metrics")
TABLE: Final = (
    "draw=1&start=0&length=100&search[value]=&order[0][column]=0&order[0][dir]=asc&columns[0][data]=name"
)
QUESTIONS: Final = (
    f"/tasks/datatable?{TABLE}",
    "/workers?json=1",
    "/api/workers?refresh=1",
    "/api/tasks",
    "/api/task/types",
    "/api/queues/length",
)
CHANGES: Final = (
    "/api/worker/shutdown/{worker}",
    "/api/worker/pool/shrink/{worker}",
    "/api/worker/queue/cancel-consumer/{worker}?queue=releases",
    "/api/task/revoke/{task}?terminate=true",
    "/api/task/send-task/release.deploy",
)


@dataclass
class Site:
    """Redis with a password, Flower, and what a web process does; a worker when it is asked for."""

    folder: Path
    port: int
    crew: Crew
    url: str = ""

    def __post_init__(self) -> None:
        self.redis_url = f"redis://:{SECRETS['redis']}@127.0.0.1:{self.port}/0"
        client = connect(self.redis_url, timeout=5)
        self.store, self.queue = Store(client), Queue(client)
        config = load_config(self.folder / "verdigris.yml")
        self.requests = Requests(config, self.store, self.queue, quick_sender(self.redis_url))

    def deploy(self, tag: str) -> Accepted:
        return self.requests.deploy("shop", tag, actor=GIT, commit="c" * 40)

    def start_worker(self) -> None:
        arguments = worker_arguments("releases", "releases-1")
        self.crew.start(Member("releases-1", (sys.executable, "-m", "celery", *arguments)))

    def ask(
        self, path: str, *, method: str = "GET", auth: tuple[str, str] | None = LOGIN
    ) -> requests.Response:
        return requests.request(method, self.url + path, auth=auth, timeout=20)

    def tasks(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.ask("/api/tasks").json()
        return found

    def task(self, name: str, tag: str) -> dict[str, Any]:
        """The one row of a task's name and a tag, once it is there."""
        return self.until(
            lambda: next(
                (
                    one
                    for one in self.tasks().values()
                    if one["name"] == name and tag in (one["kwargs"] or "")
                ),
                None,
            ),
            f"{name} of {tag}",
        )

    def until(self, find: Callable[[], Found | None], what: str) -> Found:
        pause, end = threading.Event(), time.monotonic() + DEADLINE
        while not (found := find()):
            if time.monotonic() > end:
                logs = [
                    f"--- {log.name}\n{log.read_text()[-2000:]}" for log in self.folder.glob("logs/*.log")
                ]
                pytest.fail(f"not within {DEADLINE:.0f} s: {what}\n" + "\n".join(logs))
            pause.wait(0.1)
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("flower")
    with start_redis(folder / "redis", append_only=False) as running:
        with closing(redis.Redis(port=running.port)) as client:
            client.config_set("requirepass", SECRETS["redis"])
        crew = Crew(environment=_prepare(folder, running.port), logs=folder / "logs")
        with closing(crew):
            site = Site(folder, running.port, crew)
            program = str(Path(sys.executable).with_name("verdigris"))
            crew.start(Member("flower", (program, "flower", "--port", "0")))
            site.url = site.until(lambda: _address(folder / "logs" / "flower.log"), "Flower is there")
            yield site


def _prepare(folder: Path, port: int) -> dict[str, str]:
    secret = folder / "hook"
    secret.write_text(SECRETS["hook"])
    shop = json.loads(json.dumps(make_app("acme/shop", secret), default=str)) | {
        "repository": str(Repo(folder).bare),
        "values": {"password": {"env": "SHOP_PASSWORD"}},
    }
    tokens = [{"name": "ci", "value": {"env": "CI_TOKEN"}}]
    (folder / "verdigris.yml").write_text(yaml.safe_dump({"tokens": tokens, "apps": {"shop": shop}}))
    return {
        **os.environ,
        "VERDIGRIS_CONFIG": str(folder / "verdigris.yml"),
        "VERDIGRIS_REDIS_URL": f"redis://:{SECRETS['redis']}@127.0.0.1:{port}/0",
        "VERDIGRIS_DATA": str(folder / "data"),
        "VERDIGRIS_SECRET_KEY": SECRETS["key"],
        "SHOP_PASSWORD": SECRETS["password"],
        "CI_TOKEN": SECRETS["token"],
        "FLOWER_BASIC_AUTH": ":".join(LOGIN),
        "KUBECONFIG": str(folder / "no-kubeconfig"),
        "PYTHONUNBUFFERED": "1",
    }


def _address(log: Path) -> str | None:
    """Where Flower says that it listens, once it does."""
    found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text()) if log.exists() else None
    with suppress(requests.RequestException):
        if found and requests.get(f"{found[0]}/healthcheck", timeout=5).ok:
            return found[0]
    return None


@dataclass
class Story:
    """Two tags of one app while no worker runs, a third that is called off, then a worker.

    There is no cluster: what runs fails at its first look.
    """

    first: Accepted
    second: Accepted
    early: dict[str, dict[str, Any]]
    """Rows before there was a worker, by the name of the task and the tag."""
    late: dict[str, dict[str, Any]]
    """The same rows at the end."""
    worker: str


@pytest.fixture(scope="module")
def story(site: Site) -> Story:
    first, second, third = (site.deploy(tag) for tag in ("v1.0-blue", "v1.1-blue", "v1.2-blue"))
    rows = {
        f"{name} {tag}": site.task(name, tag)
        for name, tag in (
            ("release.sanity", "v1.0-blue"),
            ("release.waiting", "v1.1-blue"),
            ("release.waiting", "v1.2-blue"),
        )
    }
    site.requests.cancel(third.release_id or "", actor=GIT)
    site.start_worker()
    for row in rows.values():
        site.until(lambda row=row: site.tasks()[row["uuid"]]["state"] != "PENDING", f"{row['name']} goes on")
    last = site.task("release.sanity", "v1.1-blue")
    site.until(lambda: site.tasks()[last["uuid"]]["state"] == "FAILURE", "the second had its turn")
    [worker] = site.until(lambda: site.ask("/api/workers?refresh=1").json(), "the worker is known")
    tasks = site.tasks()
    late = {name: tasks[row["uuid"]] for name, row in rows.items()}
    return Story(first, second, rows, late | {"release.sanity v1.1-blue": tasks[last["uuid"]]}, worker)


@pytest.mark.parametrize("path", [*PAGES[:-1], *QUESTIONS])
def test_without_the_login_nothing_is_told(site: Site, path: str) -> None:
    for nobody in (None, ("me", "password"), ("", "")):
        assert site.ask(path, auth=nobody).status_code == HTTPStatus.UNAUTHORIZED


def test_what_waits_for_its_turn_stands_as_pending_and_tells_what_it_is(story: Story) -> None:
    row = story.early["release.waiting v1.1-blue"]

    assert row["state"] == "PENDING"
    assert row["kwargs"] == str({"app": "shop", "tag": "v1.1-blue", "release": story.second.release_id})


def test_a_stage_that_waits_for_a_worker_is_pending_under_its_own_name(story: Story) -> None:
    row = story.early["release.sanity v1.0-blue"]

    assert row["state"] == "PENDING"
    assert row["uuid"].startswith(f"{story.first.release_id}.0-sanity.")
    for word in (f"'release': '{story.first.release_id}'", "'app': 'shop'", "'tag': 'v1.0-blue'"):
        assert word in row["kwargs"]


def test_a_wait_ends_in_flower_with_its_turn_and_with_a_cancel(story: Story) -> None:
    assert {name: row["state"] for name, row in story.late.items()} == {
        "release.sanity v1.0-blue": "FAILURE",
        "release.waiting v1.1-blue": "SUCCESS",
        "release.waiting v1.2-blue": "SUCCESS",
        "release.sanity v1.1-blue": "FAILURE",
    }


def test_no_page_no_answer_and_no_log_holds_a_secret(site: Site, story: Story) -> None:
    task = story.late["release.sanity v1.1-blue"]["uuid"]
    more = (f"/worker/{story.worker}", f"/task/{task}", f"/api/task/info/{task}", f"/api/task/result/{task}")

    answers = {path: site.ask(path) for path in (*PAGES, *QUESTIONS, *more)}
    told = {path: answer.text for path, answer in answers.items()}
    told |= {log.name: log.read_text() for log in site.folder.glob("logs/*.log")}

    assert {path: answer.status_code for path, answer in answers.items() if not answer.ok} == {}
    assert "worker_disable_prefetch" in told[f"/worker/{story.worker}"]  # so the settings stand there
    assert str(story.second.release_id) in told[f"/task/{task}"]
    found = [(path, name) for path, text in told.items() for name, one in SECRETS.items() if one in text]
    assert found == []


def test_nobody_sees_a_secret_in_the_list_of_processes(story: Story) -> None:
    lines = [_command_line(folder) for folder in Path("/proc").glob("[0-9]*")]

    assert story.worker
    assert [line for line in lines if " flower " in line and "--read-only=True" in line]
    assert [line for line in lines if any(secret in line for secret in SECRETS.values())] == []


def _command_line(process: Path) -> str:
    with suppress(OSError):
        return (process / "cmdline").read_text(errors="replace").replace("\0", " ")
    return ""


@pytest.mark.parametrize("path", CHANGES)
def test_who_has_the_login_may_look_and_change_nothing(site: Site, story: Story, path: str) -> None:
    """Roles and the audit trail are the web process's: nothing goes past them."""
    task = story.late["release.sanity v1.1-blue"]["uuid"]

    answer = site.ask(path.format(worker=story.worker, task=task), method="POST")

    assert answer.status_code == HTTPStatus.FORBIDDEN
