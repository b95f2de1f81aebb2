"""Two clusters, one kubeconfig: an app in each, released by the same workers over a real Redis.

The namespace has the same name in both, so that what went to the wrong cluster would find its place there.
The second cluster's context is not the current one, and the token of the one is worth nothing in the other.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from cli.commands.processes import worker_arguments
from cli.demo.crew import Crew, Member
from release.loading import load_config
from release.model import JobState, StageState, State
from release.queue import Queue
from release.redis_access import connect
from release.requests import Requests
from release.store import Store
from sandbox.api.access import ADMIN
from sandbox.api.resources import RESOURCES
from sandbox.api.server import ApiServer
from sandbox.datastore import DatastoreError, find_redis_server, start_redis
from tests.integration.line import ANNA, GIT, Repo, subset_of
from tests.integration.town import Town
from worker.sending import quick_sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aiohttp import web

    from release.model import Job, Release
    from release.requests import Accepted
    from sandbox.datastore import RunningRedis
    from sandbox.store import Object

pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_redis]

DEADLINE = 60.0
NAMESPACE = "market"
WORKERS = {"first": "releases", "second": "releases", "third": "switches"}

MEET = """
import os, sys, time
from pathlib import Path

mine, other = map(Path, sys.argv[1:])
mine.touch()
end = time.monotonic() + 30
while not other.exists():
    if time.monotonic() > end:
        sys.exit(f"{other.name} did not come")
    time.sleep(0.02)
print(f"migrated for {os.environ['TAG']}")
"""
"""A migration that ends once the other app's has begun: only releases that run at once get past it."""


class Place(Town):
    """A cluster with a token of its own. ``asked``: each request to its API, but for commands' words."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        super().__init__(folder)
        self.token = f"the token of {folder.name}"
        self.asked: list[str] = []
        self.server = ApiServer(self.store, self.node, {self.token: ADMIN}, fault=self._note)

    async def _note(self, request: web.Request) -> None:
        about = {name: value for name, value in request.query.items() if name != "command"}
        self.asked.append(f"{request.method} {request.path} {about}")

    @property
    def api(self) -> str:
        """The API server's address, without the token that ``kubectl`` would want in it."""
        document = yaml.safe_load((self.folder / "kubeconfig").read_text())
        return str(document["clusters"][0]["cluster"]["server"]).partition("/as/")[0]

    def everything(self) -> dict[str, list[Object]]:
        """The namespace as it stands."""
        keys = [one.key for one in RESOURCES if one.namespaced]
        return self.call(lambda: {key: self.store.list(key, NAMESPACE) for key in keys})

    def deployments(self) -> set[str]:
        return {one["metadata"]["name"] for one in self.everything()["deployments.apps"]}

    def live_color(self) -> str:
        [route] = self.everything()["virtualservices.networking.istio.io"]
        return subset_of(route["spec"]["http"][-1])

    def ask(self, app: str, *, cookie: str = "") -> tuple[int, str]:
        """A request through this cluster's gateway: its status, and the tag that answered."""
        headers = {"Host": f"{app}.example.com"} | ({"Cookie": cookie} if cookie else {})
        answer = requests.get(self.address, headers=headers, timeout=5)
        return answer.status_code, answer.headers.get("X-Tag", "")


@dataclass
class Site:
    """The installation; requests are made as the web process makes them. ``places``: each app's cluster."""

    folder: Path
    redis: RunningRedis
    places: dict[str, Place]
    repos: dict[str, Repo] = field(default_factory=dict)
    crew: Crew = field(init=False)

    def __post_init__(self) -> None:
        for app, place in self.places.items():
            (self.folder / app).mkdir()
            self.repos[app] = Repo(self.folder / app)
            (self.repos[app].clone / "meet.py").write_text(MEET)
            place.add_namespace(NAMESPACE)
            place.add_image(f"registry.sandbox/{app}", self.repos[app].bare, [sys.executable, "-S", "app.py"])
        self.kubeconfig.write_text(yaml.safe_dump(merge(*self.places.values())))
        file = self.folder / "verdigris.yml"
        file.write_text(yaml.safe_dump({"apps": {app: self._configured(app) for app in self.places}}))
        self.store = Store(connect(self.redis.url, timeout=5))
        queue = Queue(connect(self.redis.url, timeout=5))
        self.requests = Requests(load_config(file), self.store, queue, quick_sender(self.redis.url))
        self.crew = Crew(environment=self._environment(file), logs=self.folder / "logs")

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def _configured(self, app: str) -> dict[str, Any]:
        place, [other] = self.places[app], set(self.places) - {app}
        values = {"replicas": 1, "readiness_path": "/ready", "drain_seconds": 0, "grace_seconds": 2}
        signs = [str(self.folder / f"{one} migrates") for one in (app, other)]
        return {
            "repository": str(self.repos[app].bare),
            "context": place.folder.name,
            "namespace": NAMESPACE,
            "image": f"registry.sandbox/{app}:{{tag}}",
            "gateway": {"address": place.address, "host": f"{app}.example.com"},
            "values": {"hosts": [f"{app}.example.com"], **values},
            "migrate": [[sys.executable, "-S", "meet.py", *signs]],
            "smoke": {"requests": [{"path": "/"}], "deadline": 10, "interval": 0.1},
            "drain": 0,
        }

    def _environment(self, file: Path) -> dict[str, str]:
        return {
            **os.environ,
            "VERDIGRIS_CONFIG": str(file),
            "VERDIGRIS_REDIS_URL": self.redis.url,
            "VERDIGRIS_DATA": str(self.folder / "data"),
            "KUBECONFIG": str(self.kubeconfig),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self) -> None:
        """Nobody waits for the workers: what is asked of them before they are there stands in Redis."""
        for name, queue in WORKERS.items():
            command = (sys.executable, "-m", "celery", *worker_arguments(queue, name))
            self.crew.start(Member(name, command))

    def push(self, app: str, tag: str) -> Accepted:
        """Commit, tag, push, and deliver the webhook."""
        commit = self.repos[app].commit(tag)
        return self.requests.deploy(app, tag, actor=GIT, commit=commit, delivery=f"{app} {tag}")

    def promote(self, app: str) -> Accepted:
        return self.requests.promote(app, actor=ANNA, reason="looks good")

    def finish(self, *accepted: Accepted) -> None:
        """Wait until the jobs are over, all of which must have ended well."""
        for one in accepted:
            self.until(partial(self.is_over, one), f"{one} is over")
            job = self.job(one)
            assert job.state is JobState.DONE, f"{job.app} {job.kind} {job.tag}: {job.problem}"
            assert {run.state for run in job.stages} == {StageState.PASSED}

    def is_over(self, accepted: Accepted) -> bool:
        return self.job(accepted).state.is_over

    def until(self, condition: Callable[[], object], what: str) -> None:
        end, pause = time.monotonic() + DEADLINE, threading.Event()
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"not within {DEADLINE:.0f} s: {what}\n{self.logs()}")
            pause.wait(0.02)

    def job(self, accepted: Accepted) -> Job:
        found = self.store.find_job(accepted.job_id)
        assert found
        return found

    def release(self, accepted: Accepted) -> Release:
        found = self.store.find_release(accepted.release_id or "")
        assert found
        return found

    def log(self, accepted: Accepted) -> list[str]:
        return [line.text for line in self.store.log(accepted.release_id or "")]

    def logs(self) -> str:
        """What the workers said last."""
        files = {name: self.crew.log_of(name) for name in WORKERS}
        return "\n".join(f"--- {name}\n{file.read_text()[-2000:]}" for name, file in files.items())


def merge(*places: Place) -> dict[str, Any]:
    """A kubeconfig with a context for each; the first is the current one."""
    named = [(place.folder.name, place) for place in places]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": named[0][0],
        "clusters": [{"name": f"{name}-api", "cluster": {"server": place.api}} for name, place in named],
        "users": [{"name": f"{name}-user", "user": {"token": place.token}} for name, place in named],
        "contexts": [
            {"name": name, "context": {"cluster": f"{name}-api", "user": f"{name}-user"}} for name, _ in named
        ],
    }


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RunningRedis]:
    try:
        server = find_redis_server()
    except DatastoreError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a real Redis: {error}")
        pytest.skip(str(error))
    with start_redis(tmp_path / "redis", server=server) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, redis: RunningRedis) -> Iterator[Site]:
    """The app ``shop`` in the cluster ``west``, the app ``till`` in the cluster ``east``."""
    with ExitStack() as stack:
        places = {app: Place(tmp_path / name) for app, name in (("shop", "west"), ("till", "east"))}
        for place in places.values():
            place.start()
            stack.callback(place.stop)
        made = Site(tmp_path, redis, places)
        stack.callback(made.crew.close)
        made.start()
        yield made


def test_an_app_lives_its_whole_life_in_a_second_cluster_and_the_first_is_not_touched(site: Site) -> None:
    west, east = site.places.values()

    # given an app in each cluster, released at once: neither migration ends before the other has begun
    shop, first = site.push("shop", "v1-green"), site.push("till", "v1-blue")
    site.finish(shop, first)
    assert east.ask("till", cookie="test=true") == (200, "v1-blue")
    site.finish(site.promote("shop"), site.promote("till"))
    assert (west.ask("shop"), east.ask("till")) == ((200, "v1-green"), (200, "v1-blue"))
    before, asked = west.everything(), len(west.asked)

    # when the one in the second cluster is released again, and tested behind its cookie
    second = site.push("till", "v2-green")
    site.finish(second)
    # then users get it after its promote, and its predecessor after the rollback
    assert (east.ask("till"), east.ask("till", cookie="test=true")) == ((200, "v1-blue"), (200, "v2-green"))
    site.finish(site.promote("till"))
    assert (east.ask("till"), east.live_color()) == ((200, "v2-green"), "green")
    site.finish(site.requests.rollback("till", actor=ANNA, reason="errors"))
    assert (east.ask("till"), east.live_color()) == ((200, "v1-blue"), "blue")

    # and decommission leaves what users have
    site.finish(site.requests.decommission("till", actor=ANNA))
    assert (east.ask("till"), east.deployments()) == ((200, "v1-blue"), {"till-blue"})
    assert [site.release(one).state for one in (first, second)] == [State.LIVE, State.RETIRED]
    assert [line for line in site.log(second) if "migrated for" in line] == ["migrated for v2-green"]

    # and meanwhile the first cluster was at most looked at
    assert west.everything() == before
    assert {line.split()[0] for line in west.asked[asked:]} <= {"GET"}
    assert (west.ask("shop"), site.release(shop).state) == ((200, "v1-green"), State.LIVE)
    # and neither was ever asked about the other's app, nor knows its host name
    assert [line for line in west.asked if "till" in line] == []
    assert [line for line in east.asked if "shop" in line] == []
    assert (west.ask("till")[0], east.ask("shop")[0]) == (404, 404)
